"""Rows of decoders."""

from dataclasses import replace

from dissect.decomposition.families.row import ONE_SEQUENCE, Family, Sublayer

GPT2 = Family(
    layers="h.*",
    sublayers=(
        Sublayer("h", value="attn.c_attn", values="last", out="attn.c_proj"),
        Sublayer("f", enters="mlp", out="mlp.c_proj"),
    ),
    final=("ln_f",),
    needs=(ONE_SEQUENCE,),
)

GPT_BIGCODE = replace(
    GPT2, sublayers=(replace(GPT2.sublayers[0], values="last of each group"), GPT2.sublayers[1])
)

GPT_NEO = replace(
    GPT2,
    sublayers=(
        Sublayer("h", value="attn.attention.v_proj", out="attn.attention.out_proj"),
        GPT2.sublayers[1],
    ),
    needs=(),
)

GPT_NEOX = Family(
    layers="layers.*",
    sublayers=(
        Sublayer("h", value="attention.query_key_value", values="last of each group",
                 out="attention.dense"),
        Sublayer("f", enters="mlp", out="mlp.dense_4h_to_h"),
    ),
    final=("final_layer_norm",),
)  # fmt: skip

GPTJ = Family(
    layers="h.*",
    sublayers=(
        Sublayer("h", value="attn.v_proj", out="attn.out_proj"),
        Sublayer("f", enters="mlp", out="mlp.fc_out"),
    ),
    final=("ln_f",),
)

BLOOM = Family(
    embedding=("word_embeddings_layernorm",),
    layers="h.*",
    sublayers=(
        Sublayer("h", value="self_attention.query_key_value", values="last of each group",
                 out="self_attention.dense"),
        Sublayer("f", enters="mlp", out="mlp.dense_4h_to_h"),
    ),
    final=("ln_f",),
    needs=(
        ("slow_but_exact", False, "it goes round the modules of the output projections"),
        ("apply_residual_connection_post_layernorm", False, "the residual is taken after the norm"),
    ),
)  # fmt: skip

OPT = Family(
    layers="decoder.layers.*",
    sublayers=(
        Sublayer("h", value="self_attn.v_proj", out="self_attn.out_proj",
                 norm="self_attn_layer_norm if not do_layer_norm_before"),
        Sublayer("f", enters="fc1", out="fc2", norm="final_layer_norm if not do_layer_norm_before"),
    ),
    final=("decoder.final_layer_norm?", "decoder.project_out?"),
)  # fmt: skip

# Where attention and feed-forward are side by side, what attention returns is added to what the other did.
FALCON = replace(
    BLOOM,
    embedding=(),
    sublayers=(BLOOM.sublayers[0], replace(BLOOM.sublayers[1], overwritten=True)),
    needs=(),
)

MPT = Family(
    layers="blocks.*",
    sublayers=(
        Sublayer("h", value="attn.Wqkv", values="last", out="attn.out_proj"),
        Sublayer("f", enters="ffn.up_proj", out="ffn.down_proj"),
    ),
    final=("norm_f",),
    longest="max_seq_len",
)

BIOGPT = Family(
    layers="layers.*",
    sublayers=(
        Sublayer("h", value="self_attn.v_proj", out="self_attn.out_proj"),
        Sublayer("f", enters="fc1", out="fc2"),
    ),
    final=("layer_norm",),
)

LLAMA = Family(
    layers="layers.*",
    sublayers=(
        Sublayer("h", value="self_attn.v_proj", out="self_attn.o_proj"),
        Sublayer("f", enters="mlp", out="mlp.down_proj"),
    ),
    final=("norm",),
    norms="rms",
    float32_norms="vector",
)

PHI3 = replace(
    LLAMA,
    sublayers=(
        Sublayer("h", value="self_attn.qkv_proj", values="last", out="self_attn.o_proj"),
        LLAMA.sublayers[1],
    ),
)

GRANITE = replace(
    LLAMA,
    sublayers=tuple(replace(sublayer, times="residual_multiplier") for sublayer in LLAMA.sublayers),
)

OLMO = replace(
    LLAMA,
    norms="layer",
    eps=1e-5,
    needs=(("clip_qkv", None, "values are cut off at a limit, and a bias of theirs with them"),),
)

STABLELM = replace(LLAMA, norms="layer", float32_norms="")

STARCODER2 = replace(
    STABLELM,
    sublayers=(LLAMA.sublayers[0], Sublayer("f", enters="mlp", out="mlp.c_proj")),
)

PHI = replace(
    LLAMA,
    sublayers=(
        Sublayer("h", value="self_attn.v_proj", out="self_attn.dense"),
        Sublayer("f", enters="mlp", out="mlp.fc2"),
    ),
    final=("final_layernorm",),
    norms="layer",
    float32_norms="",
)

OLMO2 = replace(
    LLAMA,
    sublayers=(
        replace(LLAMA.sublayers[0], branch_norm="post_attention_layernorm"),
        replace(LLAMA.sublayers[1], branch_norm="post_feedforward_layernorm"),
    ),
)

GEMMA = replace(OLMO2, norms="rms + 1")

GLM4 = replace(
    LLAMA,
    sublayers=(
        replace(LLAMA.sublayers[0], branch_norm="post_self_attn_layernorm"),
        replace(LLAMA.sublayers[1], branch_norm="post_mlp_layernorm"),
    ),
)

DECODERS = {
    "gpt2": GPT2,
    "gpt_bigcode": GPT_BIGCODE,
    "gpt_neo": GPT_NEO,
    "gpt_neox": GPT_NEOX,
    "gptj": GPTJ,
    "bloom": BLOOM,
    "falcon": FALCON,
    "mpt": MPT,
    "opt": OPT,
    "biogpt": BIOGPT,
    "llama": LLAMA,
    "mistral": LLAMA,
    "ministral": LLAMA,
    "ministral3": LLAMA,
    "qwen2": LLAMA,
    "qwen3": LLAMA,
    "smollm3": LLAMA,
    "glm": LLAMA,
    "helium": LLAMA,
    "arcee": LLAMA,
    "apertus": LLAMA,
    "seed_oss": LLAMA,
    "ernie4_5": LLAMA,
    "hunyuan_v1_dense": LLAMA,
    "gemma": replace(LLAMA, norms="rms + 1"),
    "phi": PHI,
    "phi3": PHI3,
    "granite": GRANITE,
    "olmo": OLMO,
    "cohere": replace(LLAMA, norms="layer"),
    "cohere2": replace(LLAMA, norms="layer"),
    "stablelm": STABLELM,
    "starcoder2": STARCODER2,
    "nemotron": replace(STABLELM, norms="layer + 1"),
    "olmo2": OLMO2,
    "olmo3": OLMO2,
    "exaone4": OLMO2,
    "glm4": GLM4,
    "gemma2": GEMMA,
    "gemma3_text": GEMMA,
}
