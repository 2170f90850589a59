"""A model's architecture with the weights that it had before it learned anything."""

import pytest
import torch

from dissect.decomposition import decompose
from dissect.models import Loaded, random_weights
from tests.conftest import FAMILY_SIZES, inputs_of, tiny

TEXTS = sorted(name for name in FAMILY_SIZES if name != "vit")


def weights(loaded: Loaded) -> torch.Tensor:
    return torch.cat([weight.flatten() for weight in loaded.model.state_dict().values()])


def test_they_are_drawn_by_the_seed_and_nothing_else_changes(minilm):
    before, state = weights(minilm), torch.random.get_rng_state()
    one, same, other = (random_weights(minilm, seed) for seed in (1, 1, 2))
    assert torch.equal(weights(one), weights(same)) and not torch.equal(weights(one), weights(other))
    assert torch.equal(weights(minilm), before) and torch.equal(torch.random.get_rng_state(), state)
    assert one.tokenizer is minilm.tokenizer and not one.model.training
    assert one.label == "minilm with random weights, seed 1"


def test_norms_do_nothing_yet_and_biases_are_zero(minilm):
    drawn = random_weights(minilm, 0).model
    for name, weight in drawn.named_parameters():
        if "LayerNorm.weight" in name:
            assert weight.eq(1).all()
        elif name.endswith("bias"):
            assert weight.eq(0).all()
        else:
            spread = drawn.config.initializer_range
            assert abs(weight.std().item() / spread - 1) < 0.1, name


@pytest.mark.parametrize("family", [*TEXTS, *(name for name in ("bert", "roberta") if name not in TEXTS)])
def test_any_family_can_be_drawn_anew_and_dissected(family):
    model = tiny(family)
    drawn = random_weights(Loaded("tiny", model, None), 0)
    assert drawn.model.dtype == model.dtype and type(drawn.model) is type(model)
    decompose(drawn.model, **inputs_of(model))
