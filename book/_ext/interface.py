"""What autodoc and napoleon leave to do: short names in docstrings, and signatures that can be read.

Single backticks are code, and a link where they name what has a place in the reference. The role is
Sphinx's own, `py:obj`, which finds what is named in full. In a docstring a class goes by its name, and a
function by its module's and its own.
"""

import re
from inspect import Parameter, Signature
from typing import get_type_hints

from docutils.nodes import Element, TextElement
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.inspect import stringify_signature

SHORT = re.compile(r"[A-Z]\w+[a-z]|[a-z_]+\.\w+")  # a class, or a module's function


def found(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: TextElement) -> Element | None:
    """The link for a name that is not in full; None, and with it code, where it has no one place."""
    name = node["reftarget"]
    if node.get("reftype") != "obj" or not SHORT.fullmatch(name):
        return None
    domain = env.get_domain("py")
    places = {place[3:5] for place in domain.get_objects() if place[0].endswith(f".{name}")}
    if len(places) != 1:
        return None
    node["refspecific"] = True
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, shown)


def of_model(model: type) -> Signature:
    """The fields of a pydantic model with their types, but without the bounds, which are far longer."""
    hints = get_type_hints(model)
    fields = []
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]
        default = Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
        fields.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[name]))
    return Signature(fields)


def signature(app: Sphinx, what: str, name: str, obj: object, options: object, given: str, returns: str):
    """A dataclass shows <factory> for a default, which is no Python: the signature would stay unread."""
    if isinstance(obj, type) and hasattr(obj, "model_fields"):
        return stringify_signature(of_model(obj), unqualified_typehints=True), returns
    return (given or "").replace("<factory>", "...") or None, returns


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("missing-reference", found)
    app.connect("autodoc-process-signature", signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
