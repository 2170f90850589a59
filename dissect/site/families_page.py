"""The families that have a row, as tables for the book and the README.

`python -m dissect.site.families_page` writes them anew.
Both are made from the rows, and tests compare them with what stands there.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from dissect.decomposition.families import FAMILIES, KINDS, Family
from dissect.places import ROOT
from dissect.site.markdown import table

TABLE = re.compile(r"^\| (?:family|kind) \|.*\n(?:\|.*\n)+", re.MULTILINE)
MAPS = ("project", "mapping")  # in names of affine maps of the stream; all others are norms


def by_kind() -> str:
    """The families' names by kind, in Markdown, for the README."""
    rows = [(kind, ", ".join(names)) for kind, names in KINDS.items()]
    return table(["kind", "families"], rows) + "\n"


def by_row() -> str:
    """What each row says, in Markdown, for the book; families that differ in nothing share a line."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for kind, names in KINDS.items():
        for name in names:
            row = FAMILIES[name] if name in FAMILIES else FAMILIES[f"{name}.decoder"]
            said = (kind, norms(row), "; ".join(particulars(row)))
            lines.setdefault(said, []).append(f"`{name}`")
    rows = [(", ".join(names), *said) for said, names in lines.items()]
    return table(["family", "kind", "norms", "what is particular"], rows) + "\n"


def norms(row: Family) -> str:
    """Where a row has norms on the stream, and of which kind."""
    after = [sublayer.norm for sublayer in row.sublayers if sublayer.norm]
    early = any("norm" in path.lower() for path in row.embedding)
    where = "after each addition" if after and not any(" if " in norm for norm in after) else "last"
    where += ", or after each addition" if any(" if " in norm for norm in after) else ""
    where += " and after the embeddings" if early and not after else ""
    return where + (", RMS" if row.norms.startswith("rms") else "")


def particulars(row: Family) -> Iterator[str]:
    """What a row has that BERT's has not."""
    lines = row.sublayers
    if row.norms.endswith("+ 1"):
        yield "gains are one plus the weight"
    if row.eps:
        yield "norms without weights"
    if any(line.branch_norm for line in lines):
        yield "norms on branches"
    for times in {line.times for line in lines if line.times}:
        yield f"branches times `{times}`"
    if any(part in path for path in row.embedding for part in MAPS):
        yield "an affine map after the embeddings"
    if any(part in path for path in row.final for part in MAPS):
        yield "an affine map at the end"
    if any(line.values != "all" for line in lines):
        yield "queries, keys and values in one projection"
    if any(line.value_bias for line in lines):
        yield "a bias of values apart"
    if any(line.weights for line in lines):
        yield "attention sinks"
    if any(line.expert_bias for line in lines):
        yield "experts with biases"
    if any(line.shared for line in lines):
        yield "an expert for every token"
    yield from limits(row)


def limits(row: Family) -> Iterator[str]:
    """What a model of the family may not have."""
    if row.counts_padding:
        yield "positions counted from the padding"
    off = [f"`{setting}`" for setting, works, _ in row.needs if not works]
    off += [f"`{name}`" for name, _ in row.refuses]
    if off:
        yield f"without {', '.join(off)}"
    yield from (f"with `{setting}={works}`" for setting, works, _ in row.needs if works)


def filled(text: str, made: str) -> str:
    """A page with its table of families as the rows have it now."""
    return TABLE.sub(lambda _: made, text, count=1)


def pages() -> dict[Path, str]:
    """The pages that have a table, and which."""
    return {ROOT / "README.md": by_kind(), ROOT / "book" / "other-models.md": by_row()}


if __name__ == "__main__":
    for place, made in pages().items():
        place.write_text(filled(place.read_text(encoding="utf-8"), made), encoding="utf-8")
