"""What a rerun's site has in the place of the discussion, which is of the published runs.

That is what the author of the run wrote, in a file `discussion.md` in its folder, or else a summary made
from its verdicts.
"""

from pathlib import Path

import nh3
import pandas as pd
from markdown_it import MarkdownIt

from dissect.errors import DissectError
from dissect.report import claims
from dissect.site.markdown import markdown
from dissect.site.scorecard import chip, counted

FILE = "discussion.md"
TITLES = {
    "replicated": "What agrees with the paper",
    "contradicted": "What contradicts the paper",
    "mixed": "What agrees in part, and in part is the other way round",
    "undecided": "What this run does not decide",
    "not testable": "What this run cannot test",
}
# What stands between these lines is of the published runs, and left out of a rerun's site.
OF_PUBLISHED = ("<!-- of the published runs -->", "<!-- end -->")


def page(verdicts: pd.DataFrame, folder: Path) -> str:
    """The page of a rerun, in Markdown.

    Args:
        verdicts: As `claims.verdicts` returns them.
        folder: The run's; what its file says may come from somebody else.

    Raises:
        DissectError: The file of the author cannot be read.
    """
    if (folder / FILE).is_file():
        return f"# What this run found\n\n{written(folder / FILE)}\n"
    return f"# What this run found\n\n{summary(verdicts)}"


def written(file: Path) -> str:
    """What an author wrote, as HTML without anything that acts.

    Args:
        file: Markdown; HTML in it is shown as text.

    Raises:
        DissectError: It cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DissectError(f"{file} cannot be read: it should be text in UTF-8") from None
    html = nh3.clean(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
    return "```{raw} html\n" + html.replace("```", "&#96;&#96;&#96;") + "\n```\n"


def summary(verdicts: pd.DataFrame) -> str:
    """The verdicts in sentences, by what they are, in Markdown."""
    lines = [
        "This page is made from the verdicts of this run.",
        f"A file `{FILE}` in the run's folder, with its author's own words, would replace it.",
        "",
        f"{counted(verdicts)} The [scorecard](scorecard.md) has their numbers and criteria.",
    ]
    for verdict in claims.VERDICTS:
        part = verdicts[verdicts["verdict"] == verdict].astype(str)
        if part.empty:
            continue
        lines += ["", f"## {TITLES[verdict]}", ""]
        for row in part.itertuples():
            why = markdown(row.numbers) + "." if verdict in ("undecided", "not testable") else row.reading
            lines += [f"{chip(verdict, row.claim)} {row.text}", f": {why}", ""]
    return "\n".join(lines) + "\n"


def without_published(text: str) -> str:
    """A page without what it says of the published runs."""
    begin, end = OF_PUBLISHED
    while begin in text:
        before, _, rest = text.partition(begin)
        text = before + rest.partition(end)[2]
    return text
