"""The exercises as Markdown for the website: a page a chapter, a list, and how long they take."""

from dissect.reuse import UNKNOWN, saved
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import Manifest
from dissect.site.markdown import table
from dissect.teaching import discussion
from dissect.teaching.exercises.exercise import Exercise, exercises, of_chapter

ONE = """(exercise-{anchor})=
## {name} {title}

*{level} · {minutes} minutes*

{statement}

```python
{starter}

{check}
```

{hints}

:::{{admonition}} {solved}
:class: dropdown
```python
{solution}
```
:::
"""
HINT = """:::{{admonition}} {name}
:class: dropdown tip
{hint}
:::"""
LIST = ("", "exercise", "level", "minutes")
TIMES = ("chapter", "exercises, with their minutes", "all but the open one", "computing")


def pages(manifest: Manifest) -> dict[str, str]:
    """What the book's pages include, by name: "exercises-1" and so on, "exercises", "questions", "times".

    Args:
        manifest: Of the run that the book shows.
    """
    return without_run() | {"times": times(manifest)}


def without_run() -> dict[str, str]:
    """Those of `pages` that are the same whatever the run."""
    numbers = range(1, len(CHAPTERS) + 1)
    by_chapter = {f"exercises-{n}": "\n".join(map(shown, of_chapter(n))) for n in numbers}
    return by_chapter | {"exercises": listed(), "questions": discussion.listed()}


def listed() -> str:
    """A table of all exercises with links, a row each."""
    rows = [
        (e.name, f"[{e.title}](exercise-{e.name.replace('.', '-')})", e.level, e.minutes)
        for e in exercises().values()
    ]
    return f"{table(LIST, rows)}\n"


def shown(exercise: Exercise) -> str:
    """One exercise: statement and starter in view, hints and solution folded."""
    hints = "\n\n".join(HINT.format(name=name, hint=hint) for name, hint in exercise.named_hints())
    return ONE.format(
        anchor=exercise.name.replace(".", "-"), name=exercise.name, title=exercise.title,
        level=exercise.level, minutes=exercise.minutes, statement=exercise.statement,
        starter=exercise.starter, check=exercise.check, hints=hints,
        solution=exercise.solution, solved=exercise.solved,
    )  # fmt: skip


def times(manifest: Manifest) -> str:
    """A table: each chapter's exercises with the minutes they ask for, and how long a run's computer took."""
    rows = []
    for chapter, stem in enumerate(CHAPTERS, start=1):
        if not (some := of_chapter(chapter)):
            continue
        minutes = sum(e.minutes for e in some if e.level != "research")
        ran = manifest.chapters.get(stem)
        computing = f"{ran.seconds + saved(ran.work):.0f} seconds" if ran else "left out"
        each = ", ".join(f"{e.name}: {e.minutes}" for e in some)
        rows.append((f"[](../notebooks/{stem}.ipynb)", each, f"{minutes} minutes", computing))
    return f"{table(TIMES, rows)}\n\n{computed_by(manifest)}\n"


def computed_by(manifest: Manifest) -> str:
    """What the last column is of: which run, on how many cores, and whether all its work is in it."""
    cores = manifest.machine.get("cores")
    on = f", on {cores} cores" if cores else ""
    partly = any(chapter.work is None for chapter in manifest.chapters.values())
    whole = f"; {UNKNOWN}" if partly else ", with what it found done counted as if it had done it"
    return f"The last column is of {shown_run(manifest)}{on}{whole}."


def shown_run(manifest: Manifest) -> str:
    """Which run it was: its profile and limit."""
    settings = manifest.settings
    limit = f", at most {settings.limit} sentences of a corpus" if settings.limit else ""
    return f"the run that this site shows (profile `{settings.profile}`{limit})"
