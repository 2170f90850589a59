"""What is written for the book, as a notebook shows it: plain Markdown that any Jupyter renders.

The book's Markdown is MyST's: it has roles such as {term}`embedding`, numbered equations, and links
by label and by source file. A construct that this module does not know is an error, so none gets through.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import nbformat
import yaml
from pybtex.database import parse_file

from dissect.errors import DissectError
from dissect.places import NOTEBOOKS, ROOT
from dissect.runs.chapters import CHAPTERS, number
from dissect.teaching.exercises import Exercise, exercises

TOKEN = re.compile(
    r"""(?P<fence>^(?P<ticks>```+|~~~+|:::+)(?P<info>[^\n]*)\n.*?^(?P=ticks)[ ]*$)
    |\$\$(?P<display>.+?)\$\$(?:\ \((?P<label>[\w-]+)\))?
    |\{(?P<role>[\w:-]+)\}`(?P<content>[^`]+)`
    |(?P<code>(?P<quotes>`+).+?(?P=quotes))
    |(?P<math>(?<![\\$])\$(?!\s)[^$]+?\$)
    |(?P<image>!\[[^\]]*\]\([^)]*\))
    |\[(?P<text>(?:`[^`]*`|[^\]`])*)\]\((?P<target>[^)\s]*)\)
    |(?P<foreign>^\([\w-]+\)=|^\[[^\]]+\]:\ |^%\ |^\+\+\+|\{\{|\{[#.][\w-]+\}|^:::+|\]\[)""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
LABELLED = re.compile(r"\$\$ \(([\w-]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NAMED = re.compile(r"(.+?) <(.+)>")
EXERCISES = "Exercises"  # the heading over a chapter's exercises
# The pages that the book has for them.
LISTS = {f"../book/exercises/{name}.md": n for n, name in enumerate(CHAPTERS, start=1)}


def for_notebook(text: str, chapter: int) -> str:
    """A text of the book as it stands in the hand-out of a chapter, by its number.

    Links lead to a place in the hand-out, or to the repository where `_config.yml` has its address; of
    the others the words are left.

    Raises:
        DissectError: There is a role, link or directive that it does not know.
    """

    def shown(match: re.Match[str]) -> str:
        if match["display"]:
            return displayed(match["display"], match["label"])
        if match["role"]:
            return role(match["role"], match["content"], chapter)
        if match["target"] is not None:
            return link(match["text"], match["target"], chapter)
        if match["image"] or match["foreign"] or (match["info"] or "").strip().startswith("{"):
            raise DissectError(f"chapter {chapter}: a notebook cannot show {match[0].splitlines()[0]!r}")
        return match[0]  # code, and formulas within a line

    return TOKEN.sub(shown, text)


def asked(exercise: Exercise) -> str:
    """What is asked, with its level, its minutes and its hints, each folded, in plain Markdown."""
    folded = [
        f"<details><summary>{name}</summary>\n\n{hint}\n\n</details>" for name, hint in exercise.named_hints()
    ]
    return for_notebook(
        f"## {exercise.name} {exercise.title}\n\n*{exercise.level}, {exercise.minutes} minutes*\n\n"
        + "\n\n".join([exercise.statement, *folded]),
        exercise.chapter,
    )


def displayed(formula: str, label: str | None) -> str:
    """A formula of its own, with its number where it has a label."""
    return f"$${formula}\\tag{{{equations()[label][1]}}}\n$$" if label else f"$${formula}$$"


def role(name: str, content: str, chapter: int) -> str:
    """The words of a role.

    Args:
        name: The role's.
        content: What stands between its backticks.
        chapter: The number of the chapter whose hand-out it is.

    Raises:
        DissectError: There is no such role, or nothing of that name.
    """
    try:
        if name == "term":
            named = NAMED.fullmatch(content)
            return named[1] if named else content
        if name == "eq":
            where, number = equations()[content]
            return f"({number})" if where == chapter else f"({number}) of chapter {where}"
        if name in ("cite:p", "cite:t"):
            return cited(content.split(","), in_brackets=name == "cite:p")
    except KeyError as error:
        raise DissectError(f"chapter {chapter}: nothing is called {error}") from None
    raise DissectError(f"chapter {chapter}: a notebook knows no role {{{name}}}`{content}`")


def link(text: str, target: str, chapter: int) -> str:
    """A link as the hand-out has it, or its words.

    Args:
        text: Its words.
        target: Where it leads in the book.
        chapter: The number of the chapter whose hand-out it is.

    Raises:
        DissectError: It leads nowhere.
    """
    words = for_notebook(text, chapter)
    if target.startswith(("https://", "http://")):
        return f"[{words}]({target})"
    path, _, place = target.partition("#")
    if path in LISTS:
        where, place = LISTS[path], EXERCISES
    elif path.startswith("exercise-"):
        where, place = exercise_heading(path, chapter)
    elif not path:
        where, place = chapter, heading(chapter, place)
    elif path.endswith(".ipynb") and Path(path).stem in CHAPTERS:
        where = number(Path(path).stem)
        place = heading(where, place) if place else ""
    else:
        return elsewhere(words, path, chapter)
    file = "" if where == chapter else f"{list(CHAPTERS)[where - 1]}.ipynb"
    anchor = f"#{place.replace(' ', '-')}" if place else ""
    return f"[{words or title(where)}]({file}{anchor})"


def exercise_heading(label: str, chapter: int) -> tuple[int, str]:
    """The chapter of an exercise, and its heading there, by a label such as "exercise-1-2"."""
    name = label.removeprefix("exercise-").replace("-", ".")
    if name not in exercises():
        raise DissectError(f"chapter {chapter}: there is no {label}")
    return exercises()[name].chapter, f"{name} {exercises()[name].title}"


def elsewhere(words: str, path: str, chapter: int) -> str:
    """A link to another page of the book: to the repository, or else its words.

    Args:
        words: Of the link.
        path: Of the page.
        chapter: The number of the chapter whose hand-out it is.

    Raises:
        DissectError: It leads nowhere.
    """
    source = (NOTEBOOKS / path).resolve()
    if not source.is_file() or not source.is_relative_to(ROOT):
        raise DissectError(f"chapter {chapter}: the link to {path} leads nowhere")
    if not words:
        words = HEADING.findall(source.read_text(encoding="utf-8"))[0]
    files = repository()
    return f"[{words}]({files}/{source.relative_to(ROOT).as_posix()})" if files else words


def heading(chapter: int, slug: str) -> str:
    """The heading of a chapter that a link such as #what-to-try means, as Jupyter links to it."""
    for words in HEADING.findall("\n".join(texts(chapter))):
        if re.sub(r"[^\w -]", "", words.lower()).replace(" ", "-") == slug:
            return words
    raise DissectError(f"chapter {chapter}: no heading is called #{slug}")


def title(chapter: int) -> str:
    """The heading of a chapter, without its mark-up."""
    return HEADING.findall("\n".join(texts(chapter)))[0]


def texts(chapter: int) -> list[str]:
    """The prose of a chapter that a hand-out keeps, cell by cell."""
    notebook = nbformat.read(NOTEBOOKS / f"{list(CHAPTERS)[chapter - 1]}.ipynb", as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown" and kept(cell.source)]


def kept(text: str) -> bool:
    """Does a hand-out have this cell? Evidence is about files in a run's folder, which it does not have."""
    return not text.startswith("## Evidence")


@cache
def equations() -> Mapping[str, tuple[int, int]]:
    """The chapter of each labelled equation, and its number there."""
    return {
        label: (chapter, number)
        for chapter in range(1, len(CHAPTERS) + 1)
        for number, label in enumerate(LABELLED.findall("\n".join(texts(chapter))), start=1)
    }


def repository() -> str:
    """Where the repository's files can be read, by `_config.yml`; nothing while it has no address."""
    return f"{address()}/blob/{of_repository().get('branch') or 'main'}" if address() else ""


def address() -> str:
    """Where the repository lives, by `_config.yml`; nothing while that is not known."""
    return (of_repository().get("url") or "").rstrip("/").removesuffix(".git")


def of_repository() -> dict[str, str]:
    """What `_config.yml` says of the repository."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8")).get("repository") or {}


def cited(keys: list[str], in_brackets: bool) -> str:
    """ "(Mickus et al., 2022)" or "Mickus et al. (2022)" from the book's bibliography."""
    entries = [bibliography()[key.strip()] for key in keys]
    years = [entry.fields["year"] for entry in entries]
    if in_brackets:
        return f"({'; '.join(f'{authors(e)}, {y}' for e, y in zip(entries, years, strict=True))})"
    return ", ".join(f"{authors(e)} ({y})" for e, y in zip(entries, years, strict=True))


def authors(entry) -> str:
    """Who wrote it: one name, two, or the first and others."""
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    return " and ".join(names) if len(names) < 3 else f"{names[0]} et al."


@cache
def bibliography():
    return parse_file(str(ROOT / "book" / "references.bib")).entries
