"""What the experiments time: each kind of work as its own, and nothing twice."""

import time
from functools import partial
from inspect import getmembers, isfunction

import pytest
import torch

from dissect import reuse
from dissect.experiments import certainty, measures, units, word_senses
from dissect.experiments.probes import Split, Training, trained
from dissect.experiments.units import Unit
from dissect.features import tokenized, word_terms
from dissect.report import figures
from tests.experiments.test_experiments import senses
from tests.features.test_store import SENTENCES, SPANS

QUICK = Training(epochs=1, learning_rate=1e-2)
AGAIN = {"statistics", "storing", "nearest neighbours"}  # what is not kept, beside vectors


def test_passes_are_told_with_their_tokens_in_a_store_and_without(minilm, tmp_path):
    tokens = sum(map(len, tokenized(minilm, SENTENCES)))
    with reuse.recorded() as in_memory:
        word_terms(minilm, SENTENCES, SPANS)
    with reuse.recorded() as made:
        word_terms(minilm, SENTENCES, SPANS, tmp_path)
    with reuse.recorded() as found:
        word_terms(minilm, SENTENCES, SPANS, tmp_path)
    with reuse.recorded() as over_text:
        measures.importance(minilm, SENTENCES)
    for work in (in_memory, made, found, over_text):
        assert work["passes"].sizes == {"tokens": tokens}
    assert set(in_memory) == set(over_text) == {"passes"}
    assert made["passes"].computed and not made["passes"].reused
    assert found["passes"].reused and not found["passes"].computed
    assert found["passes"].reused_seconds == pytest.approx(made["passes"].seconds, abs=1e-3)


def test_least_squares_are_no_part_of_passes(minilm):
    with reuse.recorded() as work:
        measures.feedforward_r2(minilm, SENTENCES)
        measures.term_dependence(minilm, SENTENCES)
    assert set(work) == {"passes", "least squares"}
    assert work["passes"].sizes == {"tokens": 2 * sum(map(len, tokenized(minilm, SENTENCES)))}


def units_of(items) -> list[Unit]:
    split = items.split(0)
    learned = partial(word_senses.learned, numbers=word_senses.numbered(items), training=QUICK)
    return [
        Unit(word_senses.EXPERIMENT, "knn", partial(word_senses.neighbours, k=3), items, split, 0),
        Unit(word_senses.EXPERIMENT, "classifier", learned, items, split, 0),
    ]


def test_where_all_is_found_done_no_probe_is_trained(tmp_path):
    items = senses(folder=tmp_path)
    begun = time.monotonic()
    with reuse.recorded() as first:
        units.results(units_of(items))
    taken = time.monotonic() - begun
    with reuse.recorded() as second:
        units.results(units_of(items))
    assert set(first) == AGAIN | {"sense probes", "vectors"} and set(second) == AGAIN | {"sense probes"}
    assert first["sense probes"].computed == second["sense probes"].reused == 16
    assert {kind for kind, of in second.items() if of.computed} == AGAIN
    assert not any(of.reused for kind, of in second.items() if kind != "sense probes")
    assert first["sense probes"].sizes == second["sense probes"].sizes == {"items": 16 * 48, "epochs": 16}
    assert first["nearest neighbours"].computed == 16
    assert sum(of.seconds for of in first.values()) <= taken


def test_each_kind_of_probe_is_told_apart():
    x, labels = senses().features, torch.arange(60) % 2
    split = Split(*torch.arange(60).split([40, 10, 10]))

    def answer(xs, trainings):
        return [{"predicted": torch.zeros(10)} for _ in xs]

    with reuse.recorded() as work:
        for name in ("masked-word heads", "masked-word heads over 30", "entity probes", "sense probes"):
            trained(answer, name, x, {"h": QUICK, "f": QUICK}, labels, split, 0)
    computed = {"masked-word heads": 4, "entity probes": 2, "sense probes": 2, "vectors": 8}
    assert {kind: of.computed for kind, of in work.items()} == computed
    assert work["masked-word heads"].sizes == {"items": 4 * 40}


def test_pictures_are_timed_when_they_are_drawn_and_when_they_become_a_file(tmp_path):
    table = certainty.grouped(["i", "h"], torch.rand(2, 3).numpy(), predictor="knn")
    table = table.rename(columns={"value": "accuracy"})
    with reuse.recorded() as drawn:
        figure = figures.scores_by_subset(table, "accuracy", "accuracy (%)", hue="predictor")
    with reuse.recorded() as written:
        figure.savefig(tmp_path / "picture.png")
    assert drawn["pictures"].computed == 1 and written["pictures"].computed == 1


def test_every_picture_is_timed():
    drawing = [
        of for name, of in getmembers(figures, isfunction)
        if of.__module__.startswith(figures.__name__)
    ]  # fmt: skip
    assert len(drawing) > 20 and all(hasattr(of, "__wrapped__") for of in drawing)
