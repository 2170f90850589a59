"""The negative control: where there is nothing to be found, nothing is, in each experiment and its score."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dissect.experiments import masked_words, named_entities, units, word_senses
from dissect.experiments.probes import Split, Training
from dissect.features.gathering import Features
from dissect.report import answers, readings

SEEDS = range(5)
ITEMS, WIDTH = 600, 10
LEARNED = {"masked words": "learned", "word senses": "classifier", "named entities": "base"}


def telling(labels: torch.Tensor) -> Features:
    """Terms of which h and f tell the label, and i and c are noise."""
    rng = torch.Generator().manual_seed(0)
    centres = 1.5 * torch.randn(int(labels.max()) + 1, WIDTH, generator=rng)
    noise = torch.randn(4, len(labels), WIDTH, generator=rng)
    return Features([noise + torch.tensor([0.0, 1, 1, 0])[:, None, None] * centres[labels]],
                    torch.arange(len(labels)), 0)  # fmt: skip


def uneven(classes: int) -> torch.Tensor:
    """Labels of which the first is frequent and each other rare."""
    rng = torch.Generator().manual_seed(1)
    rare = torch.rand(ITEMS, generator=rng) < 0.4
    return torch.where(rare, torch.randint(1, classes, (ITEMS,), generator=rng), 0)


def of_masked_words(training):
    labels = uneven(30)
    targets = masked_words.MaskedTargets(telling(labels), labels, [n // 2 for n in range(ITEMS)])
    return masked_words.masked_words(targets, SEEDS, training=training)


def of_senses(training):
    labels = uneven(4)
    names = [f"bank%{n}" for n in labels.tolist()]
    items = word_senses.SenseTerms(telling(labels), ["bank"] * ITEMS, names, *[list(range(ITEMS))] * 2)
    return word_senses.word_senses(items, SEEDS, training=training)


def of_entities(training):
    labels = uneven(9)
    tags = ["O", *(f"{place}-{kind}" for kind in ("LOC", "ORG", "PER", "WORK") for place in "BI")]
    parts = Split(*torch.arange(ITEMS).split([400, 100, 100]))
    words = named_entities.WordTerms(
        telling(labels), [tags[n] for n in labels.tolist()], [n // 4 for n in range(ITEMS)], parts
    )
    return named_entities.named_entities({"base": words}, SEEDS, training)


RUNS = {"masked words": of_masked_words, "word senses": of_senses, "named entities": of_entities}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("rate", [2e-3, 2e-2])
def test_a_permuted_term_adds_nothing_and_the_term_itself_much(name, rate):
    """At a rate that suits the probe and at one at which it learns by heart within an epoch or two."""
    found = RUNS[name](Training(learning_rate=rate, batch_size=64, dropout=0.1, patience=3))
    control = readings.of_control(found.pairs)
    assert set(control["terms"]) == {"f"} and len(control) == found.intervals["score"].nunique()
    for row in control.itertuples():
        assert row.low <= 0 <= row.high and row.p > 0.05, row
        a, low, high = readings.difference(found.pairs, LEARNED[name], row.score, "f", "")
        assert abs(a) > 20 and low * high > 0


def test_a_control_is_the_predictor_on_other_items_terms_and_two_subsets():
    labels = uneven(4)
    items = word_senses.SenseTerms(telling(labels), ["l"] * ITEMS, ["s"] * ITEMS, *[list(range(ITEMS))] * 2)
    asked = []

    def predict(items, subsets, split, *, seed):
        asked.extend((subset, seed, items.features.subset(subset)) for subset in subsets)
        return {subset: {"predicted": np.array(["s"] * len(split.test))} for subset in subsets}

    unit = units.Unit(word_senses.EXPERIMENT, "some", predict, items, items.split(0), 7)
    found = units.found(units.control(unit, "h"))
    assert [(subset, seed) for subset, seed, _ in asked] == [("", 7), ("h", 7)]
    own = items.features.subset("h")
    assert not torch.equal(asked[1][2], own)
    assert torch.equal(asked[1][2].sort(0).values, own.sort(0).values)
    assert found.agreement is None and set(found.scores["predictor"]) == {"permuted"}
    other = units.control(replace(unit, seed=8)).items.features.subset("h")
    assert not torch.equal(other, asked[1][2])


def test_a_control_is_told_with_its_interval_and_whether_it_is_decided():
    """Rows in either order of the two; what other predictors find is left out."""
    columns = ["predictor", "score", "terms_a", "terms_b", "difference", "low", "high", "p"]
    pairs = pd.DataFrame(
        [
            ("permuted", "accuracy", "", "f", -0.01, -0.03, 0.01, 0.4),
            ("permuted", "cross_entropy", "f", "", 0.2, 0.1, 0.3, 0.002),
            ("learned", "accuracy", "", "f", -0.5, -0.6, -0.4, 0.001),
        ],
        columns=columns,
    )
    rows = readings.of_control(pairs)
    assert rows["difference"].tolist() == [0.01, 0.2]
    assert (rows.loc[0, "low"], rows.loc[0, "high"]) == (-0.01, 0.03)
    told = answers.control(pairs)
    assert told["the data say"].tolist() == ["undecided", "decided"]
    assert told["difference"].tolist() == [
        "+1.0 [−1.0, +3.0] points", "+0.20 [+0.10, +0.30] nats",
    ]  # fmt: skip
    assert list(told.index) == [
        "permuted f less none: accuracy", "permuted f less none: cross-entropy",
    ]  # fmt: skip


def test_pictures_and_means_leave_the_control_out():
    intervals = pd.DataFrame(
        [("permuted", "accuracy", "f", 0.1, 0, 0.1, 0.1), ("learned", "accuracy", "f", 0.2, 0, 0.1, 0.3)],
        columns=["predictor", "score", "terms", "mean", "std", "low", "high"],
    )
    assert list(answers.certainty(intervals).columns) == ["learned head: accuracy"]
    assert readings.without_control(intervals)["predictor"].tolist() == ["learned"]
