"""What is changed in a model, against a second implementation and in closed cases; and put back."""

import pytest
import torch
from torch import nn

from dissect.decomposition import Decomposer
from dissect.errors import UnsupportedModel
from dissect.experiments.interventions import changed, instead, mean_additions, reordered, twice
from tests.conftest import FAMILY_SIZES, batch, inputs_of, read_by, stacks_of, tiny

FAMILIES = [*FAMILY_SIZES, "bert", "roberta", "mpnet", "xlm-roberta", "camembert"]
ALL = [name for n, name in enumerate(FAMILIES) if name not in FAMILIES[:n]]


def nothing(out):
    return torch.zeros_like(out)


# ---- a second implementation: BERT and GPT-NeoX (parallel), written by hand ----


def attention_of(q, k, v, heads, causal=False):
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(0, 1) for x in (q, k, v))
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
    return (scores.softmax(-1) @ v).transpose(0, 1).flatten(-2)


def bert_by_hand(model, ids, replaced, order=None, again=None):
    """The last vectors of one sentence, (tokens, hidden); sublayers in `replaced` add its vector."""
    e = model.embeddings
    x = e.word_embeddings.weight[ids] + e.position_embeddings.weight[: len(ids)]
    x = e.LayerNorm(x + e.token_type_embeddings.weight[0])
    layers = list(model.encoder.layer)
    layers = [layers[n] for n in order] if order else layers
    if again is not None:
        layers.insert(again, layers[again])
    for n, layer in enumerate(layers, start=1):
        own = layer.attention.self
        mixed = attention_of(own.query(x), own.key(x), own.value(x), own.num_attention_heads)
        h = replaced.get(("h", n), layer.attention.output.dense(mixed))
        x = layer.attention.output.LayerNorm(x + h)
        inner = nn.functional.gelu(layer.intermediate.dense(x))
        f = replaced.get(("f", n), layer.output.dense(inner))
        x = layer.output.LayerNorm(x + f)
    return x


def gptj_by_hand(model, ids, replaced):
    """GPT-J adds attention and feed-forward side by side; its positions are left to the model's own code."""
    x = model.wte.weight[ids][None]
    places = torch.arange(len(ids))[None]
    for n, layer in enumerate(model.h, start=1):
        read = layer.ln_1(x)
        mask = torch.full((len(ids), len(ids)), torch.finfo(x.dtype).min, dtype=x.dtype).triu(1)[None, None]
        h, _ = layer.attn(read, attention_mask=mask, position_ids=places)
        x = x + replaced.get(("h", n), h) + replaced.get(("f", n), layer.mlp(read))
    return model.ln_f(x)[0]


@pytest.mark.parametrize("sublayer", [("h", 1), ("h", 3), ("f", 2)])
@pytest.mark.parametrize(("family", "by_hand"), [("bert", bert_by_hand), ("gptj", gptj_by_hand)])
@torch.no_grad()
def test_what_comes_after_works_on_what_was_put_there(family, by_hand, sublayer):
    model = tiny(family)
    ids = batch(1, 6)["input_ids"]
    vector = torch.randn(24, dtype=model.dtype, generator=torch.Generator().manual_seed(1))
    decomposer = Decomposer(model)
    assert torch.allclose(decomposer.embedding(input_ids=ids)[0], by_hand(model, ids[0], {}), atol=1e-10)
    with changed(decomposer, {sublayer: instead(vector)}):
        found = decomposer.embedding(input_ids=ids)[0]
    assert torch.allclose(found, by_hand(model, ids[0], {sublayer: vector}), atol=1e-10)
    assert not torch.allclose(found, by_hand(model, ids[0], {}), atol=1e-3)


@torch.no_grad()
def test_layers_in_another_order_and_twice_are_those_of_the_model_written_so():
    model = tiny("bert")
    ids = batch(1, 6)["input_ids"]
    decomposer = Decomposer(model)
    with reordered(decomposer, [2, 1, 0]):
        found = decomposer.embedding(input_ids=ids)[0]
    assert torch.allclose(found, bert_by_hand(model, ids[0], {}, order=[2, 1, 0]), atol=1e-10)
    with twice(decomposer, 1):
        found = decomposer.embedding(input_ids=ids)[0]
    assert torch.allclose(found, bert_by_hand(model, ids[0], {}, again=1), atol=1e-10)


# ---- every family ----


@pytest.mark.parametrize("family", ALL)
@torch.no_grad()
def test_sublayers_of_any_family_can_be_changed_and_are_put_back(family):
    """Seen by the recorded pass: the one that is replaced adds what it was told, those before as ever."""
    model = tiny(family)
    inputs = inputs_of(model)
    for stack in stacks_of(model):
        decomposer, given = Decomposer(model, stack), read_by(stack, inputs)
        before = decomposer.embedding(**given)
        adds = list(decomposer.additions(**given))
        assert {term for term, _, _ in adds} >= {"h", "f"}
        for place, (term, layer, _) in enumerate(adds):
            vector = torch.randn(adds[place][2].shape[-1], dtype=before.dtype)
            with changed(decomposer, {(term, layer): instead(vector)}):
                there = list(decomposer.additions(**given))
                found = decomposer.embedding(**given)
            assert torch.allclose(there[place][2], vector.expand_as(there[place][2]), atol=1e-6)
            assert all(torch.equal(there[n][2], adds[n][2]) for n in range(place))
            assert not torch.allclose(found, before, atol=1e-4)
        assert torch.equal(decomposer.embedding(**given), before)


NO_MODULE_A_LAYER = ["xlm", "flaubert"]


@pytest.mark.parametrize("family", NO_MODULE_A_LAYER)
def test_layers_that_are_no_modules_of_their_own_are_not_reordered(family):
    decomposer = Decomposer(tiny(family))
    for change in (reordered(decomposer, [1, 0, 2]), twice(decomposer, 0)):
        with pytest.raises(UnsupportedModel, match=f"the layers of '{family}' are no modules"), change:
            pass


@pytest.mark.parametrize(
    "family", [name for name in ALL if name not in ("vit", *NO_MODULE_A_LAYER) and "t5" not in name]
)
@torch.no_grad()
def test_layers_of_any_family_can_be_swapped_and_repeated_and_are_put_back(family):
    model = tiny(family)
    inputs = inputs_of(model)
    for stack in stacks_of(model):
        decomposer, given = Decomposer(model, stack), read_by(stack, inputs)
        before = decomposer.embedding(**given)
        layers = len(decomposer.sites().layers)
        with reordered(decomposer, list(range(layers))):
            assert torch.equal(decomposer.embedding(**given), before)
        if layers > 1:
            with reordered(decomposer, [1, 0, *range(2, layers)]):
                assert not torch.allclose(decomposer.embedding(**given), before, atol=1e-4)
            with twice(decomposer, 0):
                assert not torch.allclose(decomposer.embedding(**given), before, atol=1e-4)
        assert torch.equal(decomposer.embedding(**given), before)
        assert not any("forward" in vars(module) for module in model.modules())


def test_all_is_put_back_after_an_error():
    model = tiny("bert")
    decomposer = Decomposer(model)
    given = batch(2, 5)
    before = decomposer.embedding(**given)
    for block in (
        changed(decomposer, {("h", 1): nothing}), reordered(decomposer, [1, 0, 2]), twice(decomposer, 0)
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="stop"), block:
            raise RuntimeError("stop")
        assert torch.equal(decomposer.embedding(**given), before)


# ---- means ----


@torch.no_grad()
def test_means_are_over_real_tokens_and_batches():
    model = tiny("bert")
    decomposer = Decomposer(model)
    short, long = batch(2, 7, lengths=[4, 7]), batch(1, 9, seed=3)
    found = mean_additions(decomposer, [short, long])
    rows: dict = {}
    for row in (short["input_ids"][0, :4], short["input_ids"][1], long["input_ids"][0]):
        for term, layer, out in decomposer.additions(input_ids=row[None]):
            rows.setdefault((term, layer), []).append(out[0])
    assert set(found) == set(rows) and len(found) == 6
    for sublayer, of in rows.items():
        assert torch.allclose(found[sublayer], torch.cat(of).mean(0), atol=1e-10)


@torch.no_grad()
def test_a_sublayer_that_adds_the_same_everywhere_loses_nothing_to_its_mean():
    model = tiny("bert")
    model.encoder.layer[1].output.dense.weight.zero_()
    decomposer, given = Decomposer(model), batch(2, 6)
    means = mean_additions(decomposer, [given])
    before = decomposer.embedding(**given)
    with changed(decomposer, {("f", 2): instead(means["f", 2])}):
        assert torch.allclose(decomposer.embedding(**given), before, atol=1e-10)
