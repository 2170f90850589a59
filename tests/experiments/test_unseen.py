"""What a predictor must not see changes nothing: test items while it learns, development items among
neighbours, and a sentence in two parts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dissect import corpora
from dissect.decomposition.parts import subsets
from dissect.experiments import masked_words, named_entities, word_senses
from dissect.experiments.hyperparameters import search
from dissect.experiments.masked_words import MaskedTargets
from dissect.experiments.probes import (
    Choices,
    Judged,
    Split,
    Training,
    masked_head,
    nearest_neighbours,
    sense_probe,
    split_groups,
    trained,
    two_layer,
)
from dissect.experiments.units import mean_agreement
from dissect.experiments.word_senses import SenseTerms
from dissect.features.gathering import Features

ITEMS, D, CLASSES = 90, 6, 3
SPLIT = Split(torch.arange(60), torch.arange(60, 75), torch.arange(75, ITEMS))
TRAINING = Training(epochs=40, batch_size=16, learning_rate=0.05, dropout=0.3, patience=1)


def data(seed=0):
    """Vectors that tell a little of their labels, so that training has a best epoch."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (ITEMS,), generator=rng)
    x = torch.randn(ITEMS, D, generator=rng)
    x[:, :CLASSES] += torch.eye(CLASSES)[labels]
    return x, labels


def head(x, labels, split=SPLIT, watch=None):
    return masked_head(x, labels, split, TRAINING, 0, watch=watch)


def layers(x, labels, split=SPLIT, watch=None):
    return two_layer(x, labels, CLASSES, split, TRAINING, 0, watch)


def senses(x, labels, split=SPLIT, watch=None):
    choices = Choices(torch.zeros(ITEMS, dtype=torch.long), torch.full((ITEMS,), CLASSES))
    return sense_probe(x, labels, CLASSES, choices, split, TRAINING, 0, watch)


def told(probe, x, labels):
    """What a probe answers, and the losses on development items that it was stopped by."""
    losses = []
    said = probe(x, labels, watch=lambda epoch, now, best: losses.append(now.loss))
    return said["predicted"], losses


PROBES = [head, layers, senses]


@pytest.mark.parametrize("probe", PROBES)
def test_other_labels_of_test_items_change_no_answer(probe):
    x, labels = data()
    answers, losses = told(probe, x, labels)
    changed = labels.clone()
    changed[SPLIT.test] = (labels[SPLIT.test] + 1) % CLASSES
    others, same = told(probe, x, changed)
    assert torch.equal(answers, others) and losses == same
    assert len(losses) < TRAINING.epochs  # it was stopped early


@pytest.mark.parametrize("probe", PROBES)
def test_other_vectors_of_test_items_change_nothing_in_training(probe):
    x, labels = data()
    changed = x.clone()
    changed[SPLIT.test] = 10 * torch.randn(len(SPLIT.test), D)
    assert told(probe, x, labels)[1] == told(probe, changed, labels)[1]


@pytest.mark.parametrize("probe", PROBES)
def test_development_items_stop_it_and_training_items_teach_it(probe):
    x, labels = data()
    answers, losses = told(probe, x, labels)
    of_dev, of_train = labels.clone(), labels.clone()
    of_dev[SPLIT.dev] = (labels[SPLIT.dev] + 1) % CLASSES
    of_train[SPLIT.train] = (labels[SPLIT.train] + 1) % CLASSES
    assert min(told(probe, x, of_dev)[1]) > min(losses)
    assert not torch.equal(told(probe, x, of_train)[0], answers)


def test_a_head_can_say_what_it_was_trained_on_and_nothing_else():
    x, labels = data()
    labels[SPLIT.test[:5]] = 7
    labels[SPLIT.dev[:5]] = 8
    said = head(x, labels)
    assert not {7, 8} & set(said["predicted"].tolist())
    assert said["log_chance"][:5].isneginf().all() and said["log_chance"][5:].isfinite().all()


def test_development_items_that_cannot_be_said_stop_no_head():
    """Whether the loss is that of the others alone: their vectors are changed to anything."""
    x, labels = data()
    labels[SPLIT.dev[:5]] = 8
    changed = x.clone()
    changed[SPLIT.dev[:5]] = 50.0
    assert told(head, x, labels)[1] == told(head, changed, labels)[1]


def neighbours(x, labels):
    lemmas = ["bank" if n % 2 else "run" for n in range(ITEMS)]
    return nearest_neighbours(x, [f"s{n}" for n in labels.tolist()], lemmas, SPLIT)


def test_neighbours_are_training_items_alone():
    x, labels = data()
    found = neighbours(x, labels)
    changed, of_others = x.clone(), labels.clone()
    of_others[SPLIT.dev], of_others[SPLIT.test] = 7, 8
    assert neighbours(x, of_others) == found
    changed[SPLIT.dev] = x[SPLIT.test][: len(SPLIT.dev)]  # nearer than any
    assert neighbours(changed, of_others) == found
    of_others[SPLIT.train] = 9
    assert set(neighbours(x, of_others)) == {"s9"}


def test_neighbours_are_those_of_direction_and_not_of_length():
    x, labels = data()
    assert neighbours(x * (1 + 9 * torch.rand(ITEMS, 1)), labels) == neighbours(x, labels)


def test_the_fifth_neighbour_decides():
    """Two of one sense are nearest, then three of another: five are asked, and not four."""
    angles = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.0])
    x = torch.stack([angles.cos(), angles.sin()], dim=1)
    split = Split(torch.arange(5), torch.tensor([]), torch.tensor([5]))
    assert nearest_neighbours(x, ["a", "a", "b", "b", "b", "?"], ["l"] * 6, split) == ["b"]


def test_the_baseline_of_neighbours_is_the_most_frequent_sense():
    split = Split(torch.arange(9), torch.tensor([]), torch.tensor([9]))
    names = ["a", "a", "a", "a", "b", "b", "b", "b", "b", "?"]
    assert nearest_neighbours(torch.zeros(10, 2), names, ["l"] * 10, split) == ["b"]


# ---- parts of the data ----


def test_parts_are_eighty_ten_and_ten_hundredths_and_apart():
    for seed in range(5):
        parts = split_groups(np.arange(100) // 2, seed)
        sizes = [len(part) for part in (parts.train, parts.dev, parts.test)]
        assert sizes == [80, 10, 10]
        assert len(set(torch.cat([parts.train, parts.dev, parts.test]).tolist())) == 100
    tests = {tuple(split_groups(range(100), seed).test.tolist()) for seed in range(5)}
    assert len(tests) == 5 and tuple(range(90, 100)) not in tests


def some_features(items: int) -> Features:
    return Features([torch.randn(4, items, 8)], torch.arange(items), 0)


def test_a_sentence_that_was_masked_several_times_stands_in_one_part():
    source = [n % 20 for n in range(200)]
    targets = MaskedTargets(some_features(200), torch.zeros(200, dtype=torch.long), source)
    for seed in range(3):
        split = targets.split(seed)
        parts = [{source[n] for n in part.tolist()} for part in (split.train, split.dev, split.test)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 20


def test_senses_are_parted_item_by_item_whatever_their_sentence_and_lemma():
    """As the paper's were: all lemmas are trained on, and sentences with two items may be parted."""
    sentences = [n // 4 for n in range(200)]
    lemmas = [("bank", "run", "lead", "bear")[n % 4] for n in range(200)]
    items = SenseTerms(some_features(200), lemmas, [f"{name}%1" for name in lemmas], sentences, sentences)
    split = items.split(0)
    assert [len(part) for part in (split.train, split.dev, split.test)] == [160, 20, 20]
    assert {lemmas[n] for n in split.train.tolist()} == {lemmas[n] for n in split.test.tolist()}
    shared = {sentences[n] for n in split.train.tolist()} & {sentences[n] for n in split.test.tolist()}
    assert len(shared) > 10


def test_words_of_sentences_keep_to_the_part_of_their_sentence(minilm):
    """A word without a piece is left out, and those after it keep their own tags and parts."""
    of = {
        "train": [corpora.TaggedSentence(["Anna", "\u200d", "ran"], ["B-PER", "B-PROD", "O"])],
        "dev": [corpora.TaggedSentence(["Kyoto"], ["B-LOC"]), corpora.TaggedSentence(["so"], ["O"])],
        "test": [corpora.TaggedSentence(["Ben", "Li"], ["B-PER", "I-PER"])],
    }
    words = named_entities.tagged_terms(minilm, of)
    assert words.tags == ["B-PER", "O", "B-LOC", "O", "B-PER", "I-PER"]
    assert words.sentence == [0, 0, 1, 2, 3, 3]
    parts = (words.split.train, words.split.dev, words.split.test)
    assert [part.tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]


# ---- the experiments ----


def with_answers(monkeypatch, module, classes):
    """Stand-ins for probes; returns the splits that they were trained on."""
    splits = []

    def answer(probes, name, features, trainings, labels, split, seed, **_):
        found = {}
        for subset in trainings:
            splits.append(split)
            generator = torch.Generator().manual_seed(len(splits))
            said = torch.randint(classes, (len(split.test),), generator=generator)
            found[subset] = {"predicted": said}
        return found

    monkeypatch.setattr(module, "trained", answer)
    return splits


def test_intervals_of_senses_are_over_documents_and_not_over_items(monkeypatch):
    """Thirty copies of each item in its document make nothing surer."""
    lemmas, names = ["bank"] * 40, [f"bank%{n % 2}" for n in range(40)]

    def width(copies):
        with_answers(monkeypatch, word_senses, 2)
        documents = [n // copies for n in range(40)]
        items = SenseTerms(some_features(40), lemmas, names, list(range(40)), documents)
        split = Split(*torch.arange(40).split([4, 4, 32]))
        table = word_senses.word_senses(items, [0], split=split).intervals
        of = table[(table["predictor"] == "classifier") & (table["terms"] == "h")].iloc[0]
        return of["high"] - of["low"]

    assert np.isnan(width(40))  # one document says nothing of others
    assert width(1) > 0.2


def test_intervals_of_masked_words_are_over_sentences_and_not_over_targets(monkeypatch):
    monkeypatch.setattr(
        masked_words, "learned",
        lambda targets, subsets, split, training, seed: dict.fromkeys(subsets, {
            "predicted": torch.arange(len(split.test)) % 2, "log_chance": torch.zeros(len(split.test)),
        }),
    )  # fmt: skip
    monkeypatch.setattr(MaskedTargets, "split", lambda self, seed: Split(*torch.arange(40).split([4, 4, 32])))
    targets = MaskedTargets(
        some_features(40), torch.zeros(40, dtype=torch.long), [n // 40 for n in range(40)]
    )
    table = masked_words.masked_words(targets, [0]).intervals
    of = table[(table["terms"] == "h") & (table["score"] == "accuracy")].iloc[0]
    assert of["mean"] == 0.5 and np.isnan([of["low"], of["high"]]).all()  # one sentence alone


def test_agreement_is_the_mean_over_seeds_and_leaves_the_baseline_out(monkeypatch):
    rows = [("knn", "h", "f", value) for value in (0.2, 0.6)]
    table = pd.DataFrame(rows, columns=["predictor", "terms_a", "terms_b", "agreement"])
    assert mean_agreement(table)["agreement"].tolist() == [pytest.approx(0.4)]
    with_answers(monkeypatch, word_senses, 2)
    items = SenseTerms(
        some_features(40), ["bank"] * 40, [f"bank%{n % 2}" for n in range(40)], *[list(range(40))] * 2
    )
    found = word_senses.word_senses(items, [0, 1]).agreement
    assert set(found["terms_a"]) | set(found["terms_b"]) == set(subsets()) - {""}
    with_answers(monkeypatch, named_entities, 2)
    words = named_entities.WordTerms(
        some_features(40), ["O", "B-PER"] * 20, list(range(40)), Split(*torch.arange(40).split([5, 5, 30]))
    )
    found = named_entities.named_entities({"base": words}, [0]).agreement
    assert set(found["terms_a"]) | set(found["terms_b"]) == set(subsets()) - {""}


def test_five_neighbours_are_asked_as_in_the_paper(monkeypatch):
    asked = set()

    def near(x, senses, lemmas, split, k):
        asked.add(k)
        return [senses[n] for n in split.test.tolist()]

    with_answers(monkeypatch, word_senses, 2)
    monkeypatch.setattr(word_senses, "nearest_neighbours", near)
    items = SenseTerms(
        some_features(40), ["bank"] * 40, [f"bank%{n % 2}" for n in range(40)], *[list(range(40))] * 2
    )
    scores = word_senses.word_senses(items, [0]).scores
    assert asked == {5} and set(scores.query("predictor == 'knn'")["accuracy"]) == {1}


def test_senses_are_numbered_lemma_by_lemma():
    """Names of senses need not begin with the lemma: those of a lemma follow one another all the same."""
    lemmas, names = ["run", "bank", "run", "bank", "lead"], ["z", "y", "a", "b", "m"]
    found, labels, choices = word_senses.numbered(
        SenseTerms(some_features(5), lemmas, names, *[list(range(5))] * 2)
    )
    assert [found[n] for n in labels.tolist()] == names
    for n, lemma in enumerate(lemmas):
        first, count = int(choices.first[n]), int(choices.count[n])
        own = {sense for of, sense in zip(lemmas, names, strict=True) if of == lemma}
        assert set(found[first : first + count]) == own and count == len(own)


def test_a_pretrained_head_reads_the_test_items_in_their_order():
    """More of them than are read at once."""
    x = torch.randn(3000, 5)
    labels = torch.randint(4, (3000,))
    turn = torch.nn.Linear(5, 4)
    said = masked_words.read_by(turn, x, labels)
    with torch.no_grad():
        logits = turn(x)
    assert torch.equal(said["predicted"], logits.argmax(-1))
    assert torch.allclose(said["log_chance"], logits.log_softmax(-1)[torch.arange(3000), labels], atol=1e-5)


def test_a_pretrained_head_is_scored_on_test_items():
    torch.manual_seed(0)
    features = some_features(100)
    turn = torch.nn.Linear(8, 4, bias=False)
    targets = MaskedTargets(features, torch.randint(4, (100,)), list(range(100)))
    table = masked_words.masked_words(targets, [0], turn, Training(epochs=1)).scores
    of = table[table["predictor"] == "pretrained"].set_index("terms")
    test = targets.split(0).test
    for subset in ("h", "i+f", "i+h+f+c"):
        with torch.no_grad():
            logits = turn(features.subset(subset)[test])
        expected = (logits.argmax(-1) == targets.labels[test]).double().mean().item()
        assert of.loc[subset, "accuracy"] == pytest.approx(expected)
        nats = torch.nn.functional.cross_entropy(logits, targets.labels[test]).item()
        assert of.loc[subset, "cross_entropy"] == pytest.approx(nats, rel=1e-5)


def test_types_never_seen_have_no_part_in_the_loss():
    chances = torch.tensor([-1.0, -torch.inf, -3.0])
    assert masked_words.loss_counts(chances).tolist() == [[1, 1], [0, 0], [3, 1]]
    assert masked_words.cross_entropy(chances) == 2


def test_heads_over_few_and_all_types_are_compared_on_types_that_were_seen(monkeypatch):
    """Half of the test part has a type that was never trained on, of which no answer can be right."""
    labels = torch.tensor([5] * 30 + [6] * 5)
    monkeypatch.setattr(
        MaskedTargets, "split", lambda self, seed: Split(*torch.arange(35).split([20, 5, 10]))
    )
    targets = MaskedTargets(some_features(35), labels, list(range(35)))
    table = masked_words.full_vocabulary(targets, 8, training=Training(epochs=30, learning_rate=0.1))
    assert table["types"].tolist() == [1, 8] and table["accuracy"].tolist() == [1, 1]


def test_trials_are_judged_by_their_best_epoch():
    """A trial that rises to 0.5 and ends at 0.1 is better than one that stays at 0.2."""

    def probe(training, watch):
        steep = training.learning_rate > 1e-3
        best = Judged(0.0, 9.0)
        for epoch, score in enumerate([0.2, 0.5, 0.1] if steep else [0.2, 0.2, 0.2]):
            now = Judged(score, 1.0 + epoch)
            best = max(best, now)
            watch(epoch, now, best)

    found, table = search(probe, Training(learning_rate=1e-2), 3)
    assert found.learning_rate > 1e-3 and table["score"][0] == 0.5 and table["loss"][0] == 2


def test_of_trials_with_equal_scores_that_with_the_lowest_loss_is_taken():
    """As accuracy on few items is often the same; what was broken off does not count."""

    def probe(training, watch):
        judged = Judged(0.5, training.dropout)
        watch(0, judged, judged)

    found, table = search(probe, Training(dropout=0.6), 6)
    assert found.dropout == table["dropout"].min() < 0.6 and set(table["score"]) == {0.5}


def test_the_search_sees_the_first_split_and_nothing_of_its_test_part(monkeypatch):
    given = []

    def probe(x, *rest, **options):
        given.append(next(one for one in (*rest, *options.values()) if isinstance(one, Split)))
        options["watch"](0, Judged(0.0, 1.0), Judged(0.0, 1.0))

    monkeypatch.setattr(word_senses, "sense_probe", probe)
    monkeypatch.setattr(masked_words, "masked_head", probe)
    items = SenseTerms(
        some_features(40), ["bank"] * 40, [f"bank%{n % 2}" for n in range(40)], *[list(range(40))] * 2
    )
    targets = MaskedTargets(some_features(40), torch.zeros(40, dtype=torch.long), list(range(40)))
    word_senses.choose(items, 1)
    masked_words.choose(targets, 1)
    assert [split.dev.tolist() for split in given] == [items.split(0).dev.tolist()] * 30
    masked_words.choose(targets, 1, seed=3)
    assert given[-1].dev.tolist() == targets.split(3).dev.tolist() != targets.split(0).dev.tolist()


def test_kept_answers_are_those_of_the_same_parts(tmp_path):
    features = Features([torch.randn(4, 10, 6)], torch.arange(10), 0, tmp_path)
    labels = torch.zeros(10, dtype=torch.long)
    made = []

    def ask(split, seed=0, training=TRAINING):
        def probes(xs, trainings):
            made.append(split)
            return [{"predicted": labels[split.test]} for _ in xs]

        trained(probes, "some", features, {"h": training}, labels, split, seed)

    a, b, c = torch.arange(6), torch.arange(6, 8), torch.arange(8, 10)
    for split in (Split(a, b, c), Split(a, c, b), Split(a, b, a), Split(b, a, c)):
        ask(split), ask(split)
    assert len(made) == 4
    ask(Split(a, b, c), seed=1)
    ask(Split(a, b, c), training=replace(TRAINING, epochs=3))
    assert len(made) == 6
