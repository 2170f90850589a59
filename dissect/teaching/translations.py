"""Hand-outs in another language, from gettext's files in dissect/data/locale, piece by piece.

What has no translation stays English, and is counted. `messages` keeps the files in step with the sources.
"""

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from babel.messages.pofile import PoFileError, read_po
from nbformat import NotebookNode

from dissect.errors import DissectError
from dissect.teaching.notebook_text import repository
from dissect.teaching.pieces import CODE, OPEN, PLACE, message, replaced

FOLDER = Path(str(files("dissect") / "data" / "locale"))
ENGLISH = "en"
MASKED = "`§`"
LINK = re.compile(r"(?<=\]\()([^)\s#]*)#([^)\s]+)(?=\))")


class Translation:
    """The pieces of one language; "en" has none, and leaves all as it is.

    Attributes:
        language: Its code.
        missing: The pieces that were asked for and are not there.
    """

    def __init__(self, language: str = ENGLISH) -> None:
        """Read a language's files.

        Args:
            language: Its code, as "ja".

        Raises:
            DissectError: There are none of that language, or one is no file of gettext's.
        """
        if language not in languages():
            raise DissectError(
                f"there are no hand-outs in {language!r}: give one of {', '.join(languages())}"
            )
        self.language = language
        self.missing: set[str] = set()
        self._known = dict(messages_in(files_of(language)))
        self._without_code = {CODE.sub(MASKED, one): one for one in reversed(self._known)}
        self._places = {_place(one): _place(said) for one, said in self._known.items()}

    def notebook(self, notebook: NotebookNode) -> NotebookNode:
        """A hand-out in this language; its code is left alone."""
        if self.language != ENGLISH:
            for cell in notebook.cells:
                if cell.cell_type == "markdown":
                    cell.source = LINK.sub(self._link, replaced(cell.source, self.piece))
        return notebook

    def piece(self, words: str) -> str:
        """A piece in this language, or as it is."""
        asked = message(without_repository(words))
        # a variant of an exercise has other numbers in its code
        known = asked if asked in self._known else self._without_code.get(CODE.sub(MASKED, asked))
        if known is None:
            self.missing.add(asked)
            return words
        said = self._known[known]
        own = dict(zip(CODE.findall(known), CODE.findall(asked), strict=True))
        said = CODE.sub(lambda code: own.get(code[0], code[0]), said)
        for own_words in OPEN.findall(words):
            said = said.replace(PLACE, own_words, 1)
        return said

    def _link(self, found: re.Match[str]) -> str:
        """The place that a link leads to, whose heading is translated as well."""
        return f"{found[1]}#{self._places.get(found[2], found[2])}"


def _place(heading: str) -> str:
    """A heading as Jupyter names the place that it stands at."""
    return heading.replace(" ", "-")


def without_repository(words: str) -> str:
    """A piece whose links to the repository are words: whether there are any depends on its address."""
    address = repository()
    return re.sub(rf"\[([^\]]*)\]\({re.escape(address)}/[^)]*\)", r"\1", words) if address else words


def languages() -> list[str]:
    """The codes of the languages that hand-outs can be had in."""
    return [ENGLISH, *sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())]


def files_of(language: str) -> list[Path]:
    """The files of a language."""
    return sorted((FOLDER / language / "LC_MESSAGES").glob("*.po"))


def messages_in(paths: Iterable[Path]) -> Iterable[tuple[str, str]]:
    """English pieces with their translations; those without, or with one to be looked at again, are left out.

    Raises:
        DissectError: A file is none of gettext's.
    """
    for path in paths:
        try:
            with path.open("rb") as file:
                catalogue = read_po(file, abort_invalid=True)
        except (PoFileError, UnicodeDecodeError) as error:
            raise DissectError(f"{path} is no file of translations ({error}): mend it") from None
        for one in catalogue:
            if one.id and one.string and not one.fuzzy:
                yield str(one.id), str(one.string)
