"""The decomposition: e = i + h + f + c, of any supported model. It needs torch and transformers alone."""

from dissect.decomposition.decomposer import TOLERANCE, Decomposer, decompose, longest_input
from dissect.decomposition.families import FAMILIES, REFUSED, Family, has_stacks, known
from dissect.decomposition.parts import TERMS, Parts, members, share, subsets
from dissect.decomposition.precision import WITHOUT_FLOAT64, sized
from dissect.decomposition.record import recording
from dissect.decomposition.trace import Add, Map, Norm, Trace, work_dtype

__all__ = [
    "Add",
    "Decomposer",
    "FAMILIES",
    "Family",
    "Map",
    "Norm",
    "Parts",
    "REFUSED",
    "TERMS",
    "TOLERANCE",
    "Trace",
    "WITHOUT_FLOAT64",
    "decompose",
    "has_stacks",
    "known",
    "longest_input",
    "members",
    "recording",
    "share",
    "sized",
    "subsets",
    "work_dtype",
]
