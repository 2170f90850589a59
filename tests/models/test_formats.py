"""Folders of other formats than one file of safetensors: loaded, or told in one sentence what to do."""

import json

import pytest
import torch
from transformers import BertConfig, BertModel

from dissect import decompose, models
from dissect.errors import DissectError, UnknownModel
from dissect.models.formats import refuse_adapted
from tests.conftest import SIZES
from tests.tokenizers_of_each_kind import word_pieces


@pytest.fixture
def model(tmp_path) -> BertModel:
    """A random model, whose tokenizer is saved."""
    tokenizer = word_pieces(["Anna went to Oslo ."])
    tokenizer.save_pretrained(tmp_path / "m")
    torch.manual_seed(0)
    return BertModel(BertConfig(**SIZES | {"vocab_size": len(tokenizer)})).eval()


def test_a_model_in_shards_is_loaded_whole(model, tmp_path):
    model.save_pretrained(tmp_path / "m", max_shard_size="8KB")
    assert len(list((tmp_path / "m").glob("model-*.safetensors"))) > 2
    loaded = models.load(str(tmp_path / "m"), "cpu")
    assert models.fingerprint(loaded.model) == models.fingerprint(model)
    inputs = {"input_ids": torch.tensor([[3, 5, 6]])}
    with torch.no_grad():
        parts, whole = decompose(loaded.model, **inputs), model(**inputs).last_hidden_state
    assert (parts.terms.sum(0) - whole).abs().max() < 1e-5


def test_a_shard_that_is_missing_is_told(model, tmp_path):
    model.save_pretrained(tmp_path / "m", max_shard_size="8KB")
    sorted((tmp_path / "m").glob("model-*.safetensors"))[0].unlink()
    with pytest.raises(DissectError) as caught:
        models.load(str(tmp_path / "m"), "cpu")
    assert "model-00001" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("beside", [True, False])
def test_an_adapter_is_told_how_to_be_merged(beside, model, tmp_path):
    """With its base model beside it, transformers without PEFT would load that alone."""
    place = tmp_path / "m"
    if beside:
        model.save_pretrained(place)
    (place / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 8}))
    (place / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(UnknownModel, match="is an adapter, .*merge_and_unload.*save_pretrained") as caught:
        models.load(str(place), "cpu")
    assert "\n" not in str(caught.value)


def test_an_adapter_that_was_put_in_by_transformers_is_seen(model):
    refuse_adapted(model, "some/name")
    model._hf_peft_config_loaded = True
    with pytest.raises(UnknownModel, match="'some/name' is an adapter"):
        refuse_adapted(model, "some/name")


@pytest.mark.parametrize("given", ["m", "m/tiny.Q8_0.gguf"])
def test_gguf_is_told_how_to_be_converted(given, model, tmp_path):
    (tmp_path / "m" / "tiny.Q8_0.gguf").write_bytes(b"GGUF")
    with pytest.raises(UnknownModel, match=r"GGUF: convert it .*gguf_file='tiny.Q8_0.gguf'\)") as caught:
        models.load(str(tmp_path / given), "cpu")
    assert f"from_pretrained({str(tmp_path / 'm')!r}" in str(caught.value)


def test_gguf_beside_safetensors_is_left_alone(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    (tmp_path / "m" / "tiny.gguf").write_bytes(b"GGUF")
    assert models.load(str(tmp_path / "m"), "cpu").model.config.model_type == "bert"


def test_a_file_of_weights_is_no_folder(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    with pytest.raises(UnknownModel, match="is a file: give the folder"):
        models.load(str(tmp_path / "m" / "model.safetensors"), "cpu")
