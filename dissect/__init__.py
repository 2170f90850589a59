"""Dissect Transformer embeddings into input, attention, feed-forward and bias terms."""

from dissect.decomposition import Decomposer, decompose
from dissect.errors import DissectError
from dissect.parts import TERMS, Parts, subsets

__all__ = ["TERMS", "Decomposer", "DissectError", "Parts", "decompose", "subsets"]
__version__ = "0.1.0"
