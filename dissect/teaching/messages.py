"""Translations' files in step with the hand-outs: `python -m dissect.teaching.messages ja [CHAPTER ...]`.

A file has the pieces of a chapter, and handouts.po those that several chapters have. New pieces are added
without a translation, changed ones are marked as fuzzy, and those that are gone go. A chapter that is named
begins a file of its own.
"""

import sys
from collections import Counter
from pathlib import Path

from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po

from dissect.files import written_whole
from dissect.places import NOTEBOOKS
from dissect.runs.chapters import CHAPTERS
from dissect.teaching import assignments
from dissect.teaching.exercises import of_chapter
from dissect.teaching.handouts import KINDS, OF_VARIANT, with_exercises
from dissect.teaching.pieces import message, pieces
from dissect.teaching.translations import FOLDER, without_repository

COMMON = "handouts"
COMMENT = "# Terms are those of book/ja.md; CONTRIBUTING.md says how to refresh this file."
PYTHONS = {"python-format", "python-brace-format"}


def sources() -> dict[str, list[str]]:
    """The English pieces of each file of translations, in their order."""
    chapters = {name: of_notebooks(number, name) for number, name in enumerate(CHAPTERS, start=1)}
    times = Counter(piece for found in chapters.values() for piece in found)
    common = [piece for piece in dict.fromkeys(sum(chapters.values(), [])) if times[piece] > 1]
    own = {name: [one for one in found if times[one] == 1] for name, found in chapters.items()}
    return {COMMON: [*common, message(OF_VARIANT.format(variant="A"))], **own}


def of_notebooks(chapter: int, name: str) -> list[str]:
    """The pieces of all hand-outs of a chapter, each once.

    Args:
        chapter: Its number.
        name: That of its notebook.
    """
    made = [with_exercises(NOTEBOOKS / f"{name}.ipynb", chapter, kind) for kind in reversed(KINDS)]
    made += [assignments.assignment(chapter)] if of_chapter(chapter) else []
    texts = [cell.source for notebook in made for cell in notebook.cells if cell.cell_type == "markdown"]
    return list(dict.fromkeys(message(without_repository(one)) for text in texts for one in pieces(text)))


def refresh(language: str, begun: list[str], folder: Path = FOLDER) -> dict[str, int]:
    """Bring a language's files up to the sources; returns how many pieces of each wait for a translation.

    Args:
        language: Its code.
        begun: Chapters that are to have a file.
        folder: Of the languages.
    """
    waiting = {}
    for name, found in sources().items():
        file = folder / language / "LC_MESSAGES" / f"{name}.po"
        if name == COMMON or name in begun or file.is_file():
            waiting[name] = update(file, language, found)
    return waiting


def update(file: Path, language: str, found: list[str]) -> int:
    """Bring one file up to its source; returns how many of its pieces wait for a translation.

    Args:
        file: Of gettext's; it may be missing.
        language: Its code.
        found: The pieces that it is to have.
    """
    template = Catalog(fuzzy=False)
    for piece in found:
        template.add(piece)
    catalogue = Catalog(language, project="dissect", version="1", header_comment=COMMENT, fuzzy=False)
    if file.is_file():
        with file.open("rb") as old:
            catalogue = read_po(old, locale=language)
    catalogue.update(template, update_creation_date=False)
    for one in catalogue:
        one.flags -= PYTHONS  # braces are those of formulas
    with written_whole(file) as unfinished, unfinished.open("wb") as new:
        write_po(new, catalogue, width=0, ignore_obsolete=True)
    return sum(not one.string or one.fuzzy for one in catalogue if one.id)


if __name__ == "__main__":
    for name, waiting in refresh(sys.argv[1], sys.argv[2:]).items():
        print(f"{name}: {waiting} to translate")
