"""Every family: exact sums on models of random weights, with padding, and splits that add up."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dissect import Decomposer, DissectError
from dissect.errors import InexactSum, UnsupportedModel
from dissect.families import FAMILIES, REFUSED, find, find_all, known
from dissect.splits import AXIS
from dissect.trace import constant_of, matrix_of
from tests.conftest import FAMILY_SIZES, inputs_of, read_by, stacks_of, tiny

VARIANTS = sorted(set(known()) | set(FAMILY_SIZES))
ROUNDED = 1e-6  # families that compute norms in float32 whatever the format


def exact(decomposer):
    return ROUNDED if decomposer.family.float32_norms else 1e-13


def both_stacks(variant, **changes):
    model = tiny(variant, **changes)
    for stack in stacks_of(model):
        yield model, Decomposer(model, stack), stack


def returned(model, stack, inputs):
    with torch.no_grad():
        run = model.encoder if stack == "encoder" else model
        return run(**inputs, output_hidden_states=True)


@pytest.mark.parametrize("variant", VARIANTS)
def test_terms_add_up_to_what_the_model_returns_at_every_layer(variant):
    for model, decomposer, stack in both_stacks(variant):
        inputs = read_by(stack, inputs_of(model, rows=3, tokens=7, lengths=[7, 4, 1]))
        parts, layers = decomposer(**inputs), decomposer.layers(**inputs)
        output = returned(model, stack, inputs)
        assert torch.equal(parts.embedding, output.last_hidden_state)
        assert parts.error < exact(decomposer)
        states = output.get("decoder_hidden_states") or output.hidden_states
        assert len(layers) == len(states)
        # ViT gives its last hidden state before the final norm
        for mine, theirs in list(zip(layers, states, strict=True))[: -1 if variant == "vit" else None]:
            assert torch.equal(mine.embedding[parts.mask], theirs[parts.mask])
        assert all(layer.error < exact(decomposer) for layer in layers)
        assert torch.allclose(
            layers[-1].terms[:, parts.mask], parts.terms[:, parts.mask], rtol=1e-9, atol=1e-9
        )
        assert ("s" in parts.names) == (stack == "decoder") and (stack != "decoder" or parts.s.any())


@pytest.mark.parametrize("variant", VARIANTS)
def test_single_precision_is_exact_to_single_precision(variant):
    for model, decomposer, stack in both_stacks(variant, dtype=torch.float32):
        assert decomposer(**read_by(stack, inputs_of(model, lengths=[7, 3]))).error < 1e-6


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("by", ["layer", "head", "source", "neuron"])
def test_parts_sum_to_their_term(variant, by):
    for model, decomposer, stack in both_stacks(variant):
        inputs = read_by(stack, inputs_of(model))
        parts = decomposer(**inputs, by=by)
        loose = max(exact(decomposer), 1e-7 if by == "source" else 0)
        for term, split in parts.split.items():
            total = split.sum(0)
            total = total.sum(AXIS[by]) if by in AXIS else total
            missed = (total - parts[term]).norm(dim=-1) / parts.embedding.norm(dim=-1)
            assert missed.max() < loose
        last = max(len(split) for split in parts.split.values())
        some = decomposer(**inputs, by=by, layers=[last], tokens=[2, 0])
        for term, split in some.split.items():
            at = (
                (..., [2, 0], slice(None))
                if by in ("layer", "head")
                else (..., [2, 0], slice(None), slice(None))
            )
            assert torch.allclose(split[0], parts.split[term][-1][at], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_shift_of_the_value_bias_arrives_as_predicted(variant):
    """The sum cannot see a wrong slice of the value bias; what the model returns can.

    Shift the values of every token by one vector: attention's output has to shift by what
    `constant_of` says, measured at the output projection of the first layer.
    """
    for model, decomposer, stack in both_stacks(variant):
        inputs = read_by(stack, inputs_of(model))
        layer = find_all(decomposer.base, decomposer.family.layers)[0]
        for sublayer in (line for line in decomposer.family.sublayers if line.value):
            value, out = find(layer, sublayer.value), find(layer, sublayer.out)
            if value.bias is None:
                continue  # there is none to shift: the constant is the output bias
            seen = []
            handle = out.register_forward_hook(lambda module, args, result, seen=seen: seen.append(result))

            def pass_(model=model, stack=stack, inputs=inputs, seen=seen, sublayer=sublayer, layer=layer):
                seen.clear()
                returned(model, stack, inputs)
                return seen[0], constant_of(layer, sublayer, model.config)

            before, constant = pass_()
            with torch.no_grad():
                # queries and keys in the same projection move too; scores are kept by moving values only
                value.bias += value_shift(value.bias, sublayer.values, model.config)
            after, moved = pass_()
            handle.remove()
            assert torch.allclose(after - before, (moved - constant).expand_as(after), rtol=1e-5, atol=1e-5)
            assert (moved - constant).abs().max() > 1e-3


def value_shift(bias, values, config):
    """Random where the projection's bias is one of values, zero for queries and keys."""
    torch.manual_seed(1)
    shift = torch.randn_like(bias)
    if values == "last third":
        shift[: 2 * len(bias) // 3] = 0
    elif values == "last third of each head":
        heads = shift.view(config.num_attention_heads, 3, -1)
        heads[:, :2] = 0
    return shift


@settings(max_examples=25, deadline=None)
@given(
    variant=st.sampled_from(VARIANTS),
    seed=st.integers(0, 1000),
    rows=st.integers(1, 3),
    tokens=st.integers(1, 9),
    scale=st.sampled_from([0.1, 0.4, 1.0]),
)
def test_random_models_of_any_family(variant, seed, rows, tokens, scale):
    for model, decomposer, stack in both_stacks(variant, seed=seed, scale=scale):
        inputs = read_by(stack, inputs_of(model, rows, tokens, seed))
        assert decomposer(**inputs).error < exact(decomposer)


def test_matrices_come_from_answers():
    linear = torch.nn.Linear(3, 5).double()
    assert torch.allclose(matrix_of(linear), linear.weight.T)


@pytest.mark.parametrize(
    ("variant", "setting"),
    [
        ("bert", {"is_decoder": True, "add_cross_attention": True}),
        ("bert", {"chunk_size_feed_forward": 2}),
        ("deberta-v2", {"conv_kernel_size": 3}),
        ("big_bird", {"attention_type": "block_sparse"}),
        ("bloom", {"slow_but_exact": True}),
        ("bloom", {"apply_residual_connection_post_layernorm": True}),
        ("gpt2", {"add_cross_attention": True}),
    ],
)
def test_settings_that_break_the_sum_are_refused(variant, setting):
    with pytest.raises(UnsupportedModel, match=f"{list(setting)[-1]}=.* is not supported: "):
        Decomposer(tiny(variant, **setting))


@pytest.mark.parametrize("family", sorted(REFUSED))
def test_families_that_cannot_be_exact_say_why(family):
    model = tiny("bert")
    model.config.model_type = family
    with pytest.raises(UnsupportedModel, match=f"'{family}' are not decomposed: "):
        Decomposer(model)


def test_a_stack_is_for_encoder_decoders():
    with pytest.raises(UnsupportedModel, match="'bert' is none"):
        Decomposer(tiny("bert"), "encoder")
    model = tiny("t5")
    with pytest.raises(DissectError, match="no decoder_input_ids"):
        Decomposer(model)(input_ids=torch.tensor([[4, 5]]))


def test_an_encoder_alone_is_an_encoder():
    from transformers import T5EncoderModel

    whole = tiny("t5")
    alone = T5EncoderModel(whole.config).double().eval()
    alone.load_state_dict(whole.state_dict(), strict=False)
    ids = {"input_ids": torch.tensor([[4, 5, 6]])}
    assert torch.equal(Decomposer(alone)(**ids).terms, Decomposer(whole, "encoder")(**ids).terms)


def test_a_split_that_would_not_fit_is_refused_before_it_is_made(monkeypatch):
    from dissect import splits
    from dissect.errors import TooLarge

    monkeypatch.setattr(splits, "LARGEST", 20_000)
    decomposer, inputs = Decomposer(tiny("bert")), inputs_of(tiny("bert"))
    with pytest.raises(TooLarge, match=r"by='neuron' would take .* GiB.*layers=\[…\], tokens=\[…\]"):
        decomposer(**inputs, by="neuron")
    assert decomposer(**inputs, by="neuron", layers=[1], tokens=[0]).split["f"].shape == (1, 2, 1, 40, 24)


def test_a_choice_that_is_not_there_is_refused():
    decomposer, inputs = Decomposer(tiny("bert")), inputs_of(tiny("bert"))
    for choice in [{"layers": [0]}, {"layers": [4]}, {"tokens": [7]}, {"tokens": []}]:
        with pytest.raises(DissectError, match="choose among"):
            decomposer(**inputs, by="layer", **choice)


def test_attention_that_is_no_weighted_mean_is_noticed(monkeypatch):
    """The check of a split is not vacuous: weights of another layer do not add up."""
    from dissect import splits

    def wrong(output, term):
        return output.attentions[::-1]

    monkeypatch.setattr(splits, "attentions_of", wrong)
    with pytest.raises(InexactSum, match="by source"):
        Decomposer(tiny("bert"))(**inputs_of(tiny("bert")), by="source")


def test_every_row_is_tested():
    assert {name.split("/")[0] for name in VARIANTS} == {name.split(".")[0] for name in FAMILIES}


def test_the_book_lists_every_family():
    from pathlib import Path

    page = (Path(__file__).parents[1] / "book/other-models.md").read_text(encoding="utf-8")
    table = page.split("## Families with a row")[1].split("## A new family")[0]
    rows = "\n".join(line for line in table.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`([a-z0-9_-]+)`", rows)) == set(known())


# ---- other ways to run a model ----


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_either_attention(attention):
    model = tiny("bert", attn_implementation=attention)
    assert Decomposer(model)(**inputs_of(model, lengths=[7, 3])).error < 1e-13
    assert model.config._attn_implementation == attention


def test_the_attention_implementation_is_put_back():
    model = tiny("bert")
    before = model.config._attn_implementation
    Decomposer(model)(**inputs_of(model), by="source")
    assert model.config._attn_implementation == before


def test_compiled_models_are_decomposed_uncompiled():
    model = tiny("bert")
    expected = Decomposer(model)(**inputs_of(model)).terms
    model.compile(backend="eager")
    with torch.no_grad():
        model(**inputs_of(model))  # compiled before there is a hook
    assert torch.equal(Decomposer(model)(**inputs_of(model)).terms, expected)
    wrapped = torch.compile(tiny("bert"), backend="eager")
    assert torch.equal(Decomposer(wrapped)(**inputs_of(model)).terms, expected)


def test_gradient_checkpointing_and_training_mode():
    model = tiny("bert")
    expected = Decomposer(model)(**inputs_of(model)).terms
    model.activation_checkpointing_enable()
    model.train()
    assert torch.equal(Decomposer(model)(**inputs_of(model)).terms, expected)
    assert model.training


def test_device_map(tmp_path):
    from transformers import AutoModel

    model = tiny("bert")
    model.save_pretrained(tmp_path)
    mapped = AutoModel.from_pretrained(tmp_path, device_map={"": "cpu"}, dtype=torch.float64)
    there, here = Decomposer(mapped)(**inputs_of(model)), Decomposer(model)(**inputs_of(model))
    assert torch.allclose(there.terms, here.terms, rtol=1e-12, atol=1e-12)


def test_offloaded_weights_are_refused(tmp_path):
    from transformers import AutoModel

    tiny("bert").save_pretrained(tmp_path / "model")
    parts = {"embeddings": "cpu", "encoder": "disk", "pooler": "cpu"}
    model = AutoModel.from_pretrained(
        tmp_path / "model", device_map=parts, offload_folder=str(tmp_path / "offload")
    )
    with pytest.raises(UnsupportedModel, match="not in memory"):
        Decomposer(model)(**inputs_of(model))


def test_weights_changed_in_training_are_seen():
    model = tiny("bert")
    decomposer, inputs = Decomposer(model), inputs_of(model)
    decomposer(**inputs)
    with torch.no_grad():
        model.encoder.layer[0].output.dense.bias += 1
    assert torch.equal(decomposer(**inputs).terms, Decomposer(model)(**inputs).terms)
