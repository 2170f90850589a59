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

# By kind, the names that a model's configuration has.
KINDS = {
    "encoders": [*ENCODERS, "eurobert"],
    "decoders": [*DECODERS],
    "mixtures of experts": [*MIXTURES],
    "encoder-decoders": [
        name.removesuffix(".decoder") for name in ENCODER_DECODERS if name.endswith(".decoder")
    ],
}

STATES = "layers of it carry a state from token to token instead of attending, which no term is for"
GATED = "a gate multiplies what its attention returns"
SPARSE = "its attention is sparse, and goes over the text in blocks"

# Families for which a sum of these terms would be wrong, and why.
REFUSED = {
    **dict.fromkeys(
        ["mamba", "mamba2", "falcon_mamba", "bamba", "jamba", "zamba", "zamba2", "nemotron_h", "falcon_h1",
         "granitemoehybrid", "recurrent_gemma", "rwkv", "xlstm", "lfm2", "lfm2_moe", "minimax",
         "olmo_hybrid", "kimi_linear"],
        STATES,
    ),
    **dict.fromkeys(["qwen3_next", "qwen3_5_text", "qwen3_5_moe_text", "afmoe"], GATED),
    **dict.fromkeys(["led", "longt5", "bigbird_pegasus", "reformer"], SPARSE),
    "fnet": "it has no attention: a Fourier transform mixes its tokens",
    "funnel": "its layers take tokens together, so that there is no sum for each",
    "mobilebert": "its sublayers write to a narrower stream of each layer's own",
    "deepseek_v2": "its values come with keys from a compressed vector, whose biases have no row",
    "deepseek_v3": "its values come with keys from a compressed vector, whose biases have no row",
    "blenderbot-small": "its decoder adds positions after a norm, where no term of the input begins",
    "longformer": "tokens of global attention have value biases of their own",
    "gemma3": "it is several models in one; take its language model",
}  # fmt: skip
