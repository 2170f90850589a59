"""A decoder with norms before its sublayers, taken through a whole run."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from dissect import corpora
from dissect.runs import manifest
from dissect.runs.chapters import CHAPTERS
from dissect.runs.run import run
from dissect.runs.settings import settings_from
from dissect.tables import results


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> str:
    """A random Llama with the tokenizer that such models have: byte pairs, neither mask nor padding."""
    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    pairs.train_from_iterator(corpora.text("teaching", 200), trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pairs, eos_token="</s>", padding_side="left")
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=48,
    )  # fmt: skip
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("decoder") / "llama"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.slow
def test_a_decoder_runs_the_chapters_that_make_sense_for_it(llama, tmp_path):
    said: list[str] = []
    every = tuple(range(1, len(CHAPTERS) + 1))
    options = {"sections": every, "name": "decoder", "model": llama, "limit": 40, "seeds": 1, "jobs": 2}
    folder = run(settings_from(options), tmp_path, say=said.append)
    told = manifest.required(folder)
    assert set(told.chapters) == set(CHAPTERS) and told.left_out == {}
    assert said[0].endswith("sees no token ahead: where encoders guess masked words it guesses the next one")
    tables = results.read(folder / "results")
    assert tables["exactness"]["difference"].max() < 1e-5
    # the say of each part in the next word adds up to the model's logits: checked in test_finer
    assert set(tables["finer_logits"]["term"]) == {"i", "h", "f", "c"}
    # next words in the place of masked ones, of which no claim is judged
    assert set(tables["controls_scores"]["experiment"]) == {"next words", "senses", "entities"}
    assert set(tables["causes"]["experiment"]) == {"next words", "senses"}
    assert {"pretrained", "learned"} <= set(tables["masked_words"]["predictor"])
    assert "masked_words_stood" not in tables
    judged = tables["scorecard"].set_index("claim")["verdict"]
    assert set(judged[["M1", "M2", "M3", "H1"]]) == {"not testable"}
    layers = tables["finer_layers"].groupby("sentence")["importance"].agg(list)
    assert len(layers) == 2 and layers.iloc[0] != layers.iloc[1]
    sums = tables["importance"].groupby(["model", "layer"])["mean"].sum()
    assert (sums - 1).abs().max() < 1e-5
    assert llama not in json.dumps(told.model_dump(mode="json"))
