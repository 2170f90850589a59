"""What answers are compared with does not hang on rounding: the same in float64, and far from a tie."""

import copy

import numpy as np
import pytest
import torch

from dissect import Decomposer, corpora
from dissect.experiments.finer import Word
from dissect.teaching.exercises import chapter4, chapter6, materials
from dissect.teaching.exercises.variants import varied


@pytest.fixture(scope="module")
def exact() -> Decomposer:
    """The default model in float64."""
    return Decomposer(copy.deepcopy(materials.loaded().model).double())


def of(name: str, *parts: str) -> list[tuple[str, ...]]:
    """These values of an exercise, in each variant."""
    return [tuple(values[part] for part in parts) for values in varied()[name].values.values()]


WORDS = [(materials.CRANE, "crane"), *of("6.2", "sentence", "name")]
BATS = [materials.BAT, *(sentence for (sentence,) in of("6.3", "sentence"))]
LEMMAS = [chapter4.LEMMA, *(lemma for (lemma,) in of("4.4", "lemma"))]


def precise(exact: Decomposer, found: Word) -> Word:
    """The same word with terms in float64."""
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


@pytest.mark.parametrize("lemma", LEMMAS)
def test_neighbours_of_items_are_no_ties(lemma: str, exact: Decomposer) -> None:
    names, rounded = materials.senses_of(lemma)
    senses = np.array(names)
    everything = items(lemma, exact)
    chosen = [int(cosines(everything[1], row[None]).argmax()) for row in rounded[1].astype(np.float64)]
    other = ~np.eye(len(senses), dtype=bool)
    own = senses[:, None] == senses
    for n, x in enumerate(everything[:, chosen]):
        cosine = cosines(x, x)
        best, worst = (np.where(other & which, cosine, -1).max(1) for which in (own, ~own))
        assert np.abs(best - worst).min() > 1e-4
        for y in (rounded[n], rounded[n].astype(np.float64), x):
            assert chapter4.left_out(chapter4.cosines(y), senses.tolist()) == (best > worst).mean()


@pytest.mark.parametrize("lemma", [*LEMMAS, "crane.noun", "bank.noun", "seal.noun"])
def test_no_two_items_have_an_input_term_of_one_direction(lemma: str) -> None:
    senses, terms = materials.senses_of(lemma)
    assert min(map(senses.count, set(senses))) >= 4
    cosine = cosines(*2 * [terms[0].astype(np.float64)])
    assert cosine[~np.eye(len(senses), dtype=bool)].max() < 1 - 1e-4


@pytest.mark.parametrize(("sentence", "name"), WORDS)
def test_the_first_head_leads_by_far(sentence: str, name: str, exact: Decomposer) -> None:
    rough = chapter6.word(sentence, name)
    heads = precise(exact, rough).by_head().sort_values("importance", ascending=False)
    assert heads["importance"].iloc[0] > 1.1 * heads["importance"].iloc[1]
    first = rough.by_head().sort_values("importance", ascending=False)
    assert first.iloc[0][["layer", "head"]].tolist() == heads.iloc[0][["layer", "head"]].tolist()


@pytest.mark.parametrize("sentence", BATS)
def test_the_first_source_leads_by_far(sentence: str, exact: Decomposer) -> None:
    sources = precise(exact, chapter6.bat(sentence)).by_source()
    total = sources[sources["token"] != "bat"].groupby("source")["importance"].sum().nlargest(2).to_numpy()
    assert total[0] > 1.1 * total[1]


@pytest.mark.parametrize(("sentence", "name"), WORDS)
def test_counts_of_units_are_the_same_in_float64(sentence: str, name: str, exact: Decomposer) -> None:
    found = chapter6.word(sentence, name)
    rough, shares = (
        np.sort(word.by_unit()["importance"].to_numpy())[::-1] for word in (found, precise(exact, found))
    )
    assert abs((rough > 0).sum() - (shares > 0).sum()) <= (np.abs(shares) < 1e-9).sum()
    assert chapter6.until_half(rough) == chapter6.until_half(shares)
    assert np.abs(shares.cumsum() - shares.sum() / 2).min() > 1e-4  # no unit ends at half
