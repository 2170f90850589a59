"""Checkpoints that are not what their config says are refused; those that lack a head only are read."""

import copy
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForTokenClassification,
)

from dissect import models
from dissect.errors import UnknownModel
from dissect.models import loading
from dissect.models.checkpoints import read_by_embeddings
from dissect.models.finetuning import Recipe, tune
from tests.conftest import tiny
from tests.decomposition.test_families import VARIANTS

KINDS = [AutoModelForMaskedLM, AutoModelForCausalLM, AutoModelForTokenClassification, AutoModelForSeq2SeqLM]


def loaded(folder, kind=AutoModel):
    return loading._from_pretrained(kind, str(folder))


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_family_saves_is_loaded(variant, tmp_path):
    """With a head or without, whatever is tied, computed or kept as a buffer; weight for weight."""
    base = tiny(variant, dtype=torch.float32)
    kinds = [kind for kind in KINDS if type(base.config) in kind._model_mapping]
    for n, model in enumerate([base, *(kind.from_config(copy.deepcopy(base.config)) for kind in kinds)]):
        model.base_model.load_state_dict(base.state_dict(), strict=False)
        model.save_pretrained(tmp_path / str(n))
        stacks = [hasattr(model.base_model, part) for part in ("encoder", "decoder")]
        if base.config.is_encoder_decoder and not all(stacks):  # a stack alone, with a head
            with pytest.raises(UnknownModel, match="lacks weights"):
                loaded(tmp_path / str(n))
            continue
        again = loaded(tmp_path / str(n)).state_dict()
        for key, value in again.items():
            if not any(part in key for part in ("pooler", "embed_positions")):
                assert torch.equal(base.state_dict()[key], value)


@pytest.fixture
def folder(tmp_path, minilm) -> Path:
    tiny("bert", dtype=torch.float32).save_pretrained(tmp_path / "model")
    minilm.tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def change(folder, change):
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, {"format": "pt"})


def configured(folder, **changes):
    config = transformers.AutoConfig.from_pretrained(folder)
    config.update(changes)
    config.save_pretrained(folder)


def test_all_weights_renamed(folder):
    change(folder, lambda weights: {f"student.{key}": value for key, value in weights.items()})
    with pytest.raises(
        UnknownModel, match=r"lacks weights.*embeddings\.LayerNorm\.bias.*holds others.*student\.embed"
    ):
        models.load(str(folder))


@pytest.mark.parametrize(
    "gone", ["encoder.layer.1.", "embeddings.LayerNorm.bias", "embeddings.word_embeddings.weight"]
)
def test_some_weights_missing(gone, folder):
    change(folder, lambda weights: {key: value for key, value in weights.items() if not key.startswith(gone)})
    with pytest.raises(UnknownModel, match=f"lacks weights.*{gone.strip('.')}") as caught:
        models.load(str(folder))
    assert "pooler" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "said"), [(4, "lacks weights.*encoder.layer.3 "), (2, "leaves out: encoder.layer.2 ")]
)
def test_other_layers_in_the_config_than_in_the_weights(layers, said, folder):
    configured(folder, num_hidden_layers=layers)
    with pytest.raises(UnknownModel, match=said):
        models.load(str(folder))


def test_a_weight_of_another_size(folder):
    change(folder, lambda weights: weights | {"encoder.layer.0.output.dense.weight": torch.zeros(24, 39)})
    with pytest.raises(
        UnknownModel, match=r"encoder\.layer\.0\.output\.dense\.weight \(\(24, 39\) for \(24, 40\)\)"
    ):
        models.load(str(folder))


def test_a_missing_pooler_is_allowed(folder):
    change(folder, lambda weights: {key: value for key, value in weights.items() if "pooler" not in key})
    assert models.load(str(folder), "cpu").model.pooler is not None


def test_names_of_older_versions_are_known(folder):
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}

    def renamed(weights):
        for new, then in old.items():
            weights = {key.replace(new, then): value for key, value in weights.items()}
        return weights | {"embeddings.position_ids": torch.arange(40)[None]}

    change(folder, renamed)
    models.load(str(folder), "cpu")


@pytest.mark.parametrize(
    ("family", "extra"),
    [("llama", "layers.0.self_attn.q_proj.bias"), ("qwen2", "layers.1.self_attn.q_norm.weight"),
     ("modernbert", "final_norm.bias")],
)  # fmt: skip
def test_weights_that_the_config_leaves_out(family, extra, tmp_path):
    tiny(family, dtype=torch.float32).save_pretrained(tmp_path)
    change(tmp_path, lambda weights: weights | {extra: torch.ones(24)})
    with pytest.raises(UnknownModel, match=f"leaves out: {extra}"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("family", "extra"),
    [("gpt2", "h.0.attn.bias"), ("gpt2", "h.0.attn.masked_bias"), ("gpt_neox", "layers.0.attention.bias"),
     ("gpt_neox", "layers.0.attention.masked_bias"), ("gptj", "h.0.attn.bias"),
     ("llama", "layers.0.self_attn.rotary_emb.inv_freq"), ("bert", "cls.seq_relationship.weight"),
     ("t5", "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight")],
)  # fmt: skip
def test_masks_and_heads_that_are_not_read_are_allowed(family, extra, tmp_path):
    tiny(family, dtype=torch.float32).save_pretrained(tmp_path)
    change(tmp_path, lambda weights: weights | {extra: torch.ones(1, 1, 4, 4)})
    loaded(tmp_path)


@pytest.mark.parametrize("variant", ["bert", "gpt2", "t5", "albert"])
def test_what_an_embedding_depends_on_is_what_changes_it(variant):
    model = tiny(variant)
    keys = {name for name, _ in model.named_parameters()}
    read = read_by_embeddings(model, keys)
    ids = {"input_ids": torch.tensor([[0, 1, 2]])}
    ids |= {"decoder_input_ids": ids["input_ids"]} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        before = model(**ids).last_hidden_state
        for name, weight in model.named_parameters():
            kept = weight.clone()
            weight += torch.randn_like(weight)
            moved = not torch.equal(model(**ids).last_hidden_state, before)
            weight.copy_(kept)
            assert not moved or name in read, name
    assert {name.split(".")[0] for name in keys - read} <= {"pooler"}
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("task", ["ner", "mlm"])
def test_nothing_is_tuned_from_a_checkpoint_that_lacks_weights(task, folder, tmp_path):
    change(folder, lambda weights: {key: value for key, value in weights.items() if "layer.1." not in key})
    text = tmp_path / "some"
    text.write_text("Anna\tB-PER\n" * 3, encoding="utf-8")
    with pytest.raises(UnknownModel, match="lacks weights"):
        tune(str(folder), Recipe(task, str(text)), tmp_path / "out")


def test_heads_are_not_read_from_such_a_checkpoint(tmp_path, minilm):
    for kind, family in ((AutoModelForMaskedLM, "bert"), (AutoModelForCausalLM, "gpt2")):
        config = tiny(family).config
        place = tmp_path / family
        kind.from_config(config).save_pretrained(place)
        minilm.tokenizer.save_pretrained(place)
        change(
            place,
            lambda weights: {
                k: v for k, v in weights.items() if ".1.attention.self" not in k and "h.1.attn" not in k
            },
        )
        with pytest.raises(UnknownModel, match="lacks weights"):
            (models.load_masked_head if family == "bert" else models.load_unembedding)(str(place))
