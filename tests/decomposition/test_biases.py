"""Constants and norms that sums cannot see: shifted by hand, what a model adds shifts as said."""

import pytest
import torch

from dissect import decompose
from dissect.decomposition.decomposer import Decomposer
from dissect.decomposition.families import find_all
from dissect.decomposition.sites import constant_of
from tests.conftest import inputs_of, tiny


def test_a_bias_of_debertas_values_that_is_no_part_of_their_projection_is_in_c():
    """Every token's values shift by it, and rows of attention sum to one: h stays as it is."""
    model = tiny("deberta")
    decomposer = Decomposer(model)
    layer = find_all(decomposer.base, decomposer.family.layers)[0]
    own, out = layer.attention.self.v_bias, layer.attention.output.dense
    shift = torch.randn(len(own), dtype=own.dtype)
    before = constant_of(layer, decomposer.family.sublayers[0], model.config)
    with torch.no_grad():
        own += shift
    after = constant_of(layer, decomposer.family.sublayers[0], model.config)
    assert torch.allclose(after - before, out.weight @ shift)


@pytest.mark.parametrize("family", ["deberta", "bert", "modernbert"])
def test_norms_that_add_much_to_the_variance_are_followed(family):
    """DeBERTa's norms are a class of their own, whose deviations are computed here."""
    setting = "norm_eps" if family == "modernbert" else "layer_norm_eps"
    model = tiny(family, **{setting: 0.5})
    assert decompose(model, **inputs_of(model)).error < 1e-6
