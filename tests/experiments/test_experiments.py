"""What the experiments share: units of work, which can be sent elsewhere, and the results made of them."""

import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from dissect import progress, reuse
from dissect.decomposition.parts import subsets
from dissect.experiments import masked_words, named_entities, word_senses
from dissect.experiments import units as experiments
from dissect.experiments.probes import Split, Training, kept
from dissect.experiments.units import Unit
from dissect.features.gathering import Features
from dissect.report import readings
from dissect.tables import Results

QUICK = Training(epochs=1, learning_rate=1e-2)


def features(items: int, folder=None) -> Features:
    generator = torch.Generator().manual_seed(0)
    return Features([torch.randn(4, items, 8, generator=generator)], torch.arange(items), 0, folder)


def senses(items: int = 60, folder=None) -> word_senses.SenseTerms:
    lemmas = [("bank", "run")[n % 2] for n in range(items)]
    names = [f"{lemma}%{n % 3}" for n, lemma in enumerate(lemmas)]
    sentences, documents = ([n // size for n in range(items)] for size in (2, 6))
    return word_senses.SenseTerms(features(items, folder), lemmas, names, sentences, documents)


def targets() -> masked_words.MaskedTargets:
    return masked_words.MaskedTargets(features(60), torch.arange(60) % 5, [n // 3 for n in range(60)])


def words() -> named_entities.WordTerms:
    tags = [("O", "B-PER", "I-PER", "O", "B-LOC")[n % 5] for n in range(60)]
    return named_entities.WordTerms(
        features(60), tags, [n // 5 for n in range(60)], Split(*torch.arange(60).split([35, 10, 15]))
    )


def units_of(monkeypatch, module, run) -> list[Unit]:
    """The units that an experiment is made of."""
    seen: list[Unit] = []
    nothing = pd.DataFrame(columns=["predictor", "terms"])

    def results(units):
        seen.extend(units)
        return Results(nothing, nothing, nothing, nothing)

    monkeypatch.setattr(module, "results", results)
    run()
    return seen


def head() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(8, 5)


EXPERIMENTS = {
    "masked words": (masked_words, lambda: masked_words.masked_words(targets(), [3, 4], head(), QUICK)),
    "word senses": (word_senses, lambda: word_senses.word_senses(senses(), [3, 4], training=QUICK)),
    "named entities": (named_entities, lambda: named_entities.named_entities(
        {"base": words(), "finetuned": words()}, [3, 4], QUICK)),
}  # fmt: skip


# A head that is there already draws nothing, and is asked once.
PREDICTORS = {
    "masked words": {("learned", 3), ("learned", 4), ("pretrained", 3), ("permuted", 3), ("permuted", 4)},
    "word senses": {
        ("knn", 3),
        ("most frequent sense", 3),
        ("document's majority", 3),
        *((name, seed) for name in ("classifier", "permuted") for seed in (3, 4)),
    },
    "named entities": {(name, seed) for name in ("base", "finetuned", "permuted") for seed in (3, 4)},
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_unit_is_a_predictor_and_a_seed_with_all_subsets(monkeypatch, name):
    module, run = EXPERIMENTS[name]
    units = units_of(monkeypatch, module, run)
    assert {(unit.predictor, unit.seed) for unit in units} == PREDICTORS[name]
    assert len(units) == len(PREDICTORS[name])
    for unit in units[1::3]:
        found = experiments.found(unit)
        blind = unit.predictor in ("most frequent sense", "document's majority")
        terms = [""] if blind else ["", "f"] if unit.predictor == "permuted" else subsets()
        assert found.scores["terms"].tolist() == terms
        assert set(found.scores["predictor"]) == {unit.predictor} and set(found.scores["seed"]) == {unit.seed}
        scores = found.scores.melt(["predictor", "terms", "seed"], var_name="score")
        keys = ["predictor", "terms", "seed", "score"]
        of_groups = found.groups[found.groups["score"].isin(scores["score"])].groupby(keys)["value"].mean()
        assert of_groups.to_dict() == pytest.approx(scores.set_index(keys)["value"].to_dict(), nan_ok=True)


def test_masked_words_are_parted_once_for_all_seeds(monkeypatch):
    """By the seed of the run, and not by those of what is learned."""

    def parts(seeds, seed):
        run = partial(masked_words.masked_words, targets(), seeds, head(), QUICK, seed)
        made = units_of(monkeypatch, masked_words, run)
        return {(tuple(of.split.train.tolist()), tuple(of.split.test.tolist())) for of in made}

    assert len(parts([3, 4], 0)) == 1 and parts([3, 4], 0) == parts([5], 0) != parts([3, 4], 1)


def test_a_predictor_with_one_row_stands_beside_those_with_several():
    found = masked_words.masked_words(targets(), [3, 4], head(), QUICK)
    rows = found.scores.groupby(["predictor", "terms"]).size()
    assert rows["pretrained"].eq(1).all() and rows["learned"].eq(2).all()
    of_head = found.intervals[found.intervals["predictor"] == "pretrained"]
    assert len(of_head) == 3 * 16 and of_head["std"].eq(0).all() and of_head["mean"].notna().all()
    assert readings.by_seed(found.scores, "pretrained", "accuracy").shape == (1, 16)


ELSEWHERE = """
import pickle, sys
from dissect.experiments.units import found
units = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps([found(unit) for unit in units]))
"""


@pytest.mark.slow
def test_units_that_were_sent_elsewhere_find_the_same(monkeypatch):
    """In another process, which is given nothing but the pickled units, and in another order."""
    made = [units_of(monkeypatch, module, run) for module, run in EXPERIMENTS.values()]
    units = [unit for units in made for unit in units[::3]]
    sent = pickle.dumps(units[::-1])
    answer = subprocess.run([sys.executable, "-c", ELSEWHERE], input=sent, capture_output=True, check=True)
    there = pickle.loads(answer.stdout)[::-1]
    for unit, other in zip(units, there, strict=True):
        here = experiments.found(unit)
        pd.testing.assert_frame_equal(here.scores, other.scores, check_exact=True)
        assert (here.agreement is None) == (other.agreement is None)
        if here.agreement is not None:
            pd.testing.assert_frame_equal(here.agreement, other.agreement, check_exact=True)
        pd.testing.assert_frame_equal(here.groups, other.groups, check_exact=True)
        assert (here.consistency is None) == (other.consistency is None)
        if here.consistency is not None:
            pd.testing.assert_frame_equal(here.consistency, other.consistency, check_exact=True)


def test_scores_are_those_of_the_answers_and_means_those_of_the_scores():
    """The first seed is right on whole embeddings alone, the second on all but the empty subset."""
    items = senses()

    def predict(items, asked, split, *, seed):
        truth = np.array(items.senses)[split.test.numpy()]
        right = {subset: subset == "i+h+f+c" if seed == 0 else subset != "" for subset in asked}
        wrong = np.array(["none"] * len(truth))
        return {subset: {"predicted": truth if right[subset] else wrong} for subset in asked}

    units = [Unit(word_senses.EXPERIMENT, "one", predict, items, items.split(0), seed) for seed in (0, 1)]
    found = experiments.results(units)
    scores = found.scores.pivot(index="terms", columns="seed", values="accuracy")
    assert scores.loc["h"].tolist() == [0, 1] and scores.loc[""].tolist() == [0, 0]
    means = found.intervals.set_index("terms")["mean"]
    assert (means[""], means["h"], means["i+h+f+c"]) == (0, 0.5, 1)
    agreed = found.agreement.set_index(["terms_a", "terms_b"])["agreement"]
    assert agreed["i", "h"] == 1 and agreed["h", "i+h+f+c"] == 0.5 and len(agreed) == 15 * 14 / 2


def test_seeds_that_are_tested_on_other_items_are_no_seeds_of_one_predictor():
    items = senses()
    units = [Unit(word_senses.EXPERIMENT, "one", None, items, items.split(seed), seed) for seed in (0, 1)]
    with pytest.raises(ValueError, match="one is tested on other items"):
        experiments.results(units)


def test_what_was_interrupted_goes_on_with_the_next_probe(tmp_path, monkeypatch):
    """Answers are kept as soon as the probes that fit into memory together have been trained."""
    items, numbers = senses(folder=tmp_path), word_senses.numbered(senses())
    predict = partial(word_senses.learned, numbers=numbers, training=QUICK)
    unit = Unit(word_senses.EXPERIMENT, "classifier", predict, items, items.split(0), 0)
    probes, trained = word_senses.sense_probes, []
    monkeypatch.setattr(kept, "MEMORY", 1)  # byte: one at a time

    def interrupted(*given, **options):
        if len(trained) == 5:
            raise KeyboardInterrupt
        trained.append(1)
        return probes(*given, **options)

    monkeypatch.setattr(word_senses, "sense_probes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        experiments.found(unit)
    monkeypatch.setattr(word_senses, "sense_probes", probes)
    with reuse.recorded() as work:
        experiments.found(unit)
    assert (work["sense probes"].reused, work["sense probes"].computed) == (5, 11)


def test_progress_names_the_predictor_and_the_seed(monkeypatch):
    labels = []

    def track(items, label):
        labels.append(label)
        return items

    monkeypatch.setattr(progress, "track", track)
    for module, run in EXPERIMENTS.values():
        for unit in units_of(monkeypatch, module, run)[1:3]:
            experiments.answers(unit)
    assert labels == [
        "masked words, head learned, seed 4, 0 of 16 done: epochs",
        "masked words, head pretrained, seed 3: subsets",
        "probes for senses, classifier, seed 3, 0 of 16 done: epochs",
        "probes for senses, classifier, seed 4, 0 of 16 done: epochs",
        "probes for entities, base, seed 4, 0 of 16 done: epochs",
        "probes for entities, finetuned, seed 3, 0 of 16 done: epochs",
    ]  # fmt: skip
