"""All rows, by the name that a model's configuration has for its family, and what has none."""

from dissect.decomposition.families.decoders import DECODERS, LLAMA
from dissect.decomposition.families.encoder_decoders import ENCODER_DECODERS
from dissect.decomposition.families.encoders import ENCODERS
from dissect.decomposition.families.mixtures import MIXTURES
from dissect.decomposition.families.row import Family

FAMILIES: dict[str, Family] = {
    **ENCODERS,
    **DECODERS,
    "eurobert": LLAMA,  # an encoder, built as a decoder is
    **MIXTURES,
    **ENCODER_DECODERS,
}

# Families for which a sum of these terms would be wrong, and why.
REFUSED = {
    "qwen3_next": "a gate multiplies what its attention returns",
    "longformer": "tokens of global attention have value biases of their own",
    "gemma3": "it is several models in one; take its language model",
}
