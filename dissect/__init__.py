"""Dissect Transformer embeddings into input, attention, feed-forward and bias terms."""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dissect.decomposition import TERMS, Decomposer, Parts, decompose, subsets
    from dissect.errors import DissectError

__all__ = ["TERMS", "Decomposer", "DissectError", "Parts", "decompose", "subsets"]
__version__ = "0.1.0"

# Progress is shown in plain text: that a notebook has no ipywidgets is not to be its first output.
warnings.filterwarnings("ignore", message="IProgress not found")

MODULES = {
    "Decomposer": "decomposition.decomposer", "decompose": "decomposition.decomposer",
    "DissectError": "errors",
    "Parts": "decomposition.parts", "TERMS": "decomposition.parts", "subsets": "decomposition.parts",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load torch and transformers, which takes seconds, when something is asked for that needs them.

    So `dissect --help` answers at once, and Ctrl-C is heard while they load.
    """
    if name not in MODULES:
        raise AttributeError(f"module 'dissect' has no attribute {name!r}")
    return getattr(import_module(f"dissect.{MODULES[name]}"), name)
