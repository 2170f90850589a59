"""Rows of mixtures of experts: a mixture is a feed-forward, and its output one vector."""

from dataclasses import replace

from dissect.decomposition.families.decoders import LLAMA, OLMO, OLMO2
from dissect.decomposition.families.row import Sublayer

MIXTRAL = replace(
    LLAMA, sublayers=(LLAMA.sublayers[0], Sublayer("f", enters="mlp", out="mlp", experts="mlp.experts?"))
)

OLMOE = replace(MIXTRAL, needs=OLMO.needs)

FLEX_OLMO = replace(
    MIXTRAL,
    sublayers=(OLMO2.sublayers[0], replace(MIXTRAL.sublayers[1], branch_norm="post_feedforward_layernorm")),
)

QWEN2_MOE = replace(
    MIXTRAL, sublayers=(LLAMA.sublayers[0], replace(MIXTRAL.sublayers[1], shared="mlp.shared_expert?"))
)

GLM4_MOE = replace(
    MIXTRAL, sublayers=(LLAMA.sublayers[0], replace(MIXTRAL.sublayers[1], shared="mlp.shared_experts?"))
)

ERNIE4_5_MOE = replace(
    GLM4_MOE, needs=(("use_bias", False, "biases of shared experts have no row in this family"),)
)

GPT_OSS = replace(
    LLAMA,
    sublayers=(
        replace(LLAMA.sublayers[0], weights="self_attn"),
        Sublayer("f", enters="mlp", out="mlp.experts", experts="mlp.experts",
                 expert_bias="mlp.experts.down_proj_bias"),
    ),
)  # fmt: skip

MIXTURES = {
    "mixtral": MIXTRAL,
    "qwen3_moe": MIXTRAL,
    "qwen2_moe": QWEN2_MOE,
    "olmoe": OLMOE,
    "flex_olmo": FLEX_OLMO,
    "phimoe": replace(MIXTRAL, norms="layer", float32_norms=""),
    "glm4_moe": GLM4_MOE,
    "dots1": GLM4_MOE,
    "ernie4_5_moe": ERNIE4_5_MOE,
    "gpt_oss": GPT_OSS,
}
