"""A second implementation: the paper's closed forms as written, one token and one term at a time.

It reads a post-norm encoder's weights itself, computes attention itself, and shares no code with
`dissect`. Slow and literal on purpose.
"""

import math

import torch

PATHS = {
    "bert": {
        "layers": "encoder.layer", "q": "attention.self.query", "k": "attention.self.key",
        "v": "attention.self.value", "o": "attention.output.dense",
        "n1": "attention.output.LayerNorm", "w1": "intermediate.dense", "w2": "output.dense",
        "n2": "output.LayerNorm",
    },
    "distilbert": {
        "layers": "transformer.layer", "q": "attention.q_lin", "k": "attention.k_lin",
        "v": "attention.v_lin", "o": "attention.out_lin", "n1": "sa_layer_norm", "w1": "ffn.lin1",
        "w2": "ffn.lin2", "n2": "output_layer_norm",
    },
}  # fmt: skip
PATHS["roberta"] = PATHS["electra"] = PATHS["bert"]


def linear(x, module):
    return x @ module.weight.T + module.bias


def closed_forms(model, input_ids, embeddings_sum):
    """(i, h, f, c), each (tokens, hidden), for one sentence without padding.

    embeddings_sum: (tokens, hidden), word + position + segment embeddings.
    """
    paths = PATHS[model.config.model_type]
    heads = model.config.num_attention_heads
    layers = [
        {name: layer.get_submodule(path) for name, path in paths.items() if name != "layers"}
        for layer in model.get_submodule(paths["layers"])
    ]
    norms = [model.embeddings.LayerNorm]
    for layer in layers:
        norms += [layer["n1"], layer["n2"]]
    top = len(norms) - 1  # Λ
    m, s = {}, {}

    def norm(x, lam):
        m[lam] = x.mean(-1, keepdim=True)
        s[lam] = (((x - m[lam]) ** 2).mean(-1, keepdim=True) + norms[lam].eps).sqrt()
        return norms[lam].weight * (x - m[lam]) / s[lam] + norms[lam].bias

    act = {"gelu": torch.nn.functional.gelu, "relu": torch.relu, "silu": torch.nn.functional.silu}
    phi = act[getattr(model.config, "hidden_act", None) or model.config.activation]
    x = norm(embeddings_sum, 0)
    h_tilde, f_tilde = [], []
    for n, w in enumerate(layers):
        size = x.shape[-1] // heads
        q, k = linear(x, w["q"]), linear(x, w["k"])
        mixed = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            a = torch.softmax(q[:, part] @ k[:, part].T / math.sqrt(size), dim=-1)
            mixed.append(a @ (x @ w["v"].weight.T)[:, part])
        h_tilde.append(torch.cat(mixed, -1) @ w["o"].weight.T)
        constant = w["o"].weight @ w["v"].bias + w["o"].bias
        x = norm(x + h_tilde[-1] + constant, 2 * n + 1)
        f_tilde.append(phi(linear(x, w["w1"])) @ w["w2"].weight.T)
        x = norm(x + f_tilde[-1] + w["w2"].bias, 2 * n + 2)

    def product(first):
        result = torch.ones_like(embeddings_sum)
        for lam in range(first, top + 1):
            result = result * norms[lam].weight / s[lam]
        return result

    i = product(0) * embeddings_sum
    h = sum(product(2 * n + 1) * part for n, part in enumerate(h_tilde))
    f = sum(product(2 * n + 2) * part for n, part in enumerate(f_tilde))
    c = torch.zeros_like(i)
    for lam in range(top + 1):
        c = c + product(lam + 1) * norms[lam].bias - product(lam) * m[lam]
    for n, w in enumerate(layers):
        c = c + product(2 * n + 1) * (w["o"].weight @ w["v"].bias + w["o"].bias)
        c = c + product(2 * n + 2) * w["w2"].bias
    return torch.stack([i, h, f, c])


def embeddings_sum(model, input_ids):
    """Word + position + segment embeddings, (tokens, hidden), looked up by hand."""
    tables = model.embeddings
    tokens = torch.arange(len(input_ids))
    if model.config.model_type == "roberta":
        tokens = tokens + model.config.pad_token_id + 1
    total = tables.word_embeddings.weight[input_ids] + tables.position_embeddings.weight[tokens]
    if hasattr(tables, "token_type_embeddings"):
        total = total + tables.token_type_embeddings.weight[0]
    return total
