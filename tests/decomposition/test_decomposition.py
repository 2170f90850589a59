"""The decomposition against independent truth: closed forms, algebra, properties of random models."""

import copy
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dissect import TERMS, Decomposer, DissectError, decompose, subsets
from dissect.decomposition.families import BERT
from dissect.decomposition.precision import shortened
from dissect.errors import InexactSum, UnsupportedModel
from tests.closed_forms import closed_forms, embeddings_sum
from tests.conftest import DEVICES, batch, inputs_of, tiny
from tests.decomposition.test_families import ways

FAMILY_NAMES = ["bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta"]
EXACT = 1e-13  # float64, relative


def off(a, b):
    """The largest relative distance between vectors."""
    return ((a - b).norm(dim=-1) / b.norm(dim=-1)).max().item()


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_terms_equal_the_closed_forms_as_written(family):
    model = tiny(family)
    ids = batch(1, 9)["input_ids"]
    with torch.no_grad():
        expected = closed_forms(model, ids[0], embeddings_sum(model, ids[0]))
        embedding = model(input_ids=ids).last_hidden_state[0]
    parts = decompose(model, input_ids=ids)
    for n, term in enumerate(TERMS):
        assert off(parts.terms[n, 0], expected[n]) < EXACT, term
    assert off(expected.sum(0), embedding) < EXACT


def test_real_weights_equal_the_closed_forms(minilm):
    model = copy.deepcopy(minilm.model).double()
    ids = minilm.tokenizer("The crane stood in the river.", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        expected = closed_forms(model, ids[0], embeddings_sum(model, ids[0]))
    parts = decompose(model, input_ids=ids)
    assert (parts.terms[:, 0] - expected).abs().max() < 1e-12
    single = decompose(minilm.model, input_ids=ids)
    assert (single.terms[:, 0] - expected).abs().max() < 1e-4


@settings(max_examples=40, deadline=None)
@given(
    family=st.sampled_from(FAMILY_NAMES),
    seed=st.integers(0, 10_000),
    heads=st.sampled_from([1, 2, 4]),
    layers=st.integers(1, 4),
    act=st.sampled_from(["gelu", "relu", "silu"]),
    eps=st.sampled_from([1e-12, 1e-5, 1e-2]),
    tokens=st.integers(1, 12),
    data=st.data(),
)
def test_terms_add_up_for_random_models(family, seed, heads, layers, act, eps, tokens, data):
    names = (
        {"n_layers": layers, "n_heads": heads, "activation": act}
        if family == "distilbert"
        else {"num_hidden_layers": layers, "num_attention_heads": heads, "hidden_act": act,
              "layer_norm_eps": eps}
    )  # fmt: skip
    model = tiny(family, seed, **names)
    lengths = data.draw(st.lists(st.integers(1, tokens), min_size=1, max_size=4))
    inputs = batch(len(lengths), tokens, seed, lengths)
    decomposer = Decomposer(model)
    parts = decomposer(**inputs, by="layer")
    with torch.no_grad():
        returned = model(**inputs).last_hidden_state
    assert torch.equal(parts.embedding, returned)
    assert parts.error < EXACT
    assert torch.allclose(
        parts.importance().sum(0)[parts.mask], torch.ones(int(parts.mask.sum())).double(), atol=1e-9
    )
    for term in "hf":
        assert parts.split[term].shape == (layers, *returned.shape)
        assert torch.allclose(parts.split[term].sum(0), parts[term], atol=1e-12, rtol=1e-9)
    states = decomposer.layers(**inputs)
    assert len(states) == layers + 1
    assert all(state.error < EXACT for state in states)
    difference = (states[-1].terms - parts.terms)[:, parts.mask].norm(dim=-1)
    assert (difference / returned[parts.mask].norm(dim=-1)).max() < EXACT


def test_layer_zero_is_input_and_bias_only():
    first = Decomposer(tiny("bert")).layers(**batch(2, 6))[0]
    assert not first.h.any() and not first.f.any()
    assert first.i.any() and first.c.any()


def test_layers_one_at_a_time_keep_two_at_most():
    alive = weakref.WeakSet()
    for parts in Decomposer(tiny("bert", num_hidden_layers=6)).each_layer(**batch(2, 6)):
        alive.add(parts.terms)
        assert not parts.terms.requires_grad
        assert len(alive) <= 2  # a layer's terms follow from those before
    assert len(alive) == 1


def test_padding_changes_no_term():
    model = tiny("roberta")
    padded = decompose(model, **batch(1, 9, lengths=[5]))
    short = {name: value[:, :5] for name, value in batch(1, 9, lengths=[5]).items()}
    alone = decompose(model, **short)
    assert torch.allclose(padded.terms[:, :, :5], alone.terms, atol=1e-10)


def test_subsets_are_sums():
    parts = decompose(tiny("bert"), **batch(2, 5))
    assert subsets()[0] == "" and not parts[""].any()
    assert torch.equal(parts["h"], parts.h)
    assert torch.allclose(parts["i+h+c"], parts.i + parts.h + parts.c)
    for wrong in ["x", "h+h", "i-h", "i,h"]:
        with pytest.raises(DissectError, match="not a subset"):
            parts[wrong]


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_the_model_is_left_as_it_was_found():
    model = tiny("bert").train()
    model.encoder.layer[1].eval()  # a mixed state is put back too
    before = [m.training for m in model.modules()]
    gradients = [p.requires_grad for p in model.parameters()]
    parts = decompose(model, **batch(2, 5))
    assert [m.training for m in model.modules()] == before
    assert [p.requires_grad for p in model.parameters()] == gradients
    assert hooks(model) == 0
    assert not parts.terms.requires_grad


def test_hooks_are_gone_after_an_error():
    model = tiny("bert").train()
    model.encoder.layer[1].register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        decompose(model, input_ids=torch.tensor([[3]]))
    assert hooks(model) == 1  # the one that was there
    assert all(m.training for m in model.modules())


def test_dropout_is_off_and_the_answer_the_same_twice():
    model = tiny("bert", hidden_dropout_prob=0.5).train()
    inputs = batch(2, 5)
    assert torch.equal(decompose(model, **inputs).terms, decompose(model, **inputs).terms)


def test_a_task_head_makes_no_difference():
    from transformers import BertForTokenClassification

    base = tiny("bert")
    model = BertForTokenClassification(base.config).double()
    model.bert.load_state_dict(base.state_dict(), strict=False)
    inputs = batch(2, 5)
    assert torch.equal(decompose(model, **inputs).terms, decompose(base, **inputs).terms)


@pytest.mark.parametrize("family", [*FAMILY_NAMES, "mpt", "luke", "xlm", "gpt_bigcode"])
def test_the_longest_input_works_and_one_more_is_refused(family):
    from dissect.decomposition.decomposer import longest_input

    model = tiny(family)
    longest = longest_input(model)
    assert decompose(model, **batch(1, longest)).error < EXACT
    with pytest.raises(DissectError, match="more than the"):
        decompose(model, **batch(1, longest + 1))


def test_empty_input_is_refused():
    for shape in [(0, 4), (1, 0)]:
        with pytest.raises(DissectError, match="empty"):
            decompose(tiny("bert"), input_ids=torch.zeros(shape, dtype=torch.long))
    with pytest.raises(DissectError, match="no input_ids"):
        decompose(tiny("bert"))


def test_an_unknown_family_is_named_with_those_known():
    from transformers import CTRLConfig, CTRLModel

    model = CTRLModel(CTRLConfig(n_embd=8, n_layer=1, n_head=2, vocab_size=9, dff=8))
    with pytest.raises(UnsupportedModel, match="'ctrl'.*known families are.*add a row"):
        decompose(model, input_ids=torch.tensor([[1]]))


def test_what_would_break_the_sum_is_refused():
    with pytest.raises(UnsupportedModel, match="add_cross_attention"):
        Decomposer(tiny("bert", is_decoder=True, add_cross_attention=True))
    with pytest.raises(UnsupportedModel, match="chunk"):
        Decomposer(tiny("bert", chunk_size_feed_forward=2))


def test_nan_weights_are_reported():
    model = tiny("bert")
    with torch.no_grad():
        model.encoder.layer[0].output.dense.weight[0, 0] = float("nan")
    with pytest.raises(InexactSum, match="NaN"):
        decompose(model, **batch(1, 4))


def test_a_wrong_formula_would_be_noticed(monkeypatch):
    """The check is not vacuous: a family row that leaves a norm out does not add up."""
    from dataclasses import replace

    from dissect.decomposition import families

    attention = replace(BERT.sublayers[0], norm="")
    wrong = replace(BERT, sublayers=(attention, BERT.sublayers[1]))
    monkeypatch.setitem(families.FAMILIES, "bert", wrong)
    with pytest.raises(InexactSum, match=r"decomposition/families"):
        decompose(tiny("bert"), **batch(1, 4))
    with pytest.raises(InexactSum):
        Decomposer(tiny("bert")).layers(**batch(1, 4))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_lower_precision_keeps_terms_in_float32(minilm, dtype, device):
    allowed = max(2 * torch.finfo(dtype).eps, 1e-6)
    model = copy.deepcopy(minilm.model).to(device, dtype)
    inputs = minilm.tokenizer("A crane stood in the shallow river.", return_tensors="pt").to(device)
    parts = decompose(model, **inputs)
    assert parts.embedding.dtype == dtype and parts.terms.dtype == torch.float32
    assert parts.error < allowed


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("family", ["bert", "albert", "gpt2", "llama", "t5", "granite", "gpt_oss"])
def test_within_autocast_only_the_model_rounds(family, dtype, device):
    model = tiny(family, dtype=torch.float32).to(device)
    inputs = {name: value.to(device) for name, value in inputs_of(model, lengths=[7, 3]).items()}
    # what goes through a map is rounded there, on the way of the model but not of the terms
    allowed = 2 * torch.finfo(dtype).eps if family == "albert" else 1e-6
    with torch.autocast(device, dtype):
        parts = decompose(model, **inputs)
        shares = parts.importance()
        layers = Decomposer(model).layers(**inputs)
        splits = [decompose(model, by=by, **inputs) for by in ways(Decomposer(model))]
    assert parts.terms.dtype == shares.dtype == torch.float32
    for each in [parts, *layers[1:], *splits]:
        assert each.error < allowed
    assert (shares.sum(0)[parts.mask] - 1).abs().max() < allowed
    assert not torch.equal(parts.terms, decompose(model, **inputs).terms)  # autocast was on


def test_the_setting_that_shortens_float32_is_named(minilm):
    inputs = minilm.tokenizer(["A crane stood in the shallow river."] * 30, return_tensors="pt")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        if not shortened(torch.device("cpu")):
            pytest.skip("this processor multiplies float32 in float32, whatever the setting")
        with pytest.raises(InexactSum, match="set_float32_matmul_precision"):
            decompose(minilm.model, **inputs)
    finally:
        torch.set_float32_matmul_precision(before)
    assert not shortened(torch.device("cpu"))
    assert decompose(minilm.model, **inputs).error < 1e-6


def test_an_unknown_split_is_refused():
    with pytest.raises(DissectError, match="by='word'.*'layer', 'head'"):
        decompose(tiny("bert"), by="word", **batch(1, 4))
