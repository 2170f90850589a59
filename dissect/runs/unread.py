"""Options that a run would take and nothing in it would read: an error, not a silence."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dissect.corpora import KINDS
from dissect.errors import DissectError
from dissect.runs.chapters import CHAPTERS, Chapter

if TYPE_CHECKING:
    from dissect.runs.settings import Settings

# By option, whether a chapter reads what it gives.
READ_IN: dict[str, Callable[[Chapter], bool]] = {
    "text": lambda row: "text" in (row.corpus, *row.beside),
    "senses": lambda row: "senses" in (row.corpus, *row.beside),
    "entities": lambda row: "entities" in (row.corpus, *row.beside),
    "tuning": lambda row: bool(row.tuned),
    "questions": lambda row: row.tuned == "all",
    "tuned": lambda row: bool(row.tuned),
    "siblings": lambda row: bool(row.tuned),
    "head": lambda row: row.head,
    "trials": lambda row: "trials" in row.parameters,
    "seeds": lambda row: "seeds" in row.parameters,
    "limit": lambda row: "limit" in row.parameters,
    "seed": lambda row: "seed" in row.parameters,
}
# What to do where a chapter that is asked for would read it, and does not.
INSTEAD = {
    "questions": "name qa in --siblings, as in ner,qa",
    "tuning": "name --siblings, such as ner,ner, instead of tuned models",
}
OF_OWN = ("tag_column", "word_column")


def refuse_unread(settings: "Settings", given: Mapping[str, Any]) -> None:
    """Refuse options that nothing in a run reads.

    Args:
        settings: Of the run.
        given: The options that were asked for.

    Raises:
        DissectError: There is such an option.
    """
    for option, reads in READ_IN.items():
        value = getattr(settings, option)
        if option not in given or not value or is_read(settings, option):
            continue
        would = [n for n, row in enumerate(CHAPTERS.values(), start=1) if reads(row)]
        chapter = f"name one of the chapters {', '.join(map(str, would))} in sections"
        instead = INSTEAD[option] if set(would) & set(settings.sections) else chapter
        raise DissectError(f"{option}={value!r}: nothing in this run reads it; leave it out, or {instead}")
    for option in OF_OWN:
        if option in given and not any(map(settings.columns, settings.corpora())):
            raise DissectError(
                f"{option}={given[option]}: nothing in this run reads it; leave it out, or give a file of "
                "your own for entities or tuning"
            )


def is_read(settings: "Settings", option: str) -> bool:
    """Whether a chapter of the run reads what an option gives, or the making of a copy does."""
    if option in KINDS:
        return option in settings.corpora()
    of_copies = option in ("limit", "seed") and bool(settings.to_tune())
    return of_copies or any(READ_IN[option](CHAPTERS[name]) for name in settings.chapters())
