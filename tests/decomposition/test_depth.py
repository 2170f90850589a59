"""Many norms one after the other: neither products of gains nor of deviations stay in float32's range."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dissect import Decomposer
from dissect.decomposition.decomposer import TOLERANCE, cancelling
from dissect.errors import InexactSum
from tests.conftest import inputs_of, tiny

WAYS = ("layer", "head", "source", "neuron")


def deep(family, layers, gain, spread=1.1, scale=0.4, seed=0):
    """A model with so many layers, gains around one number, and biases as large as the gains.

    scale: of the weights; small ones leave the stream as large as the norm before has made it.
    """
    depth = {
        "distilbert": {"n_layers": layers},
        "bart": {"encoder_layers": 1, "decoder_layers": layers},
    }.get(family, {"num_hidden_layers": layers})
    model = tiny(family, seed, scale=scale, **depth)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if "norm" in type(module).__name__.lower():
                power = torch.rand(module.weight.shape, generator=generator, dtype=torch.float64) * 2 - 1
                module.weight.copy_(gain * spread**power)
                if getattr(module, "bias", None) is not None:
                    module.bias.mul_(gain)
    return model


def held_against_float64(model, ways=()):
    """Terms in float32 miss the embedding, and those in float64, by rounding alone."""
    inputs = inputs_of(model, lengths=[7, 3])
    exact = Decomposer(model)(**inputs)
    decomposer = Decomposer(model.float())
    parts = decomposer(**inputs)
    assert exact.error < 1e-13 and parts.error < 2e-6
    assert all(layer.error < 2e-6 for layer in decomposer.layers(**inputs))
    real, size = exact.mask, exact.terms.norm(dim=-1).amax(0)
    missed = (parts.terms.double() - exact.terms).norm(dim=-1) / size
    assert missed[:, real].max() < 1e-4  # the passes themselves differ, layer after layer
    for by in ways:
        decomposer(**inputs, by=by)


@pytest.mark.parametrize("scale", [0.02, 0.4])
@pytest.mark.parametrize(("layers", "gain"), [(24, 0.1), (24, 20.0), (48, 0.2), (48, 5.0)])
def test_deep_models_of_small_and_of_large_gains(layers, gain, scale):
    held_against_float64(deep("bert", layers, gain, scale=scale), WAYS if layers == 24 else ())


@settings(max_examples=6, deadline=None)
@example(family="albert", layers=5, gain=1.0, spread=30.0, scale=0.02, seed=1)
@given(
    family=st.sampled_from(["distilbert", "electra", "albert", "bart", "gemma2", "olmo2"]),
    layers=st.integers(2, 20),
    gain=st.floats(-1.3, 1.6).map(lambda power: 10**power),
    spread=st.sampled_from([1.0, 1.5, 30.0]),
    scale=st.sampled_from([0.02, 0.4]),
    seed=st.integers(0, 999),
)
def test_random_depths_and_gains(family, layers, gain, spread, scale, seed):
    """In float32 the sum holds, or the terms are seen to cancel; in float64 it holds."""
    model = deep(family, layers, gain, spread, scale, seed)
    inputs = inputs_of(model, lengths=[7, 3])
    Decomposer(model).layers(**inputs)  # raises otherwise
    try:
        found = Decomposer(model.float()).layers(**inputs)
    except InexactSum as error:
        assert "and cancel, which costs digits: decompose the model in float64" in str(error)
        return
    assert all(layer.error < TOLERANCE[torch.float32] * max(1, cancelling(layer)) for layer in found)


def test_terms_that_cancel_are_told_from_a_wrong_row():
    """Gains between 0.03 and 30, five times over in ALBERT, which has one norm for all layers."""
    model = deep("albert", 5, 1.0, 30.0, 0.02, seed=1)
    inputs = inputs_of(model, lengths=[7, 3])
    assert Decomposer(model)(**inputs).error < TOLERANCE[torch.float64]
    with pytest.raises(InexactSum, match="times as long and cancel.*float64"):
        Decomposer(model.float())(**inputs)


def test_gains_of_all_but_nothing_leave_the_others_digits():
    """As in all-MiniLM-L6-v2, where two gains are near 1e-33."""
    model = deep("bert", 12, 10.0)
    for layer in model.encoder.layer:
        layer.output.LayerNorm.weight.data[:2] = 1e-33
    held_against_float64(model)


def test_a_term_that_overflows_is_named_and_no_row_is_blamed():
    """All elements of the last sum are 2⁶⁰, which the norm takes out; the mean alone is more than 2¹²⁸."""
    model = tiny("bert", dtype=torch.float32)
    last = model.encoder.layer[-1].output
    with torch.no_grad():
        last.dense.bias.fill_(2.0**60)
        last.LayerNorm.weight.fill_(2.0**60)
    inputs = inputs_of(model)
    assert model(**inputs).last_hidden_state.isfinite().all()
    with pytest.raises(
        InexactSum, match="embedding is finite, but .*c.* exceed what torch.float32 holds"
    ) as told:
        Decomposer(model)(**inputs)
    assert "decomposition/families" not in str(told.value) and "model.double()" in str(told.value)


def test_parts_are_held_against_embeddings_of_any_size(monkeypatch):
    """The squares of this embedding are more than float32 holds, and half of a head is not a head."""
    from dissect.decomposition.splits import Sight

    model = tiny("bert", dtype=torch.float32)
    model.encoder.layer[-1].output.LayerNorm.weight.data *= 1e24
    decomposer, inputs = Decomposer(model), inputs_of(model)
    assert decomposer(**inputs, by="head").error < 1e-6
    by_head = Sight.by_head
    monkeypatch.setattr(Sight, "by_head", lambda *given: by_head(*given) / 2)
    with pytest.raises(InexactSum, match="miss their sum"):
        decomposer(**inputs, by="head")
