"""Exercises for each chapter, with checks that say what is off and not what is right.

In a notebook: `from dissect.exercises import check`, then `check("1.2", answer_1_2)`.
"""

from dissect.teaching.exercises.checking import Verdict, check
from dissect.teaching.exercises.exercise import Exercise, exercises, of_chapter

__all__ = ["Exercise", "Verdict", "check", "exercises", "of_chapter"]
