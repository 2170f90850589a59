"""The steps of the paper's protocol against slow, literal versions of them on little data."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from seqeval.metrics import f1_score as entity_f1
from sklearn.metrics import f1_score

from dissect import corpora, decompose
from dissect.corpora import TaggedSentence
from dissect.decomposition.parts import subsets
from dissect.experiments import masked_words, named_entities, word_senses
from dissect.experiments.probes import Split, Training, masked_head, two_layer
from dissect.experiments.probes.control import Permuted
from dissect.features.gathering import Features

SEEDS = (0, 1)


def pieces_of(minilm, sentence: str, start: int, end: int) -> torch.Tensor:
    """The four terms of a word, (4, hidden): one pass for this sentence alone, piece by piece."""
    inputs = minilm.tokenizer(sentence, return_tensors="pt")
    terms = decompose(minilm.model, **inputs).terms[:, 0]
    total = torch.zeros(4, terms.shape[-1])
    for place in range(terms.shape[1]):
        chars = inputs.token_to_chars(0, place)
        if chars and chars.start < end and chars.end > start:
            total += terms[:, place]
    return total


def test_words_of_tagged_sentences_keep_their_part_their_tag_and_their_terms(minilm):
    parts = {
        "train": [TaggedSentence(["Anna", "sleeps"], ["B-PER", "O"]), TaggedSentence(["Unflappably"], ["O"])],
        "dev": [TaggedSentence(["Kyoto", "glows"], ["B-LOC", "O"])],
        "test": [TaggedSentence(["Ben", "ran"], ["B-PER", "O"])],
    }
    words = named_entities.tagged_terms(minilm, parts)
    flat = [(part, s, n) for part, sentences in parts.items() for s in sentences for n in range(len(s.words))]
    assert words.tags == [s.tags[n] for _, s, n in flat]
    for part, places in (("train", words.split.train), ("dev", words.split.dev), ("test", words.split.test)):
        assert places.tolist() == [row for row, (name, _, _) in enumerate(flat) if name == part]
    for row, (_, sentence, n) in enumerate(flat):
        expected = pieces_of(minilm, sentence.text, *sentence.spans()[n])
        assert torch.allclose(words.features.shards[0][:, row], expected, atol=1e-4)


@pytest.mark.slow
def test_items_of_senses_are_the_words_they_are_said_to_be(minilm):
    corpus = corpora.senses("teaching", 12)
    items = word_senses.sense_terms(minilm, corpus)
    assert items.senses == [item.sense for item in corpus.items]
    terms = torch.cat(items.features.shards, dim=1)
    for row, item in enumerate(corpus.items):
        expected = pieces_of(minilm, corpus.sentences[item.sentence], item.start, item.end)
        assert torch.allclose(terms[:, row], expected, atol=1e-4)


def random_features(items: int) -> Features:
    return Features([torch.randn(4, items, 8)], torch.arange(items), 0)


def answers_by_chance(monkeypatch, module, classes: int) -> dict:
    """Stand-ins for probes, whose answers are random but known."""
    given: dict = {}

    def trained(probes, name, features, trainings, labels, split, seed, **_):
        found = {}
        for subset in trainings:
            generator = torch.Generator().manual_seed(1000 * seed + len(given))
            said = torch.randint(classes, (len(split.test),), generator=generator)
            if not isinstance(features, Permuted):  # the negative control
                given[seed, subset] = said
            found[subset] = {"predicted": said}
        return found

    monkeypatch.setattr(module, "trained", trained)
    return given


def test_scores_and_agreement_of_senses_are_what_counting_gives(monkeypatch):
    torch.manual_seed(0)
    lemmas = ["bank"] * 30 + ["run"] * 30
    senses = [f"{lemma}%{n % 3}" for n, lemma in enumerate(lemmas)]
    items = word_senses.SenseTerms(random_features(60), lemmas, senses, list(range(60)), list(range(60)))
    names = sorted(set(senses))
    given = answers_by_chance(monkeypatch, word_senses, len(names))
    found = word_senses.word_senses(items, SEEDS)
    probe = found.scores[found.scores["predictor"] == "classifier"].set_index(["terms", "seed"])["accuracy"]
    agreed: dict[tuple[str, str], list[float]] = {}
    for seed in SEEDS:
        test = items.split(0).test.tolist()  # the same for all seeds
        said = {subset: [names[n] for n in given[seed, subset].tolist()] for subset in subsets()}
        for subset, answers in said.items():
            right = sum(answer == senses[n] for answer, n in zip(answers, test, strict=True))
            assert probe[subset, seed] == pytest.approx(right / len(test))
        for a in subsets()[1:]:
            for b in subsets()[1:]:
                same = np.mean([x == y for x, y in zip(said[a], said[b], strict=True)])
                agreed.setdefault((a, b), []).append(same)
    table = found.agreement[found.agreement["predictor"] == "classifier"]
    assert len(table) == 15 * 14 / 2
    for row in table.itertuples():
        assert row.agreement == pytest.approx(np.mean(agreed[row.terms_a, row.terms_b]))


def test_scores_and_agreement_of_entities_are_scikit_learns_and_seqevals(monkeypatch):
    torch.manual_seed(0)
    tags = [["O", "B-PER", "I-PER", "O", "B-LOC"][n % 5] for n in range(75)]
    sentence = [n // 5 for n in range(75)]
    split = Split(torch.arange(30), torch.arange(30, 40), torch.arange(40, 75))
    words = named_entities.WordTerms(random_features(75), tags, sentence, split)
    names, _ = words.numbered()
    given = answers_by_chance(monkeypatch, named_entities, len(names))
    found = named_entities.named_entities({"base": words}, SEEDS)
    scores = found.scores[found.scores["predictor"] == "base"].set_index(["terms", "seed"])
    truth = tags[40:]
    agreed: dict[tuple[str, str], list[float]] = {}
    for seed in SEEDS:
        said = {subset: [names[n] for n in given[seed, subset].tolist()] for subset in subsets()}
        for subset, answers in said.items():
            assert scores.loc[(subset, seed), "macro_f1"] == pytest.approx(
                f1_score(truth, answers, average="macro")
            )
            by_sentence = [[row[n : n + 5] for n in range(0, 35, 5)] for row in (truth, answers)]
            assert scores.loc[(subset, seed), "entity_f1"] == pytest.approx(entity_f1(*by_sentence))
        for a in subsets()[1:]:
            for b in subsets()[1:]:
                of_tag = [f1_of(said[a], said[b], tag) for tag in sorted({*said[a], *said[b]})]
                agreed.setdefault((a, b), []).append(float(np.mean(of_tag)))
    for row in found.agreement.itertuples():
        assert row.agreement == pytest.approx(np.mean(agreed[row.terms_a, row.terms_b]))


def f1_of(one: list[str], other: list[str], tag: str) -> float:
    """Twice the items on which both say the tag, by the items on which either does, counted for each."""
    both = sum(x == y == tag for x, y in zip(one, other, strict=True))
    return 2 * both / (one.count(tag) + other.count(tag))


def test_a_learned_head_is_a_softmax_over_the_types_seen():
    """After one step it is known to the last number: AdamW's first is as long as the rate, against the sign
    of the gradient, which is that of a softmax without weights; its bias is the logarithm of frequencies."""
    torch.manual_seed(3)
    x, labels = torch.randn(40, 6).double().float(), torch.randint(10, 16, (40,))
    labels[0] = 99  # seen in the test alone
    split = Split(torch.arange(10, 40), torch.arange(10, 40), torch.arange(5))
    once = Training(epochs=1, learning_rate=0.02, dropout=0.0, weight_decay=0.0)
    said = masked_head(x, labels, split, once, seed=7)
    types = sorted(set(labels[split.train].tolist()))
    counts = np.array([labels[split.train].tolist().count(kind) for kind in types]) + 0.01
    often = counts / counts.sum()
    gradient = sum(
        np.outer(often - (np.array(types) == int(labels[n])), x[n].numpy()) for n in split.train.tolist()
    )
    weights = -0.02 * np.sign(gradient)
    for row, place in enumerate(split.test.tolist()):
        logits = weights @ x[place].numpy() + np.log(often)
        chances = np.exp(logits) / np.exp(logits).sum()
        assert said["predicted"][row] == types[int(chances.argmax())]
        right = int(labels[place])
        if right in types:
            assert said["log_chance"][row].item() == pytest.approx(
                np.log(chances[types.index(right)]), rel=1e-4
            )
        else:
            assert said["log_chance"][row] == -torch.inf


def test_a_probe_that_is_given_nothing_says_what_is_frequent():
    """The baseline to the last number, whatever the seed and however long it is trained."""
    labels = torch.tensor([3] * 20 + [1] * 15 + [2] * 5)[torch.randperm(40)]
    split = Split(torch.arange(30), torch.arange(30, 35), torch.arange(35, 40))
    nothing, training = torch.zeros(40, 6), Training(epochs=30)
    frequent = int(torch.bincount(labels[split.train]).argmax())
    for seed in range(3):
        head = masked_head(nothing, labels, split, training, seed)
        assert head["predicted"].tolist() == [frequent] * 5
        seen = torch.bincount(labels[split.train])[labels[split.test]] / 30
        assert torch.allclose(head["log_chance"], seen.log(), atol=2e-3)
        assert two_layer(nothing, labels, 4, split, training, seed)["predicted"].tolist() == [frequent] * 5


def test_the_head_over_the_whole_vocabulary_is_scored_on_the_same_targets():
    torch.manual_seed(0)
    labels = torch.randint(5, 9, (60,))
    labels[:3] = torch.tensor([20, 21, 22])  # types met once
    targets = masked_words.MaskedTargets(random_features(60), labels, list(range(60)))
    training = Training(epochs=2, dropout=0.0)
    table = masked_words.full_vocabulary(targets, 30, training=training).set_index("output")
    split = targets.split(0)
    seen = set(labels[split.train].tolist())
    assert table["types"].to_dict() == {"types seen": len(seen), "vocabulary": 30}
    learned = masked_words.learned(targets, ["i+h+f+c"], split, training, 0)["i+h+f+c"]
    kept = [n for n, place in enumerate(split.test.tolist()) if int(labels[place]) in seen]
    right = [bool(learned["predicted"][n] == labels[split.test[n]]) for n in kept]
    assert table.loc["types seen", "accuracy"] == pytest.approx(np.mean(right))
    assert np.isfinite(table["cross_entropy"]).all()


def test_a_probe_sees_a_subset_and_nothing_else(minilm):
    """Terms outside the subset are changed to anything: the answers stay the same."""
    torch.manual_seed(0)
    items = word_senses.SenseTerms(
        random_features(40), ["bank"] * 40, [f"bank%{n % 2}" for n in range(40)], *[list(range(40))] * 2
    )
    other = copy.deepcopy(items)
    other.features.shards[0][2] = torch.randn(40, 8) * 50  # f
    training = Training(epochs=2)
    scores = [
        word_senses.word_senses(one, [0], training=training).scores.set_index(["predictor", "terms"])
        for one in (items, other)
    ]
    without_f = [name for name in subsets() if "f" not in name]
    kept = [both.loc[both.index.get_level_values("terms").isin(without_f)] for both in scores]
    pd.testing.assert_frame_equal(*kept)
