"""Which words a model was made to guess, and the head with which it does: what the model itself says."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

from dissect import DissectError, models
from dissect.models import MASKED, NEXT
from dissect.models.heads import reader
from tests.conftest import FAMILY_SIZES, LLAMA, SIZES, inputs_of, saved, tiny
from tests.tokenizers_of_each_kind import word_pieces

LINES = ["Anna went to Oslo .", "Oslo is cold .", "I met Anna .", "Bern is not Oslo ."] * 12
OTHERS = {  # heads that scale or cap what they say, or add to it
    "gemma2": {"final_logit_softcapping": 0.5},
    "granite": LLAMA | {"logits_scaling": 7.0},
    "cohere": LLAMA | {"logit_scale": 0.1},
    "bert": SIZES | {"is_decoder": True},
}


def settings_of(family, changes):
    return AutoConfig.for_model(family.split("/")[0], **(FAMILY_SIZES.get(family, SIZES) | changes))


def is_causal(family) -> bool:
    settings = settings_of(family, {})
    return (
        type(settings) in AutoModelForCausalLM._model_mapping
        and type(settings) not in AutoModelForMaskedLM._model_mapping
        and not settings.is_encoder_decoder
    )


CAUSAL = [(family, {}) for family in FAMILY_SIZES if is_causal(family)] + list(OTHERS.items())


@pytest.fixture(scope="module")
def tokenizer():
    return word_pieces(LINES)


def kept(kind, settings, tokenizer, folder, dtype=torch.float32) -> str:
    torch.manual_seed(0)
    return saved(kind.from_config(settings).to(dtype).eval(), tokenizer, folder, scale=0.3)


@torch.no_grad()
@pytest.mark.parametrize("name, changes", CAUSAL)
def test_the_head_for_the_next_word_says_what_its_model_says(name, changes, tokenizer, tmp_path):
    folder = kept(AutoModelForCausalLM, settings_of(name, changes), tokenizer, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    inputs = inputs_of(model)
    loaded = models.load(folder, "cpu")
    assert models.guesses(loaded) == NEXT
    head = models.load_word_head(loaded)
    hidden, logits = loaded.model(**inputs).last_hidden_state, model(**inputs).logits
    assert torch.allclose(head(hidden), logits, atol=1e-5) and head.kind == models.PRETRAINED
    assert torch.allclose(head(hidden[0, 2]), logits[0, 2], atol=1e-5)
    assert torch.equal(head.model(**inputs).logits, logits)  # the model is left as it was


@torch.no_grad()
def test_logits_that_are_scaled_or_capped_are_no_linear_map(tokenizer, tmp_path):
    for family, linear in (("llama", True), ("gemma2", False), ("granite", False), ("cohere", False)):
        folder = kept(
            AutoModelForCausalLM, settings_of(family, OTHERS.get(family, {})), tokenizer, tmp_path / family
        )
        assert (models.load_unembedding(folder) is not None) == linear


@torch.no_grad()
def test_a_head_in_half_a_format_reads_in_float32(tokenizer, tmp_path):
    settings = settings_of("llama", {})
    folder = kept(AutoModelForCausalLM, settings, tokenizer, tmp_path, torch.bfloat16)
    head = models.load_word_head(models.load(folder, "cpu"))
    x = torch.randn(5, 24)
    weight = AutoModelForCausalLM.from_pretrained(folder).lm_head.weight.float()
    assert torch.allclose(head(x), x @ weight.T, atol=1e-5) and head(x).dtype == torch.float32


def test_a_model_without_its_head_has_none(tokenizer, tmp_path):
    folder = tmp_path / "llama"
    tiny("llama", dtype=torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    loaded = models.load(str(folder), "cpu")
    assert models.guesses(loaded) == NEXT and models.load_word_head(loaded) is None


@pytest.mark.parametrize(
    "name, changes, asked",
    [
        ("bert", {}, MASKED),
        ("modernbert", {}, MASKED),
        ("gpt2", {}, NEXT),
        ("gemma3_text", {}, NEXT),  # whose tokenizer, as this one, has a mask token
        ("gemma3_text", {"use_bidirectional_attention": True}, ""),  # sees ahead, and has no head for masks
        ("bert", {"is_decoder": True}, NEXT),
        ("t5", {}, ""),
        ("bart", {}, ""),
    ],
)
def test_architecture_decides_which_words_are_guessed(name, changes, asked, tokenizer, tmp_path):
    tiny(name, dtype=torch.float32, **changes).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = models.load(str(tmp_path), "cpu")
    assert loaded.tokenizer.mask_token_id is not None
    assert models.guesses(loaded) == asked


def test_an_encoder_without_a_mask_token_guesses_nothing(tokenizer, tmp_path):
    tiny("bert", dtype=torch.float32).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = models.load(str(tmp_path), "cpu")
    loaded.tokenizer.mask_token = None
    assert models.guesses(loaded) == "" and models.load_word_head(loaded) is None


@pytest.mark.parametrize("name", ["t5", "bart", "marian", "mbart", "pegasus"])
@torch.no_grad()
def test_an_encoder_decoder_is_read_by_its_encoder(name, tokenizer, tmp_path):
    model = tiny(name, dtype=torch.float32)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    inputs = {name: x for name, x in inputs_of(model).items() if not name.startswith("decoder")}
    alone, whole = models.load(str(tmp_path), "cpu"), models.load(str(tmp_path), "cpu", whole=True)
    said = alone.model(**inputs).last_hidden_state
    assert torch.equal(said, model.encoder(**inputs).last_hidden_state)
    assert torch.equal(said, reader(whole.model)(**inputs).last_hidden_state)
    assert whole.model.config.is_encoder_decoder and not alone.model.config.is_encoder_decoder
    assert f"{name}, its encoder, 2 layers" in str(alone) and "its encoder" not in str(whole)


def test_a_model_of_pictures_has_no_text(tmp_path):
    tiny("vit", dtype=torch.float32).save_pretrained(tmp_path)
    said = "reads pixel_values and no text, which is all that a run has: dissect.decompose takes it apart"
    with pytest.raises(DissectError, match=said):
        models.load(str(tmp_path), "cpu")
