"""Every family: exact sums on models of random weights, with padding, and splits that add up."""

import pytest
import torch
import transformers
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from dissect import Decomposer, DissectError
from dissect.decomposition.families import FAMILIES, KINDS, REFUSED, find, find_all, known
from dissect.decomposition.sites import constant_of, matrix_of, width_of
from dissect.decomposition.splits import AXIS
from dissect.errors import InexactSum, UnsupportedModel
from tests.conftest import (
    ACCELERATOR,
    FAMILY_SIZES,
    TRIED_BY_ALL,
    family_tried,
    inputs_of,
    like_others,
    read_by,
    stacks_of,
    tiny,
)

OLDER = Version(transformers.__version__).major < 5  # `make older`
# families that were not there, or whose modules had other names
RENAMED = (
    {"vit", "mpt", "nomic_bert", "eurobert", "ministral3", *KINDS["mixtures of experts"]} if OLDER else set()
)
VARIANTS = sorted(name for name in set(known()) | set(FAMILY_SIZES) if name.split("/")[0] not in RENAMED)
# families whose hidden states are not those at the ends of layers, or before the last norm
OTHER_STATES = {"albert", "modernbert", "roberta-prelayernorm", "biogpt"} if OLDER else set()
ROUNDED = 1e-6  # families that round what they normalise to float32 whatever the format


def exact(decomposer):
    return ROUNDED if decomposer.family.float32_norms == "vector" else 1e-13


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
        if variant.split("/")[0] not in OTHER_STATES:
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


@ACCELERATOR
@pytest.mark.parametrize("variant", VARIANTS)
def test_families_on_a_gpu(variant):
    """In float32 as on the processor; splits and layers too, whose sums are checked as they are made."""
    for model, decomposer, stack in both_stacks(variant, dtype=torch.float32):
        inputs = read_by(stack, inputs_of(model, lengths=[7, 3]))
        expected = decomposer(**inputs).terms
        model.cuda()
        there = {name: value.cuda() for name, value in inputs.items()}
        parts = decomposer(**there)
        assert parts.terms.is_cuda and parts.error < 1e-5
        real = parts.mask.cpu()
        missed = (parts.terms.cpu() - expected)[:, real].norm(dim=-1) / expected.sum(0)[real].norm(dim=-1)
        assert missed.max() < 1e-5  # on a processor float32 is up to 1.4e-6 from float64
        assert len(decomposer.layers(**there)) > 1
        for by in ways(decomposer):
            assert all(split.is_cuda for split in decomposer(**there, by=by).split.values())


def ways(decomposer):
    """How the terms of a model can be split; the feed-forwards of a mixture have no units of one kind."""
    mixture = any(sublayer.experts for sublayer in decomposer.family.sublayers)
    return ["layer", "head", "source", "expert" if mixture else "neuron"]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("by", ["layer", "head", "source", "neuron", "expert"])
def test_parts_sum_to_their_term(variant, by):
    for model, decomposer, stack in both_stacks(variant):
        if by not in ways(decomposer):
            with pytest.raises(DissectError, match="split them by='expert'|is for mixtures of experts"):
                decomposer(**read_by(stack, inputs_of(model)), by=by)
            continue
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
                if by in ("layer", "head", "expert")
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
        for sublayer in (line for line in decomposer.family.sublayers if line.value and not line.weights):
            value, out = find(layer, sublayer.value), find(layer, sublayer.out)
            bias = layer.get_parameter(sublayer.value_bias) if sublayer.value_bias else value.bias
            if bias is None:
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
                bias += value_shift(
                    bias, "all" if sublayer.value_bias else sublayer.values, width_of(out), model.config
                )
            after, moved = pass_()
            handle.remove()
            assert torch.allclose(after - before, (moved - constant).expand_as(after), rtol=1e-5, atol=1e-5)
            assert (moved - constant).abs().max() > 1e-3


def value_shift(bias, values, width, config):
    """Random where the projection's bias is one of values, zero for queries and keys."""
    torch.manual_seed(1)
    shift = torch.randn_like(bias)
    if values != "all":
        head = width // config.num_attention_heads
        groups = (len(bias) - width) // 2 // head if values == "last of each group" else 1
        own = shift.view(groups, -1)
        own[:, : -head if groups > 1 or values != "last" else -(len(bias) - width) // 2] = 0
    return shift


@settings(max_examples=25, deadline=None)
@given(
    variant=st.sampled_from(VARIANTS),
    seed=st.integers(0, 1000),
    rows=st.integers(1, 3),
    tokens=st.integers(1, 9),
    scale=st.sampled_from([0.1, 0.4, 1.0]),
    by=st.sampled_from([None, "layer", "head", "source", "feed-forward"]),
    data=st.data(),
)
def test_random_models_of_any_family(variant, seed, rows, tokens, scale, by, data):
    """Of any size of the batch and any padding; where terms are split, the check of splits is the test."""
    lengths = data.draw(st.lists(st.integers(1, tokens), min_size=rows, max_size=rows))
    for model, decomposer, stack in both_stacks(variant, seed=seed, scale=scale):
        inputs = read_by(stack, inputs_of(model, rows, tokens, seed, lengths=lengths))
        way = ways(decomposer)[-1] if by == "feed-forward" else by
        try:
            error = decomposer(**inputs, by=way).error
        except InexactSum as refused:
            assume("the model itself returns NaN" not in str(refused))  # see the next test
            raise
        assert error < exact(decomposer)


@pytest.mark.parametrize("family", ["gemma2", "mistral", "modernbert"])
def test_a_window_of_nothing_but_padding(family):
    """Eager attention rounds to float32, in which float64's smallest number is minus infinity: a row
    whose window is all masked is NaN, and every token of the next layer. In float32 it is not."""
    for dtype in (torch.float32, torch.float64):
        model = tiny(family, dtype=dtype)
        inputs = inputs_of(model, rows=1, tokens=16, lengths=[1])
        if dtype == torch.float32:
            assert Decomposer(model)(**inputs, by="source").error < 1e-6
        else:
            with pytest.raises(InexactSum, match="the model itself returns NaN.*use float32"):
                Decomposer(model)(**inputs, by="source")


def test_heads_and_units_are_the_ones_they_are_said_to_be():
    """Swapped parts have the same sum: each is computed again, with all others set to zero."""
    model = tiny("gpt2")
    inputs = inputs_of(model)
    decomposer = Decomposer(model)
    last, block = 3, model.h[2]
    for by, term, out, places in (
        ("head", "h", block.attn.c_proj, [slice(6 * n, 6 * n + 6) for n in range(4)]),
        ("neuron", "f", block.mlp.c_proj, [slice(n, n + 1) for n in (0, 7, 39)]),
    ):
        split = decomposer(**inputs, by=by, layers=[last]).split[term][0]
        for place in places:
            kept = out.weight.clone()
            with torch.no_grad():
                out.weight.zero_()
                out.weight[place] = kept[place]
            alone = written_by(model, decomposer, inputs, term, last)
            with torch.no_grad():
                out.weight.copy_(kept)
            part = split[place.start // 6] if by == "head" else split[:, :, place.start]
            # up to the last norm's scale, which the missing parts change: compare directions and signs
            assert torch.cosine_similarity(part, alone, dim=-1).min() > 1 - 1e-9


def written_by(model, decomposer, inputs, term, layer):
    return decomposer(**inputs, by="layer", layers=[layer]).split[term][0]


def test_matrices_come_from_answers():
    linear = torch.nn.Linear(3, 5).double()
    assert torch.allclose(matrix_of(linear), linear.weight.T)


@pytest.mark.parametrize(
    ("variant", "setting"),
    [
        ("bert", {"is_decoder": True, "add_cross_attention": True}),
        ("bert", {"chunk_size_feed_forward": 2}),
        ("deberta", {"talking_head": True}),
        ("deberta-v2", {"conv_kernel_size": 3}),
        ("big_bird", {"attention_type": "block_sparse"}),
        ("bloom", {"slow_but_exact": True}),
        ("bloom", {"apply_residual_connection_post_layernorm": True}),
        ("gpt2", {"add_cross_attention": True}),
        ("olmo", {"clip_qkv": 8.0}),
        ("olmoe", {"clip_qkv": 8.0}),
        ("ernie4_5_moe", {"use_bias": True}),
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


@pytest.mark.parametrize(
    ("family", "close"),
    [
        ("gemma3n", "close to it by name: gemma, gemma2, gemma3_text; known families are"),
        ("granitemoe", "close to it by name: granite; known families are"),
        ("canine", "'canine'; known families are"),
    ],
)
def test_a_family_without_a_row_is_told_which_are_close_to_it(family, close):
    model = tiny("bert")
    model.config.model_type = family
    with pytest.raises(UnsupportedModel, match=f"no row for the model family '{family}'.*") as caught:
        Decomposer(model)
    assert close in str(caught.value)


def test_entities_beside_the_words_are_refused():
    """LUKE returns their vectors apart; what attention adds is then of words and entities together."""
    model = tiny("luke")
    entities = torch.ones(2, 1, dtype=torch.long)
    with pytest.raises(UnsupportedModel, match="entity_ids is not taken: .*; leave it out"):
        Decomposer(model)(**inputs_of(model), entity_ids=entities, entity_position_ids=entities[..., None])


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
    from dissect.decomposition import splits
    from dissect.errors import TooLarge

    monkeypatch.setattr(splits, "LARGEST", 100_000)
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
    from dissect.decomposition import splits

    def wrong(output, term):
        return output.attentions[::-1]

    monkeypatch.setattr(splits, "attentions_of", wrong)
    with pytest.raises(InexactSum, match="by source"):
        Decomposer(tiny("bert"))(**inputs_of(tiny("bert")), by="source")


def test_of_families_with_one_row_the_first_is_tried_by_all_tests(request):
    """The others by their sum and certificate, and by all of them with `make families`."""
    like = like_others()
    assert {"camembert", "mt5", "mistral"} <= like and not {"bert", "roberta", "t5", "llama"} & like
    assert {str(FAMILIES[name]) for name in FAMILIES if name.split(".")[0] not in like} == {
        str(row) for row in FAMILIES.values()
    }
    items = [item for item in request.session.items if family_tried(item) in like]
    if "families" not in request.config.option.markexpr:
        assert {item.originalname for item in items} <= set(TRIED_BY_ALL)
    assert all(item.get_closest_marker("family") for item in items)


def test_every_row_is_tested():
    assert {name.split("/")[0] for name in VARIANTS} == {name.split(".")[0] for name in FAMILIES} - RENAMED


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


@pytest.mark.slow
def test_compiled_models_are_decomposed_uncompiled():
    model = tiny("bert")
    expected = Decomposer(model)(**inputs_of(model)).terms
    model.compile(backend="eager")
    with torch.no_grad():
        model(**inputs_of(model))  # compiled before there is a hook
    assert torch.equal(Decomposer(model)(**inputs_of(model)).terms, expected)
    wrapped = torch.compile(tiny("bert"), backend="eager")
    assert torch.equal(Decomposer(wrapped)(**inputs_of(model)).terms, expected)


@pytest.mark.slow
def test_no_compiled_code_runs_while_a_pass_is_recorded():
    """What was compiled before there was a hook, or is compiled anew, may go round hooks."""
    made, ran = [], []

    def counting(graph, examples):
        made.append(graph)

        def run(*args):
            ran.append(graph)
            return graph.forward(*args)

        return run

    model = tiny("bert")
    model.compile(backend=counting)
    with torch.no_grad():
        model(**inputs_of(model))
    assert made and ran
    before = len(made), len(ran)
    Decomposer(model)(**inputs_of(model))
    assert (len(made), len(ran)) == before


def test_gradient_checkpointing_and_training_mode():
    model = tiny("bert")
    expected = Decomposer(model)(**inputs_of(model)).terms
    (model.gradient_checkpointing_enable if OLDER else model.activation_checkpointing_enable)()
    model.train()
    assert torch.equal(Decomposer(model)(**inputs_of(model)).terms, expected)
    assert model.training


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_device_map(family):
    """As where a model is spread over devices: hooks around every module."""
    from accelerate import dispatch_model

    model = tiny(family)
    expected = Decomposer(model)(**inputs_of(model)).terms
    mapped = dispatch_model(model, {"": "cpu"}, main_device="cpu", force_hooks=True)
    assert hasattr(mapped, "_hf_hook")
    there = Decomposer(mapped)(**inputs_of(model)).terms
    assert torch.allclose(there, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gone", ["embeddings", "encoder"])
def test_offloaded_weights_are_refused(tmp_path, gone):
    from transformers import AutoModel

    tiny("bert").save_pretrained(tmp_path / "model")
    parts = {"embeddings": "cpu", "encoder": "cpu", "pooler": "cpu", gone: "disk"}
    model = AutoModel.from_pretrained(
        tmp_path / "model", device_map=parts, offload_folder=str(tmp_path / "offload")
    )
    with pytest.raises(UnsupportedModel, match="not in memory"):
        Decomposer(model)(**inputs_of(model))


SLOPE = torch.arange(24, dtype=torch.float64) / 8  # what all elements share, the next norm takes out


def in_place(model):
    with torch.no_grad():
        model.encoder.layer[0].output.dense.bias += SLOPE


def by_data(model):
    model.encoder.layer[0].output.dense.bias.data += SLOPE


def by_data_of_a_matrix(model):
    model.encoder.layer[0].attention.output.dense.weight.data[:] *= -1


def by_a_fused_optimizer(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    model(**inputs_of(model)).last_hidden_state.square().sum().backward()
    optimizer.step()


def by_a_new_parameter(model):
    dense = model.encoder.layer[0].output.dense
    dense.bias = torch.nn.Parameter(dense.bias.detach() + SLOPE)


def by_loading(model):
    other = {name: value + 0.1 for name, value in model.state_dict().items() if value.is_floating_point()}
    model.load_state_dict(other, strict=False, assign=True)


@pytest.mark.parametrize(
    "change",
    [in_place, by_data, by_data_of_a_matrix, by_a_fused_optimizer, by_a_new_parameter, by_loading],
)
def test_weights_that_have_changed_are_seen(change):
    model = tiny("bert")
    decomposer, inputs = Decomposer(model), inputs_of(model)
    before = decomposer(**inputs).terms
    change(model)
    after = decomposer(**inputs).terms
    assert torch.equal(after, Decomposer(model)(**inputs).terms)
    assert not torch.allclose(after, before)


def test_a_decomposer_follows_its_model_to_another_format():
    model = tiny("bert", dtype=torch.float32)
    decomposer, inputs = Decomposer(model), inputs_of(model)
    assert decomposer(**inputs).terms.dtype == torch.float32
    assert decomposer.model.double() is model
    assert decomposer(**inputs).error < 1e-13


def test_a_model_made_in_inference_mode():
    with torch.inference_mode():
        model = tiny("bert")
        assert Decomposer(model)(**inputs_of(model)).error < 1e-13


@pytest.mark.skipif(OLDER, reason="transformers 4 cannot make such a model")
def test_norms_without_weights():
    model = tiny("opt", layer_norm_elementwise_affine=False)
    assert Decomposer(model)(**inputs_of(model, lengths=[7, 3])).error < 1e-13


def test_attention_that_would_not_fit_is_refused_before_the_pass(monkeypatch):
    from dissect.decomposition import splits
    from dissect.errors import TooLarge

    model = tiny("bert")
    monkeypatch.setattr(splits, "LARGEST", 4_000)
    model.register_forward_pre_hook(lambda *_: pytest.fail("the pass was begun"))
    with pytest.raises(TooLarge, match="attention weights of all layers"):
        Decomposer(model)(**inputs_of(model), by="source", layers=[1], tokens=[0])
