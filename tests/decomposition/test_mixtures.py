"""Mixtures of experts and attention sinks: by hand from the modules' weights, and by shifting biases."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from dissect import Decomposer, DissectError
from dissect.decomposition.certificate import certify
from dissect.decomposition.families import FAMILIES
from dissect.errors import UnsupportedModel, WrongTerm
from tests.conftest import inputs_of, tiny

MIXTURES = ["mixtral", "qwen3_moe", "qwen2_moe", "olmoe", "flex_olmo", "phimoe", "glm4_moe", "gpt_oss"]


def entered(model, inputs, layer=0):
    """What enters a mixture, (batch · tokens, hidden)."""
    seen = []
    handle = model.layers[layer].mlp.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        model(**inputs)
    handle.remove()
    return seen[0].flatten(0, 1)


def gated(expert, x):
    return expert.down_proj(expert.act_fn(expert.gate_proj(x)) * expert.up_proj(x))


def mixture_by_hand(mlp, x, normed, shared=None):
    """What each expert adds by the definition, for all experts and tokens: (experts, tokens, hidden)."""
    probabilities = (x @ mlp.gate.weight.T).softmax(-1)
    best = probabilities.topk(2, dim=-1)
    shares = torch.zeros_like(probabilities).scatter(1, best.indices, best.values)
    shares = shares / shares.sum(-1, keepdim=True) if normed else shares
    parts = []
    for n, (up, down) in enumerate(zip(mlp.experts.gate_up_proj, mlp.experts.down_proj, strict=True)):
        gate, value = (x @ up.T).chunk(2, dim=-1)
        parts.append(shares[:, n : n + 1] * ((nn.functional.silu(gate) * value) @ down.T))
    if shared is not None:
        parts.append(torch.sigmoid(mlp.shared_expert_gate(x)) * gated(mlp.shared_expert, x))
    return torch.stack(parts)


@pytest.mark.parametrize(
    ("family", "normed", "shared"),
    [("mixtral", True, None), ("olmoe", False, None), ("qwen2_moe", False, "shared_expert")],
)
@torch.no_grad()
def test_each_expert_adds_what_it_is_defined_to_add(family, normed, shared):
    """In the last layer, up to the last norm, whose gain and size are the same for all of them."""
    model = tiny(family)
    inputs = inputs_of(model)
    last = len(model.layers) - 1
    split = Decomposer(model)(**inputs, by="expert", layers=[last + 1]).split["f"][0]
    by_hand = mixture_by_hand(model.layers[last].mlp, entered(model, inputs, last), normed, shared)
    stream = []
    handle = model.norm.register_forward_pre_hook(lambda module, args: stream.append(args[0]))
    model(**inputs)
    handle.remove()
    scale = (stream[0].square().mean(-1, keepdim=True) + model.config.rms_norm_eps).rsqrt()
    expected = model.norm.weight * by_hand.unflatten(1, split.shape[1:3]) * scale
    assert split.shape == expected.shape
    assert torch.allclose(split, expected, rtol=1e-5, atol=1e-5)
    # of six experts two work for a token, which is not what a share of all would be
    assert ((split[:6].norm(dim=-1) > 0).sum(0) == 2).all()


@pytest.mark.parametrize("family", MIXTURES)
def test_the_experts_of_all_layers(family):
    model = tiny(family)
    decomposer, inputs = Decomposer(model), inputs_of(model, lengths=[7, 3])
    parts = decomposer(**inputs, by="expert")
    beside = family in ("qwen2_moe", "glm4_moe")  # what every token goes through comes last
    assert parts.split["f"].shape == (3, 6 + beside, 2, 7, 24)
    missed = (parts.split["f"].sum((0, 1)) - parts.f)[parts.mask].norm(dim=-1)
    assert (missed / parts.embedding[parts.mask].norm(dim=-1)).max() < 1e-6
    some = decomposer(**inputs, by="expert", layers=[2], tokens=[3, 1]).split["f"]
    assert torch.allclose(some[0], parts.split["f"][1][:, :, [3, 1]], rtol=1e-6, atol=1e-9)


def test_layers_without_experts_write_by_what_every_token_goes_through():
    """Every second layer of this one is a mixture; the others have a feed-forward of the usual kind."""
    model = tiny("qwen3_moe/every second layer")
    split = Decomposer(model)(**inputs_of(model), by="expert").split["f"]
    assert split.shape[:2] == (3, 7)
    assert not split[[0, 2], :6].any() and split[[0, 2], 6].all()
    assert split[1, :6].any() and not split[1, 6].any()


def test_only_mixtures_are_split_by_expert():
    with pytest.raises(DissectError, match="mixtures of experts, and 'bert' is none; by='neuron'"):
        Decomposer(tiny("bert"))(**inputs_of(tiny("bert")), by="expert")
    with pytest.raises(UnsupportedModel, match="'mixtral' are mixtures of experts.*by='expert'"):
        Decomposer(tiny("mixtral"))(**inputs_of(tiny("mixtral")), by="neuron")
    model = tiny("qwen3_moe", mlp_only_layers=[0, 1, 2])
    with pytest.raises(DissectError, match="no layer of this model is a mixture"):
        Decomposer(model)(**inputs_of(model), by="expert")


@pytest.mark.parametrize("family", ["mixtral", "gpt_oss"])
def test_experts_run_in_float64_whatever_kernel_the_model_has(family):
    """The kernels for all experts at once take no float64; the model's own choice is put back."""
    model = tiny(family)
    expected = Decomposer(model)(**inputs_of(model), by="expert")
    model.config._experts_implementation = "grouped_mm"
    with pytest.raises(RuntimeError):
        model(**inputs_of(model))
    found = Decomposer(model)(**inputs_of(model), by="expert")
    assert torch.equal(found.terms, expected.terms) and torch.equal(found.split["f"], expected.split["f"])
    assert model.config._experts_implementation == "grouped_mm"


# ---- GPT-OSS: rows of attention that do not sum to one, and biases of experts ----


def sums_of(model, inputs):
    """What the rows of the first layer's attention sum to, (batch, heads, tokens), by the definition."""
    attention = model.layers[0].self_attn
    seen = []
    handle = attention.register_forward_hook(lambda module, args, kwargs, out: seen.append(
        (kwargs["hidden_states"], kwargs["position_embeddings"])), with_kwargs=True)  # fmt: skip
    with torch.no_grad():
        model(**inputs)
    handle.remove()
    x, (cos, sin) = seen[0]

    def turned(y):
        first, second = y.chunk(2, dim=-1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)

    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    q = turned(attention.q_proj(x).unflatten(-1, (4, -1)).transpose(1, 2))
    k = turned(attention.k_proj(x).unflatten(-1, (2, -1)).transpose(1, 2)).repeat_interleave(2, 1)
    scores = (q @ k.transpose(-1, -2)) * attention.scaling
    ones = torch.ones(scores.shape[-2:], dtype=torch.bool)
    seen_from = ones.tril() & ones.triu(1 - 4)  # a window of four tokens
    exponents = scores.masked_fill(~seen_from, -torch.inf).exp()
    sink = attention.sinks.exp().view(1, -1, 1, 1)
    return (exponents.sum(-1, keepdim=True) / (exponents.sum(-1, keepdim=True) + sink)).squeeze(-1)


def first_attention(model, inputs):
    """What the first layer's attention adds, (batch, tokens, hidden), and what of it goes to c."""
    seen = []
    handle = model.layers[0].self_attn.o_proj.register_forward_hook(lambda m, a, out: seen.append(out))
    terms = Decomposer(model).layers(**inputs)[1]
    handle.remove()
    return seen[-1], terms  # the row asks the projection for its biases first


@torch.no_grad()
def test_the_value_bias_is_scaled_by_what_rows_of_attention_sum_to():
    model = tiny("gpt_oss", layer_types=["sliding_attention"] * 3)
    inputs = inputs_of(model)
    attention = model.layers[0].self_attn
    sums = sums_of(model, inputs)
    assert sums.max() < 1 and sums.min() > 0 and sums.std() > 0.05
    bias = attention.v_proj.bias.view(2, 6).repeat_interleave(2, 0)
    scaled = (sums.unsqueeze(-1) * bias[None, :, None]).transpose(1, 2).flatten(-2)
    constant = attention.o_proj(scaled)
    added, first = first_attention(model, inputs)
    assert torch.allclose(first.h, added - constant, rtol=1e-5, atol=1e-5)
    assert (first.c - constant).norm() > 0.1  # the experts' biases are in it too
    heads = Decomposer(model)(**inputs, by="head")
    assert torch.allclose(heads.split["h"].sum((0, 1)), heads.h, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_a_shift_of_the_value_bias_moves_c_alone():
    """With sinks too: the last layer's attention adds more, by as much as c says, and h stays as it was."""
    model = tiny("gpt_oss", num_hidden_layers=1)
    inputs = inputs_of(model)
    model.layers[0].mlp.experts.down_proj.zero_()  # the feed-forward reads what attention adds
    model.layers[0].mlp.experts.down_proj_bias.zero_()
    attention = model.layers[0].self_attn
    before, first = first_attention(model, inputs)
    attention.v_proj.bias += torch.randn_like(attention.v_proj.bias)
    after, shifted = first_attention(model, inputs)
    assert (after - before).norm() > 1
    ratio = shifted.h / first.h  # of the last norm's sizes: it sees another stream
    assert torch.allclose(ratio, ratio[..., :1].expand_as(ratio), rtol=1e-6)
    assert not torch.allclose(shifted.c / first.c, ratio, rtol=1e-2)


@torch.no_grad()
def test_the_biases_of_experts_are_in_c_in_proportion_to_their_say():
    model = tiny("gpt_oss", num_hidden_layers=1)
    inputs = inputs_of(model)
    mlp = model.layers[0].mlp
    x = entered(model, inputs)
    best = (x @ mlp.router.weight.T + mlp.router.bias).topk(2, dim=-1)
    shares = torch.zeros(len(x), 6, dtype=x.dtype).scatter(1, best.indices, best.values.softmax(-1))
    parts = Decomposer(model)(**inputs)
    stream = []
    handle = model.norm.register_forward_pre_hook(lambda module, args: stream.append(args[0]))
    model(**inputs)
    handle.remove()
    scale = (stream[0].square().mean(-1, keepdim=True) + model.config.rms_norm_eps).rsqrt()
    added = mlp(x.view(2, 7, -1))[0]
    constant = (shares @ mlp.experts.down_proj_bias).view_as(added)
    expected = model.norm.weight * (added - constant) * scale
    assert torch.allclose(parts.f, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("changes", [{"weights": ""}, {"value": "self_attn.k_proj"}])
def test_a_row_that_forgets_the_sinks_is_noticed(changes, monkeypatch):
    row = FAMILIES["gpt_oss"]
    wrong = replace(row, sublayers=(replace(row.sublayers[0], **changes), row.sublayers[1]))
    monkeypatch.setitem(FAMILIES, "gpt_oss", wrong)
    model = tiny("gpt_oss")
    with pytest.raises(WrongTerm, match="what biases add in sublayer 1"):
        certify(Decomposer(model), **inputs_of(model))


def test_a_row_that_forgets_the_biases_of_experts_is_noticed(monkeypatch):
    row = FAMILIES["gpt_oss"]
    wrong = replace(row, sublayers=(row.sublayers[0], replace(row.sublayers[1], expert_bias="")))
    monkeypatch.setitem(FAMILIES, "gpt_oss", wrong)
    model = tiny("gpt_oss")
    with pytest.raises(WrongTerm, match="what biases add in sublayer 2"):
        certify(Decomposer(model), **inputs_of(model))
