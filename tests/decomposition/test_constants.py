"""What belongs to c where a map or a norm on a branch is on the way, by hand from the modules' weights."""

import pytest
import torch

from dissect import Decomposer
from tests.conftest import batch, inputs_of, tiny


@pytest.mark.parametrize(
    ("family", "path"),
    [("albert", "encoder.embedding_hidden_mapping_in"), ("electra", "embeddings_project")],
)
def test_the_bias_of_a_map_is_in_c_and_not_in_i(family, path):
    model = tiny(family)
    table, norm, linear = model.embeddings, model.embeddings.LayerNorm, model.get_submodule(path)
    inputs = batch(2, 7)
    places = table.position_embeddings.weight[:7] + table.token_type_embeddings.weight[0]
    x = table.word_embeddings(inputs["input_ids"]) + places
    mean = x.mean(-1, keepdim=True)
    deviation = (x.var(-1, keepdim=True, correction=0) + norm.eps).sqrt()
    first = Decomposer(model).layers(**inputs)[0]
    i = (norm.weight * x / deviation) @ linear.weight.T
    c = (norm.bias - norm.weight * mean / deviation) @ linear.weight.T + linear.bias
    assert torch.allclose(first.i, i, rtol=1e-12, atol=1e-12)
    assert torch.allclose(first.c, c, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("family", "more"), [("olmo2", 0.0), ("gemma2", 1.0)])
def test_what_biases_write_through_a_norm_on_a_branch_is_in_c(family, more):
    """The norm scales them by the whole output's size; all that h has is from the values."""
    model = tiny(family, num_hidden_layers=1, attention_bias=True)
    layer, seen = model.layers[0], {}
    for name, module in {"out": layer.self_attn.o_proj, "end": model.norm}.items():
        module.register_forward_hook(
            lambda _, args, out, name=name: seen.update({name: (args[0].detach(), out.detach())})
        )
    inputs = inputs_of(model)
    parts = Decomposer(model)(**inputs)

    def scaled(norm, x, by):
        eps = getattr(norm, "variance_epsilon", None) or norm.eps
        return (norm.weight + more) * x / (by.square().mean(-1, keepdim=True) + eps).sqrt()

    out = seen["out"][1]
    groups = layer.self_attn.num_key_value_groups
    value = layer.self_attn.v_proj.bias.view(-1, layer.self_attn.head_dim).repeat_interleave(groups, 0)
    biases = layer.self_attn.o_proj(value.flatten())
    stream = seen["end"][0]

    def arrived(x):
        return scaled(model.norm, scaled(layer.post_attention_layernorm, x, by=out), by=stream)

    assert biases.norm() > 0.1 * out.norm(dim=-1).max()
    assert torch.allclose(parts.h, arrived(out - biases), rtol=1e-6, atol=1e-6)
    assert torch.allclose(parts.c, arrived(biases.expand_as(out)), rtol=1e-6, atol=1e-6)
