"""Who wrote the report, and how to cite it: read from CITATION.cff, and told on pages from here."""

from collections.abc import Sequence
from html import escape
from typing import Any

import yaml

from dissect.places import ROOT

Work = dict[str, Any]  # a work as CITATION.cff has it
LICENCES = "code under MIT, the teaching corpus under CC0 1.0, the paper's figures under CC BY 4.0"
OURS = "dissect_a_muppet_replicated"
PAPERS = "mickus2022dissect"
PAGE = """## This report

{ours}

```bibtex
{our_bibtex}
```

## The paper

{papers}

```bibtex
{papers_bibtex}
```
"""


def report() -> Work:
    """This report."""
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def paper() -> Work:
    """The paper that is replicated."""
    return report()["references"][0]


def names(work: Work) -> list[str]:
    """Its authors, given names first."""
    return [one.get("name") or f"{one['given-names']} {one['family-names']}" for one in work["authors"]]


def listed(words: Sequence[str]) -> str:
    """Words in a row.

    >>> listed(["i", "h", "f"])
    'i, h and f'
    """
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def link(work: Work) -> str:
    """The address of a published work, by its DOI."""
    return f"https://doi.org/{work['doi']}"


def bibtex(key: str, kind: str, fields: dict[str, object]) -> str:
    """An entry of BibTeX.

    Args:
        key: That it is cited by.
        kind: Such as article.
        fields: Its fields; those that are empty are left out.
    """
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def page(date: str = "") -> str:
    """How to cite the report and the paper, in Markdown.

    Args:
        date: Of the run, as 2026-11-28; "" where there is none.
    """
    ours, theirs = report(), paper()
    which = f"version {ours['version']}" + (f", run of {date}" if date else "")
    year = f" ({date[:4]})" if date else ""
    ourselves = {
        "author": " and ".join(f"{{{name}}}" for name in names(ours)),
        "title": f"{{{ours['title']}}}",
        "year": date[:4],
        "note": which,
        "url": ours.get("repository-code"),
    }
    them = {
        "author": " and ".join(f"{one['family-names']}, {one['given-names']}" for one in theirs["authors"]),
        "title": f"{{{theirs['title']}}}",
        "pages": f"{theirs['start']}--{theirs['end']}",
        **{name: theirs[name] for name in ("journal", "volume", "year", "doi")},
    }
    return PAGE.format(
        ours=f"{listed(names(ours))}{year}. *{ours['title']}*, {which}.",
        our_bibtex=bibtex(OURS, "misc", ourselves),
        papers=f"{listed(names(theirs))} ({theirs['year']}). [*{theirs['title']}*]({link(theirs)}). "
        f"{theirs['journal']} {theirs['volume']}, pages {theirs['start']} to {theirs['end']}.",
        papers_bibtex=bibtex(PAPERS, "article", them),
    )


def byline(date: str) -> str:
    """The paper, and who wrote this report of it, in Markdown.

    Args:
        date: Of the run, as 2026-11-28.
    """
    ours, theirs = report(), paper()
    return (
        f"A report on {listed(names(theirs))}, [*{theirs['title']}*]({link(theirs)}), "
        f"{theirs['journal']} {theirs['volume']} ({theirs['year']}).<br>\n"
        f"{listed(names(ours))}: version {ours['version']}, run of {date}. [How to cite](cite.md)"
    )


def footer(date: str = "", repository: str = "") -> str:
    """The foot of every page, as HTML.

    Args:
        date: Of the run that the book shows; "" where it shows none.
        repository: Where it lives, if that is known.
    """
    ours = report()
    parts = [listed(names(ours)), f"version {ours['version']}"]
    parts += [f"last updated by the run of {date}"] if date else []
    text = escape(f"{', '.join(parts)}. Licences: {LICENCES}.")
    return text + (f' <a href="{escape(repository)}">Repository</a>.' if repository else "")
