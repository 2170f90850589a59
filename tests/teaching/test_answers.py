"""Many answers to each exercise: right ones in any form pass, wrong ones are told what is off."""

import importlib
import re
from pathlib import Path

import pytest

from dissect.teaching.exercises import check
from tests.teaching.answers import Table
from tests.teaching.test_exercises import told

CHAPTERS = sorted(path.stem for path in (Path(__file__).parent / "answers").glob("chapter*.py"))
TABLES: dict[str, Table] = {
    name: table
    for chapter in CHAPTERS
    for name, table in importlib.import_module(f"tests.teaching.answers.{chapter}").TABLES.items()
}
RIGHT = [(name, code) for name, table in TABLES.items() for code in table.right]
WRONG = [(name, words, code) for name, table in TABLES.items() for words, code in table.wrong]


@pytest.mark.parametrize(("name", "code"), RIGHT)
def test_a_right_answer_passes_in_any_form(name: str, code: str) -> None:
    verdict = check(name, TABLES[name].answer(code))
    assert verdict.right, f"{verdict}\n{code}"


@pytest.mark.parametrize(("name", "words", "code"), WRONG)
def test_a_wrong_answer_is_told_what_is_off(name: str, words: str, code: str) -> None:
    verdict = check(name, TABLES[name].answer(code))
    assert not verdict.right, f"accepted: {code}"
    assert words in verdict.words, f"{verdict}\n{code}"
    spoken = set(re.findall(r"[\w.]*\w", str(verdict).partition(" ")[2]))
    assert not secrets(name) & spoken, f"gives the answer away: {verdict}"


def secrets(name: str) -> set[str]:
    """Words that would give the answer to an exercise away."""
    return told(TABLES[name].answer(TABLES[name].right[0]))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_full(name: str) -> None:
    assert len(TABLES[name].right) >= 2
    assert len(TABLES[name].wrong) >= 4
