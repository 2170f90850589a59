"""Words of the glossary show what they mean where they stand.

A page gets the definitions of the terms that it links to, as popovers, which `definitions.js` shows.
Formulas are MathML there, so that a page without mathematics of its own need not load MathJax.
"""

import re
from collections.abc import Mapping
from functools import cache
from html import escape

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.builders import Builder

GLOSSARY = "book/glossary"
WORD = re.compile(
    r'<a class="reference internal" href="[^"#]*#(term-[^"]+)"(?=[^>]*><span class="xref std std-term)'
)
MARKED = {nodes.literal: "code", nodes.emphasis: "em", nodes.strong: "strong"}
DEFINITION = '<div class="definition" id="definition-{term}" popover="manual" role="tooltip">{text}</div>'


def in_html(node: nodes.Node) -> str:
    """A definition without its links: what shows on hover cannot be reached by all."""
    if isinstance(node, nodes.Text):
        return escape(node.astext())
    if isinstance(node, nodes.math):
        return tex2mathml(node.astext())
    inside = "".join(map(in_html, node.children))
    mark = MARKED.get(type(node))
    return f"<{mark}>{inside}</{mark}>" if mark else inside


@cache
def definitions(builder: Builder) -> Mapping[str, str]:
    """The glossary's definitions by the anchors of their terms."""
    glossary = builder.env.get_and_resolve_doctree(GLOSSARY, builder)
    return {
        anchor: in_html(entry[-1])
        for entry in glossary.findall(nodes.definition_list_item)
        for term in entry.findall(nodes.term)
        for anchor in term["ids"]
    }


def described(body: str, known: Mapping[str, str]) -> str:
    """The text of a page with the definitions of the terms that it links to."""
    used = dict.fromkeys(WORD.findall(body))
    body = WORD.sub(r'\g<0> aria-describedby="definition-\1"', body)
    return body + "".join(DEFINITION.format(term=term, text=known[term]) for term in used)


def define(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    """Put definitions into a page of the site; on paper, where the book is one page, there is no hovering."""
    if app.builder.name != "html" or page == GLOSSARY or not WORD.search(context.get("body", "")):
        return
    context["body"] = described(context["body"], definitions(app.builder))
    app.add_js_file("definitions.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", define)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
