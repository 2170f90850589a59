"""What answers are compared with does not hang on rounding: the same in float64, and far from a tie."""

import copy

import numpy as np
import pytest
import torch

from dissect import Decomposer, corpora
from dissect.experiments.finer import Word, word_in
from dissect.teaching.exercises import chapter4, chapter6, materials


@pytest.fixture(scope="module")
def exact() -> Decomposer:
    """The default model in float64."""
    return Decomposer(copy.deepcopy(materials.loaded().model).double())


@pytest.fixture(scope="module")
def crane(exact: Decomposer) -> Word:
    found = word_in(materials.loaded(), materials.CRANE, "crane")
    return Word(exact, found.inputs, found.tokens, found.positions)


def items(lemma: str, exact: Decomposer) -> np.ndarray:
    """The terms of all items of a lemma in float64, (4, items, hidden), read without `given`."""
    corpus = corpora.senses()
    vectors = []
    for item in corpus.items:
        if item.lemma == lemma:
            inputs = materials.loaded().tokenizer(
                corpus.sentences[item.sentence], return_tensors="pt", return_offsets_mapping=True
            )
            offsets = inputs.pop("offset_mapping")[0].tolist()
            at = [n for n, (a, b) in enumerate(offsets) if a < item.end and b > item.start]
            vectors.append(exact(**inputs).terms[:, 0, at].sum(1))
    return torch.stack(vectors, dim=1).numpy()


def cosines(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)) @ (y / np.linalg.norm(y, axis=-1, keepdims=True)).T


def test_neighbours_of_items_are_no_ties(exact: Decomposer) -> None:
    names, rounded = materials.senses_of(chapter4.LEMMA)
    senses = np.array(names)
    everything = items(chapter4.LEMMA, exact)
    chosen = [int(cosines(everything[1], row[None]).argmax()) for row in rounded[1].astype(np.float64)]
    other = ~np.eye(len(senses), dtype=bool)
    own = senses[:, None] == senses
    for n, x in enumerate(everything[:, chosen]):
        cosine = cosines(x, x)
        best, worst = (np.where(other & which, cosine, -1).max(1) for which in (own, ~own))
        assert np.abs(best - worst).min() > 1e-4
        for precise in (rounded[n], rounded[n].astype(np.float64), x):
            assert chapter4.left_out(chapter4.cosines(precise), senses.tolist()) == (best > worst).mean()


@pytest.mark.parametrize("lemma", [chapter4.LEMMA, "crane.noun", "bank.noun", "seal.noun"])
def test_no_two_items_have_an_input_term_of_one_direction(lemma: str) -> None:
    senses, terms = materials.senses_of(lemma)
    assert min(map(senses.count, set(senses))) >= 4
    cosine = cosines(*2 * [terms[0].astype(np.float64)])
    assert cosine[~np.eye(len(senses), dtype=bool)].max() < 1 - 1e-4


def test_the_first_head_and_the_first_source_lead_by_far(exact: Decomposer, crane: Word) -> None:
    heads = crane.by_head().sort_values("importance", ascending=False)
    assert heads["importance"].iloc[0] > 1.1 * heads["importance"].iloc[1]
    first = chapter6.by_head().sort_values("importance", ascending=False)
    assert first.iloc[0][["layer", "head"]].tolist() == heads.iloc[0][["layer", "head"]].tolist()
    bat = chapter6.bat()
    sources = Word(exact, bat.inputs, bat.tokens, bat.positions).by_source()
    total = sources[sources["token"] != "bat"].groupby("source")["importance"].sum().nlargest(2).to_numpy()
    assert total[0] > 1.1 * total[1]


def test_counts_of_units_are_the_same_in_float64(crane: Word) -> None:
    rough, shares = (
        np.sort(word.by_unit()["importance"].to_numpy())[::-1] for word in (chapter6.word(), crane)
    )
    assert abs((rough > 0).sum() - (shares > 0).sum()) <= (np.abs(shares) < 1e-9).sum()
    assert chapter6.until_half(rough) == chapter6.until_half(shares)
    assert np.abs(shares.cumsum() - shares.sum() / 2).min() > 1e-4  # no unit ends at half
