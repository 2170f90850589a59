"""The package's docstrings, which are plain prose, as reStructuredText for the API pages.

Of a docstring's paragraphs, those on parameters and fields ("name: what it is") become definition
lists, indented lines become bullets, examples stay, and the rest is text in which nothing but
backticks means anything. Comments beside the fields of a class are shown too.
"""

import inspect
import re
from collections.abc import Iterable
from textwrap import indent

from sphinx.application import Sphinx

NAMES = re.compile(r"(\*{0,2}\w+(?: \([^)]*\))?(?:, \w+(?: \([^)]*\))?)*): (.*)")
FIELD = re.compile(r"    (\w+): [^#]+#\s+(.+)")
CODE = re.compile(r"(`[^`]+`)")
LINKED = re.compile(r"`((?!dissect\.)(?:[A-Z]\w+[a-z]|[a-z_]+\.\w+))`")  # a class, or a module's function


def marked(code: str) -> str:
    """`Code`, and a link where it names something that has a place on these pages."""
    name = LINKED.fullmatch(code)
    return f":py:obj:`.{name[1]}`" if name else f"`{code}`"


def escaped(text: str) -> str:
    """Text with its `code` marked as such; all else is meant as it stands."""
    pieces = CODE.split(text)
    return "".join(
        marked(piece) if CODE.fullmatch(piece) else re.sub(r"([*|_\\`])", r"\\\1", piece) for piece in pieces
    )


def prose(lines: Iterable[str]) -> str:
    """A paragraph; its indented lines, if any, as bullets after it."""
    shown: list[str] = []
    for line in lines:
        if line.startswith(" "):
            shown += ["", f"* {escaped(line.strip())}"]
        else:
            shown.append(escaped(line))
    return "\n".join(shown)


def definitions(lines: list[str], known: set[str]) -> str | None:
    """Lines on parameters or fields as a definition list; None where they are something else."""
    entries: list[tuple[str, list[str]]] = []
    for line in lines:
        found = NAMES.fullmatch(line)
        named = found and {part.split(" (")[0].strip("* ") for part in found[1].split(", ")}
        if found and named and named <= known:
            entries.append((found[1], [found[2]]))
        elif entries:
            entries[-1][1].append(line)
        else:
            return None
    return "\n\n".join(f"{escaped(term)}\n{indent(prose(text), '    ')}" for term, text in entries)


def paragraph(text: str, known: set[str]) -> str:
    """One paragraph of a docstring in reStructuredText."""
    lines = text.splitlines()
    if lines[0].startswith(">>>"):
        return text
    if all(line.startswith("    ") for line in lines):
        return f"::\n\n{text}"
    return definitions(lines, known) or prose(lines)


def fields(of: type) -> str:
    """The comments that stand beside a class's fields, as a definition list."""
    found = map(FIELD.fullmatch, inspect.getsource(of).splitlines())
    return "\n\n".join(f"{escaped(field[1])}\n    {escaped(field[2])}" for field in found if field)


def names_of(obj: object) -> set[str]:
    """The parameters of a function, or the fields of a class."""
    try:
        return set(inspect.signature(obj).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return set()


def rewrite(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Rewrite a docstring in place, as autodoc asks for."""
    known = names_of(obj)
    parts = [paragraph(part, known) for part in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")) if part]
    if isinstance(obj, type):
        parts.append(fields(obj))
    lines[:] = "\n\n".join(parts).splitlines()


def tidy(app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returns: str):
    """A dataclass shows <factory> for a default, which is no Python: the signature would stay unread."""
    return (signature or "").replace("<factory>", "...") or None, returns


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", rewrite)
    app.connect("autodoc-process-signature", tidy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
