"""What an exercise is, and how it is read from Markdown.

dissect/data/exercises holds a file a chapter. An exercise is a section of it, such as

    ## 1.2 One layer by hand
    *apply, 20 minutes*

    The statement.

and in it the parts `### Hint`, once or, for hints that come in steps, more often, `### Starter`,
`### Solution`, `### Discuss`, and once or more often `### Wrong: WORDS`, code that is run after the
solution and makes a wrong answer of it, to which the check must say something that holds these words.

Code names the answer `answer_1_2`, imports what it needs, and leaves alone the names that the chapter uses.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from dissect.errors import DissectError
from dissect.runs.chapters import CHAPTERS

FOLDER = Path(str(files("dissect") / "data" / "exercises"))
LEVELS = ("recall", "apply", "analyse", "research")  # from the easiest
HEADING = re.compile(r"^## (\d\.\d) (.+)\n\*(\w+), (\d+) minutes\*\n", re.MULTILINE)
PART = re.compile(r"^### (.+)\n", re.MULTILINE)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Exercise:
    """An exercise; texts are Markdown; starter, solution and wrong answers are code that sets the answer.

    Attributes:
        name: "1.2": chapter and place in it.
        level: One of `LEVELS`.
        minutes: That a student is expected to need.
        hints: Steps, each of which says more than the one before.
        discuss: For the teacher.
        wrong: (words that the check has to say, code after the solution).
        variant: Whose numbers these are, if it is not the exercise as the book has it.
    """

    name: str
    title: str
    level: str
    minutes: int
    statement: str
    hints: tuple[str, ...]
    starter: str
    solution: str
    discuss: str
    wrong: tuple[tuple[str, str], ...]
    variant: str | None = None

    @property
    def chapter(self) -> int:
        """The number of its chapter."""
        return int(self.name.partition(".")[0])

    @property
    def answer(self) -> str:
        """The name of its answer, such as "answer_1_2": one of its own, so that none replaces another."""
        return f"answer_{self.name.replace('.', '_')}"

    @property
    def solved(self) -> str:
        """What its solution is called."""
        return "One way to do it" if self.level == "research" else "Solution"

    @property
    def check(self) -> str:
        """The line of code that checks the answer."""
        own = f', variant="{self.variant}"' if self.variant else ""
        return f'check("{self.name}", {self.answer}{own})'

    def named_hints(self) -> list[tuple[str, str]]:
        """Its hints with what each is called: "Hint", or "Hint 1 of 2" and so on."""
        many = len(self.hints)
        return [
            (f"Hint {n} of {many}" if many > 1 else "Hint", hint)
            for n, hint in enumerate(self.hints, start=1)
        ]


@cache
def of_chapter(chapter: int) -> tuple[Exercise, ...]:
    """The exercises of a chapter, by its number; it may have none.

    Raises:
        DissectError: There is no such chapter.
    """
    if chapter not in range(1, len(CHAPTERS) + 1):
        raise DissectError(f"there is no chapter {chapter}: the chapters are 1 to {len(CHAPTERS)}")
    file = FOLDER / f"{list(CHAPTERS)[chapter - 1]}.md"
    return read(file.read_text(encoding="utf-8")) if file.is_file() else ()


def exercises() -> dict[str, Exercise]:
    """All exercises by name."""
    return {e.name: e for chapter in range(1, len(CHAPTERS) + 1) for e in of_chapter(chapter)}


def read(text: str) -> tuple[Exercise, ...]:
    """The exercises in a chapter's file."""
    _, *pieces = HEADING.split(text)
    groups = [pieces[n : n + 5] for n in range(0, len(pieces), 5)]
    return tuple(one(*group) for group in groups)


def one(name: str, title: str, level: str, minutes: str, body: str) -> Exercise:
    """One exercise from its heading's words and its text.

    Args:
        name: Chapter and place in it, as "1.2".
        title: Of the exercise.
        level: One of `LEVELS`.
        minutes: Digits.
        body: What stands below the heading.

    Raises:
        DissectError: A part lacks.
    """
    statement, *rest = PART.split(body)
    parts: dict[str, list[str]] = {}
    for head, text in zip(rest[::2], rest[1::2], strict=True):
        parts.setdefault(head, []).append(text.strip())
    wrong = [
        (head.removeprefix("Wrong: "), part) for head, part in parts.items() if head.startswith("Wrong: ")
    ]
    try:
        return Exercise(
            name, title, level, int(minutes), statement.strip(), tuple(parts["Hint"]),
            code(parts["Starter"][0]), code(parts["Solution"][0]), parts["Discuss"][0],
            tuple((words, code(some[0])) for words, some in wrong),
        )  # fmt: skip
    except (KeyError, IndexError) as error:
        raise DissectError(f"exercise {name} lacks a part: {error}") from None


def code(text: str) -> str:
    """The first block of Python in a text."""
    return CODE.findall(text)[0].strip()
