"""From text to items: which pieces are a word's, which words a target, and how they are put in batches."""

import copy
from types import SimpleNamespace

import pytest
import torch

from dissect import decompose
from dissect.errors import DissectError
from dissect.experiments.masking import STOOD, mask_text
from dissect.features.gathering import batches, in_shards, padded, target_terms, tokenized, word_terms
from dissect.models.loading import Loaded

WORDS = "the crane stood in a river while nobody saw how cold the light of that morning was".split()
TEXT = [" ".join(WORDS[n:] + WORDS[:n]) for n in range(12)]


def test_a_word_is_its_own_pieces_where_no_blank_parts_it_from_others(minilm):
    """ "re-read": three pieces that touch one another; and a word of several pieces as their sum."""
    text = "They re-read unflappably."
    spans = [(0, text.index(word), text.index(word) + len(word)) for word in ("re", "read", "unflappably")]
    found = word_terms(minilm, [text], spans)
    inputs = minilm.tokenizer(text, return_tensors="pt")
    terms = decompose(minilm.model, **inputs).terms[:, 0]
    tokens = minilm.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
    start = tokens.index("re")
    places = [[start], [start + 2], list(range(start + 3, len(tokens) - 2))]
    assert tokens[start + 1] == "-" and len(places[2]) > 2
    for row, some in enumerate(places):
        assert torch.allclose(found.shards[0][:, row], terms[:, some].sum(1), atol=1e-4)


def test_a_sentence_of_just_the_longest_length_is_taken(minilm):
    longest = [[101, *[2000 + n for n in range(510)], 102], [101, *range(2000, 2511), 102]]
    found = target_terms(minilm, longest, [(0, [1]), (1, [1]), (0, [])])
    assert found.kept.tolist() == [0] and found.left_out == 2


def test_items_are_in_the_order_of_their_sentences_whatever_the_shards(minilm, monkeypatch):
    ids = minilm.tokenizer(TEXT[:6])["input_ids"]
    targets = [(s, [p]) for p in (1, 3) for s in (4, 0, 2)]
    whole = target_terms(minilm, ids, targets)
    assert whole.kept.tolist() == [1, 4, 2, 5, 0, 3]
    monkeypatch.setattr("dissect.features.gathering.TOKENS_PER_SHARD", 10)
    parts = target_terms(minilm, ids, targets)
    assert len(parts.shards) == 3 and torch.equal(parts.kept, whole.kept)
    assert torch.allclose(parts.subset("i+h"), whole.subset("i+h"), atol=1e-4)
    for row, place in enumerate(whole.kept.tolist()):
        sentence, (position,) = targets[place]
        alone = decompose(minilm.model, input_ids=torch.tensor([ids[sentence]]))
        assert torch.allclose(whole.subset("h")[row], alone.h[0, position], atol=1e-4)


def test_shards_hold_whole_sentences_and_end(monkeypatch):
    monkeypatch.setattr("dissect.features.gathering.TOKENS_PER_SHARD", 25)
    ids = [[1] * 10] * 8
    targets = [(s, [p]) for s in range(8) for p in (1, 2)]
    found = in_shards(ids, targets, range(16))
    assert [shard.sentences for shard in found] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert [n for shard in found for n in shard.targets] == list(range(16))


def test_terms_are_kept_for_their_text_and_their_weights(minilm, tmp_path):
    ids = minilm.tokenizer(TEXT[:2])["input_ids"]
    first = target_terms(minilm, ids, [(0, [1]), (1, [2])], folder=tmp_path)
    other_text = [ids[1], ids[0]]
    assert not torch.equal(
        target_terms(minilm, other_text, [(0, [1]), (1, [2])], folder=tmp_path).subset("h"), first.subset("h")
    )
    changed = copy.deepcopy(minilm.model)
    with torch.no_grad():
        changed.encoder.layer[0].output.dense.bias[0] += 5
    other = Loaded(minilm.label, changed, minilm.tokenizer)
    found = target_terms(other, ids, [(0, [1]), (1, [2])], folder=tmp_path)
    assert not torch.allclose(found.subset("c"), first.subset("c"), atol=1e-3)


def test_the_longest_sentences_come_first_and_padding_is_paid_for():
    found = batches([5, 50, 7, 40, 6, 45], tokens=100)
    assert found[0] == [1, 5] and found[1] == [3, 2]
    assert [n for batch in found for n in batch] == [1, 5, 3, 2, 4, 0]


def test_padding_is_masked(minilm):
    inputs = padded(minilm, [[101, 2000, 102], [101, 102]])
    assert inputs["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert inputs["input_ids"].tolist() == [[101, 2000, 102], [101, 102, minilm.tokenizer.pad_token_id]]


def test_long_sentences_are_left_out_and_none_is_cut(minilm):
    assert tokenized(minilm, ["word " * 600, "short"]) == minilm.tokenizer(["short"])["input_ids"]
    with pytest.raises(DissectError, match="no sentence of at most 512"):
        tokenized(minilm, ["word " * 600])


# ---- masking ----


def stand_in():
    """A tokenizer of blanks: [CLS] 0, [SEP] 1, [MASK] 2, then a number a word."""
    words = {word: n + 3 for n, word in enumerate(dict.fromkeys(WORDS))}

    class Words:
        mask_token_id, all_special_ids, pad_token_id = 2, [0, 1, 2], 0

        def __len__(self):
            return len(words) + 3

        def __call__(self, sentences, **options):
            return {"input_ids": [[0, *(words[word] for word in s.split()), 1] for s in sentences]}

    config = SimpleNamespace(model_type="none", max_position_embeddings=99)
    model = SimpleNamespace(config=config)
    return Loaded("words", model, Words())


@pytest.fixture
def words(monkeypatch):
    monkeypatch.setattr("dissect.features.gathering.longest_input", lambda model: 99)
    return stand_in()


def test_targets_are_words_and_masked_changed_or_kept_as_in_pretraining(words):
    masked = mask_text(words, TEXT * 40, times=2, seed=3)
    plain = words.tokenizer(TEXT * 40)["input_ids"]
    seen, chosen = {"masked": 0, "kept": 0, "changed": 0}, set(masked.targets)
    assert len(chosen) == len(masked.targets)
    for (sentence, position), label, source in zip(masked.targets, masked.labels, masked.source, strict=True):
        assert label == plain[source][position] and label not in (0, 1, 2)
        token = masked.input_ids[sentence][position]
        assert token not in (0, 1)
        seen["masked" if token == 2 else "kept" if token == label else "changed"] += 1
    read = [masked.input_ids[sentence][position] for sentence, position in masked.targets]
    for stood, token, label in zip(masked.stood, read, masked.labels, strict=True):
        assert stood == ("mask" if token == 2 else "the word itself" if token == label else "another piece")
    every = len(masked.targets)
    shares = {stood: masked.stood.count(stood) / every for stood in STOOD}
    assert shares["mask"] == pytest.approx(0.8, abs=0.03)
    assert shares["another piece"] == pytest.approx(0.1 * 13 / 14, abs=0.025)
    assert shares["the word itself"] == pytest.approx(0.1 + 0.1 / 14, abs=0.025)
    assert every / (2 * sum(len(row) - 2 for row in plain)) == pytest.approx(0.15, abs=0.01)
    assert seen["masked"] / every == pytest.approx(0.8, abs=0.03)
    assert seen["changed"] / every == pytest.approx(0.1 * 13 / 14, abs=0.025)
    assert seen["kept"] > 0.07 * every
    source_of = {s: source for (s, _), source in zip(masked.targets, masked.source, strict=True)}
    for sentence, row in enumerate(masked.input_ids):
        apart = [n for n, (a, b) in enumerate(zip(row, plain[source_of[sentence]], strict=True)) if a != b]
        assert all((sentence, n) in chosen for n in apart)


def test_a_sentence_is_masked_several_times_each_time_anew(words):
    once, thrice = (mask_text(words, TEXT, times=times, seed=1) for times in (1, 3))
    assert len(thrice.targets) > 2 * len(once.targets)
    assert set(thrice.source) <= set(range(12)) and max(thrice.source) >= 10
    maskings = {masking for masking, _ in thrice.targets}
    assert len(maskings) > len(TEXT) and thrice.source == sorted(thrice.source)


def test_the_seed_decides_what_is_masked(words):
    assert mask_text(words, TEXT, seed=1) == mask_text(words, TEXT, seed=1)
    assert mask_text(words, TEXT, seed=1).targets != mask_text(words, TEXT, seed=2).targets
