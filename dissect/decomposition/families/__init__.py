"""Where each model family keeps the parts that write to the residual stream.

One row a family and no code: a new family is a new row, in the file of its kind. The paths of `embedding`,
`layers` and `final` start at `model.base_model` (at its encoder, for the encoder of an encoder-decoder),
those of sublayers at the layer. A path may end in "?" where the part may be absent, or in " if SETTING" or
" if not SETTING", a setting of the model's configuration.
"""

from dissect.decomposition.families.decoders import BLOOM, GPT2, GPT_NEOX, LLAMA
from dissect.decomposition.families.encoders import BERT, MODERNBERT, ROBERTA
from dissect.decomposition.families.lookup import (
    Beside,
    default_stack,
    family_of,
    find,
    find_all,
    find_if,
    has_stacks,
    kin,
    known,
    no_row,
)
from dissect.decomposition.families.row import LONGEST, Family, Sublayer
from dissect.decomposition.families.table import FAMILIES, KINDS, REFUSED

__all__ = [
    "BERT",
    "BLOOM",
    "Beside",
    "FAMILIES",
    "Family",
    "GPT2",
    "GPT_NEOX",
    "KINDS",
    "LLAMA",
    "LONGEST",
    "MODERNBERT",
    "REFUSED",
    "ROBERTA",
    "Sublayer",
    "default_stack",
    "family_of",
    "find",
    "find_all",
    "find_if",
    "has_stacks",
    "kin",
    "known",
    "no_row",
]
