"""Names to models, with the real ones that can be had."""

import torch
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification

from dissect import models
from dissect.decomposition.parts import subsets
from dissect.experiments import masked_words
from dissect.experiments.probes import Training


def test_the_default_model_has_no_masked_word_head():
    assert models.load_masked_head("minilm") is None


def test_a_checkpoint_without_a_pooler_has_one_fingerprint(tmp_path, minilm):
    """The pooler is drawn at random; it is no part of what is decomposed."""
    config = BertConfig(
        vocab_size=len(minilm.tokenizer), hidden_size=16, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=32,
    )  # fmt: skip
    BertForTokenClassification(config).save_pretrained(tmp_path)
    minilm.tokenizer.save_pretrained(tmp_path)
    before = torch.get_rng_state()
    one, two = (models.fingerprint(models.load(str(tmp_path)).model) for _ in range(2))
    assert one == two != models.fingerprint(minilm.model)
    assert torch.equal(before, torch.get_rng_state())  # the caller's random numbers are left alone


def test_a_pretrained_head_reads_the_whole_sum_as_the_model_does(tmp_path, minilm):
    """A checkpoint with a head: i+h+f+c under the head gives the model's own predictions."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(minilm.tokenizer), hidden_size=16, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=32,
    )  # fmt: skip
    model = BertForMaskedLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    model.save_pretrained(tmp_path)
    minilm.tokenizer.save_pretrained(tmp_path)
    head = models.load_masked_head(str(tmp_path))
    assert head is not None and head.kind == "pretrained"
    loaded = models.load(str(tmp_path))
    text = ["The crane stood in the river.", "Nobody saw the crane."] * 20
    targets = masked_words.masked_targets(loaded, text, times=2, seed=0)
    quick = Training(epochs=1, batch_size=1024)
    scores = masked_words.masked_words(targets, [0], head, quick).scores
    scores = scores[scores["predictor"] == "pretrained"]
    assert list(scores["terms"]) == subsets()
    from dissect.experiments.masking import mask_text

    masked = mask_text(loaded, text, times=2, seed=0)
    test = targets.split(0).test.tolist()
    right = 0
    for place in test:
        sentence, position = masked.targets[place]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([masked.input_ids[sentence]])).logits
        right += logits[0, position].argmax().item() == masked.labels[place]
    whole = scores[scores["terms"] == "i+h+f+c"]["accuracy"].item()
    assert whole == right / len(test)


def test_weights_that_are_pickled_are_refused(tmp_path, minilm):
    import pytest

    from dissect.errors import UnknownModel

    minilm.model.config.save_pretrained(tmp_path)
    minilm.tokenizer.save_pretrained(tmp_path)
    torch.save(minilm.model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(UnknownModel, match="safetensors"):
        models.load(str(tmp_path))
