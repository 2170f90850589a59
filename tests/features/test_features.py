"""Terms of words and targets against the same taken one sentence at a time; and what that needs."""

import copy
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dissect import DissectError, decompose
from dissect.experiments.masking import mask_text
from dissect.features.gathering import batches, target_terms, word_terms

SENTENCES = [
    "The crane stood unflappably in the river.",
    "Yes.",
    "naïve café 🙂 \u200d end",
    "A much longer sentence about cranes, banks and other ambiguous things follows here, twice over.",
]


def test_word_terms_are_sums_over_word_pieces(minilm):
    spans = [
        (n, s.index(word), s.index(word) + len(word)) for n, s in enumerate(SENTENCES) for word in s.split()
    ]
    features = word_terms(minilm, SENTENCES, spans)
    for row, place in enumerate(features.kept.tolist()):
        n, start, end = spans[place]
        inputs = minilm.tokenizer(SENTENCES[n], return_tensors="pt")
        parts = decompose(minilm.model, **inputs)
        pieces = [
            p
            for p in range(inputs["input_ids"].shape[1])
            if (chars := inputs.token_to_chars(0, p)) and chars.start < end and chars.end > start
        ]
        expected = parts.terms[:, 0, pieces].sum(1)
        found = torch.stack([features.subset(term)[row] for term in "ihfc"])
        assert torch.allclose(found, expected, atol=1e-4)
    assert features.left_out == len(spans) - len(features.kept)
    lost = set(range(len(spans))) - set(features.kept.tolist())
    assert {SENTENCES[spans[n][0]][spans[n][1] : spans[n][2]] for n in lost} <= {"\u200d"}


def test_sentences_too_long_for_the_model_are_counted_not_cut(minilm):
    long = "word " * 600
    features = word_terms(minilm, [long, "short one"], [(0, 0, 4), (1, 0, 5)])
    assert features.left_out == 1 and features.kept.tolist() == [1]
    with pytest.raises(DissectError, match="no word is left"):
        word_terms(minilm, [long], [(0, 0, 4)])


def test_target_terms_sum_positions_in_any_order(minilm):
    ids = minilm.tokenizer(SENTENCES)["input_ids"]
    targets = [(3, [2]), (0, [1]), (3, [1, 2]), (0, [1])]
    found = target_terms(minilm, ids, targets)
    alone = decompose(minilm.model, input_ids=torch.tensor([ids[3]]))
    assert found.kept.tolist() == [1, 3, 0, 2]  # in the order of their sentences
    assert torch.allclose(found.subset("h+c")[3], alone["h+c"][0, 1:3].sum(0), atol=1e-4)
    assert torch.equal(found.subset("f")[0], found.subset("f")[1])


@given(st.lists(st.integers(1, 90), max_size=60), st.integers(1, 200))
def test_batches_hold_each_sentence_once_within_the_budget(lengths, tokens):
    found = batches(lengths, tokens)
    assert sorted(n for batch in found for n in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[n] for n in batch) <= tokens


def test_masking_follows_the_recipe(minilm):
    text = [f"{SENTENCES[3]} {SENTENCES[0]}"] * 300
    masked = mask_text(minilm, text, seed=1)
    ids = minilm.tokenizer(text)["input_ids"]
    special = set(minilm.tokenizer.all_special_ids)
    words = sum(token not in special for row in ids for token in row)
    assert len(masked.targets) / words == pytest.approx(0.15, abs=0.01)
    shown = [masked.input_ids[s][p] for s, p in masked.targets]
    share = sum(token == minilm.tokenizer.mask_token_id for token in shown) / len(shown)
    kept = sum(a == b for a, b in zip(shown, masked.labels, strict=True)) / len(shown)
    assert share == pytest.approx(0.8, abs=0.03) and kept == pytest.approx(0.1, abs=0.02)
    for (sentence, position), label, source in zip(masked.targets, masked.labels, masked.source, strict=True):
        assert ids[source][position] == label
        changed = [
            n for n, (a, b) in enumerate(zip(masked.input_ids[sentence], ids[source], strict=True)) if a != b
        ]
        assert set(changed) <= {p for s, p in masked.targets if s == sentence}
        break
    assert mask_text(minilm, text[:5], seed=1) == mask_text(minilm, text[:5], seed=1)


def test_a_model_without_mask_token_is_refused(minilm):
    from dissect.models.loading import Loaded

    tokenizer = copy.deepcopy(minilm.tokenizer)
    tokenizer.mask_token = None
    with pytest.raises(DissectError, match="mask token"):
        mask_text(Loaded("x", minilm.model, tokenizer), ["some text"])


def own_memory():
    """Bytes that only this process holds: what is mapped from files does not count."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(re.search(r"RssAnon:\s+(\d+)", status)[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells memory as Linux does only")
@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(minilm, tmp_path, monkeypatch):
    """Shard by shard: by the end far more was written than memory has grown since the second."""
    from dissect.features import gathering as module

    monkeypatch.setattr(module, "TOKENS_PER_SHARD", 8000)  # malloc keeps smaller blocks for itself
    held = []

    def shard_terms(loaded, input_ids, targets, shard):
        held.append(own_memory())
        return torch.randn(4, len(shard.targets), loaded.model.config.hidden_size)

    monkeypatch.setattr(module, "shard_terms", shard_terms)
    ids = [list(range(1000, 1100))] * 640
    targets = [(sentence, [place]) for sentence in range(len(ids)) for place in range(100)]
    found = target_terms(minilm, ids, targets, folder=tmp_path)
    written = sum(file.stat().st_size for file in tmp_path.rglob("*.safetensors"))
    assert len(held) == 8 and written > 350e6 and found.shape[1] == len(targets)
    assert max(held[2:]) - held[1] < 0.1 * written
