"""What chapters show in a few plain lines is what they call, and their comparisons can fail."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from dissect.corpora import senses, text
from dissect.experiments.word_senses import corpus_table, sense_terms
from dissect.models import Loaded
from dissect.places import NOTEBOOKS


def codes(chapter: str, first: str, last: str) -> list[str]:
    """The code of a chapter's imports, and of its cells from one to another, by their ids."""
    cells = json.loads((NOTEBOOKS / f"{chapter}.ipynb").read_text(encoding="utf-8"))["cells"]
    ids = [cell["id"] for cell in cells]
    ours = next(n for n, cell in enumerate(cells) if "from dissect.chapter import" in "".join(cell["source"]))
    among = [
        *cells[ours - 1 : ours + 1],
        *cells[ids.index(first) : ids.index(last) + 1],
    ]  # others' before ours
    return ["".join(cell["source"]) for cell in among if cell["cell_type"] == "code"]


def run(code: list[str], space: dict[str, Any], old: str = "", new: str = "") -> dict[str, Any]:
    """The names after code was run in which one piece was replaced."""
    assert any(old in one for one in code)
    for one in code:
        exec(one.replace(old, new) if old else one, space)
    return space


# ---- masking ----


@pytest.fixture
def masking(minilm: Loaded) -> dict[str, Any]:
    """What the cells on masking find when they are run."""
    targets = SimpleNamespace(asked="masked", called="masked words")
    return {"loaded": minilm, "text": text(limit=40), "targets": targets}


MASKING = codes("3-mlm", "mlm-masked-by-hand", "mlm-masked-by-both")


def test_masking_by_hand_is_that_of_the_chapter(masking, capsys) -> None:
    done = run(MASKING, masking)
    assert sum(map(len, done["chosen"])) == len(done["ours"].labels) > 20
    said = capsys.readouterr().out
    assert "[MASK]" in said and "word pieces are targets" in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("draws.random() < 0.15", "draws.random() < 0.16"),
        ("draw < 0.8", "draw < 0.7"),
        ("draw < 0.9", "draw < 1.0"),
        ("draws.choice(pieces)", "draws.choice(range(99))"),
        ("piece not in special and ", ""),
    ],
)
def test_another_masking_stops_at_an_assert(masking, old: str, new: str) -> None:
    with pytest.raises(AssertionError):
        run(MASKING, masking, old, new)


def test_a_model_of_next_words_is_told_that_nothing_is_masked(masking, capsys) -> None:
    masking["targets"] = SimpleNamespace(asked="next", called="next words")
    run(MASKING, masking)
    assert "nothing is masked: the model is asked for next words" in capsys.readouterr().out


# ---- kNN and the probe ----


@pytest.fixture(scope="module")
def items(minilm: Loaded) -> dict[str, Any]:
    """What the cells on kNN and the probe find when they are run."""
    corpus = senses()
    terms = sense_terms(minilm, corpus)
    return {"items": terms, "lemmas": corpus_table(corpus), "by_item": terms.split(0)}


SENSES = codes("4-wsd", "wsd-knn-by-hand", "wsd-probe-by-both")


def test_neighbours_by_hand_answer_as_those_of_the_chapter(items, capsys) -> None:
    done = run(SENSES[:4], dict(items))
    assert done["voted"] == done["ours"]
    assert f"the same answer: {len(done['few'])} of {len(done['few'])}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("min(5, len(others))", "1"),
        ("train[lemma_of[train] == lemma_of[n]]", "train"),
        (".topk(", ".neg().topk("),
    ],
)
def test_other_neighbours_are_seen_in_what_is_printed(items, old: str, new: str) -> None:
    done = run(SENSES[:4], dict(items), old, new)
    assert done["voted"] != done["ours"]


def scores(done: dict[str, Any]) -> tuple[float, float, float]:
    """The shares that are right: of the most frequent sense, the probe by hand, and the chapter's."""
    return tuple(right.double().mean().item() for right in done["scored"].values())


def test_the_probe_by_hand_learns_what_the_chapters_does(items) -> None:
    frequent, by_hand, ours = scores(run(SENSES, dict(items)))
    assert abs(by_hand - ours) < 0.1 and min(by_hand, ours) > frequent + 0.2


def test_untrained_it_is_the_most_frequent_sense(items) -> None:
    frequent, by_hand, ours = scores(run(SENSES, dict(items), "range(40)", "range(0)"))
    assert by_hand == frequent < ours
