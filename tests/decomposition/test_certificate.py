"""Each term is what it is said to be: every family's row is certified, and rows whose sum is right but
whose terms are not are refused, and not recommended."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoConfig, AutoModel

from dissect import Decomposer
from dissect.decomposition import families, fold
from dissect.decomposition.certificate import certify
from dissect.decomposition.families import BERT, BLOOM, GPT2, LLAMA, MODERNBERT
from dissect.errors import UnsupportedModel, WrongTerm
from dissect.models.loading import Loaded
from dissect.runs import model_check
from tests.conftest import inputs_of, read_by, tiny
from tests.decomposition.test_families import VARIANTS, both_stacks, exact

SIZES = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40,
    "max_position_embeddings": 80,
}  # fmt: skip
SEQ2SEQ = {
    "d_model": 24, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 40, "decoder_ffn_dim": 40, "pad_token_id": 1,
    "max_position_embeddings": 120,
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_family_is_certified(variant):
    for model, decomposer, stack in both_stacks(variant):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        missed = certify(decomposer, **read_by(stack, inputs_of(model, tokens=5)))
        assert tuple(missed) == decomposer.names and max(missed.values()) < exact(decomposer)
        after = model.state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items())
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def named(row, *terms):
    return replace(
        row, sublayers=tuple(replace(s, term=t) for s, t in zip(row.sublayers, terms, strict=True))
    )


def valued(row, **changes):
    return replace(row, sublayers=(replace(row.sublayers[0], **changes), row.sublayers[1]))


@pytest.mark.parametrize(
    ("variant", "row", "said"),
    [
        ("gpt2", valued(GPT2, values="last of each group"), "what biases add in sublayer 1"),
        ("gpt2", valued(GPT2, value="", values="all"), "what biases add in sublayer 1"),
        ("llama/biases", valued(LLAMA, value="self_attn.k_proj"), "what biases add in sublayer 1"),
        ("bert", valued(BERT, value="attention.self.key"), "what biases add in sublayer 1"),
        ("bert", replace(BERT, embedding=()), "term i begins in the wrong place"),
        ("bloom", replace(BLOOM, embedding=()), "term i begins in the wrong place"),
        ("modernbert", replace(MODERNBERT, embedding=()), "term i begins in the wrong place"),
        ("bert", named(BERT, "h", "h"), "no attention"),
        ("llama", named(LLAMA, "f", "f"), "lets tokens know of others"),
    ],
)
def test_a_row_whose_sum_is_right_and_whose_terms_are_not_is_refused(variant, row, said, monkeypatch):
    family = variant.split("/")[0]
    model = tiny(variant)
    monkeypatch.setitem(families.FAMILIES, family, row)
    decomposer = Decomposer(model)
    assert decomposer(**inputs_of(model)).error < exact(decomposer)  # the sum says nothing
    with pytest.raises(WrongTerm, match=said):
        certify(decomposer, **inputs_of(model))


@pytest.mark.parametrize("variant", ["albert", "electra"])
def test_a_map_whose_bias_goes_to_i_is_noticed(variant, monkeypatch):
    plain = fold.through
    monkeypatch.setattr(fold, "through", lambda terms, map_, names: plain(terms, map_, ["c", "i", "h", "f"]))
    model = tiny(variant)
    assert Decomposer(model)(**inputs_of(model)).error < 1e-13
    with pytest.raises(WrongTerm, match="term i is not what"):
        certify(Decomposer(model), **inputs_of(model))


def test_attention_whose_rows_do_not_sum_to_one_is_noticed():
    model = gated()
    assert Decomposer(model)(**inputs_of(model)).error < 1e-13
    with pytest.raises(WrongTerm, match="rows do not sum to one"):
        certify(Decomposer(model), **inputs_of(model))


def other(family, **sizes):
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model(family, vocab_size=30522, **sizes)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.4)
    return model


def without_row(monkeypatch, family):
    """As before the family had a row."""
    for name in [name for name in families.FAMILIES if name.split(".")[0] == family]:
        monkeypatch.delitem(families.FAMILIES, name)


@pytest.mark.parametrize(
    ("family", "sizes", "row"),
    [
        ("ernie", SIZES, 'with "ernie": FAMILIES["bert"] '),
        ("data2vec-text", SIZES, 'with "data2vec-text": FAMILIES["roberta"] '),  # counts from padding
        ("mt5", {"d_model": 24, "d_kv": 6, "num_layers": 2, "num_heads": 4, "d_ff": 40,
                 "decoder_start_token_id": 0},
         'with "mt5.encoder": FAMILIES["t5.encoder"] and "mt5.decoder": FAMILIES["t5.decoder"] '),
        ("m2m_100", SEQ2SEQ, 'with "m2m_100.encoder": FAMILIES["pegasus.encoder"] and '),
    ],
)  # fmt: skip
def test_a_row_that_fits_is_recommended(family, sizes, row, minilm, monkeypatch):
    without_row(monkeypatch, family)
    loaded = Loaded(family, other(family, **sizes), minilm.tokenizer)
    before = dict(families.FAMILIES)
    said = model_check.recommended(loaded)
    assert row in said and "longest input" not in said and "\n" not in said
    assert before == families.FAMILIES


@pytest.mark.parametrize(
    ("case", "family", "alike", "row"),
    [
        ("gemma1-tiny", "gemma", "llama", replace(LLAMA, norms="rms + 1")),
        ("bigcode-tiny", "gpt_bigcode", "gpt2", GPT2),  # one head of values comes last in either packing
    ],
)
def test_a_recommended_row_is_one_that_python_reads(case, family, alike, row, shared, monkeypatch):
    without_row(monkeypatch, family)
    with pytest.raises(UnsupportedModel, match=f"'{family}', but that of '{alike}' fits") as caught:
        model_check.check_model(str(shared / "cases" / case))
    written = str(caught.value).partition("with ")[2].partition(" the sum")[0]
    assert eval(f"{{{written}}}", {"FAMILIES": families.FAMILIES, "replace": replace})[family] == row


@pytest.mark.parametrize(("case", "family"), [("gemma1-tiny", "gemma"), ("bigcode-tiny", "gpt_bigcode")])
def test_a_case_that_once_had_no_row_is_supported(case, family, shared):
    assert f"family {family}: supported" in model_check.check_model(str(shared / "cases" / case))


def gated(**changes):
    """A BERT with a gate on what attention returns: the value bias no longer passes it unchanged."""
    model = tiny("bert", **changes)
    gate = model.encoder.layer[0].attention.self
    gate.register_forward_hook(lambda module, args, out: (0.5 * out[0], *out[1:]))
    return model


def test_a_row_with_a_wrong_term_is_not_recommended(minilm):
    model = gated(vocab_size=30522)
    model.config.model_type = "gated"
    said = model_check.recommended(Loaded("gated", model.float(), minilm.tokenizer))
    assert "no row for the model family 'gated'; that of 'bert' comes near, but what biases add" in said


def test_a_row_with_a_wrong_term_is_told_where_its_family_has_one(shared, monkeypatch):
    monkeypatch.setitem(families.FAMILIES, "gpt_bigcode", valued(GPT2, value="", values="all"))
    with pytest.raises(WrongTerm, match="what biases add"):
        model_check.check_model(str(shared / "cases/bigcode-tiny"))


@pytest.mark.parametrize(
    ("family", "sizes", "many"),
    [("bert", SIZES, 80), ("roberta", SIZES, 78), ("llama", SIZES, None),
     ("opt", SIZES | {"ffn_dim": 40, "word_embed_proj_dim": 24}, 80)],
)  # fmt: skip
def test_positions_are_counted(family, sizes, many, minilm):
    loaded = Loaded(family, other(family, **sizes), minilm.tokenizer)
    assert model_check.last_position(loaded) == many
    assert model_check.limits_right(loaded, many)
