"""Answers that students give: tables of right and of wrong ones, a module for each chapter.

A module `chapterN` has `TABLES: dict[str, Table]`, by an exercise's name; `test_answers.py` tries them.
"""

from dataclasses import dataclass
from typing import Any

BEFORE = """
import numpy as np
import torch
from collections import Counter
from fractions import Fraction
from itertools import permutations
from dissect.chapter import given
"""


@dataclass(frozen=True)
class Table:
    """Answers to one exercise, each a piece of code that sets `answer` after `before` was run.

    wrong: words that the check has to say, and the code.
    """

    right: list[str]
    wrong: list[tuple[str, str]]
    before: str = ""

    def answer(self, code: str) -> Any:
        """What a piece of code sets, run in names of its own."""
        space: dict[str, Any] = {}
        exec(BEFORE + self.before, space)
        exec(code, space)
        return space["answer"]
