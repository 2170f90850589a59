"""Where each model family keeps the parts that write to the residual stream.

One row a family and no code: a new family is a new row. The paths of `embedding`, `layers` and
`final` start at `model.base_model` (at its encoder, for the encoder of an encoder-decoder), those of
sublayers at the layer. A path may end in "?" where the part may be absent, or in " if SETTING" or
" if not SETTING", a setting of the model's configuration.
"""

from dataclasses import dataclass, replace
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from dissect.errors import UnsupportedModel


@dataclass(frozen=True)
class Sublayer:
    """One addition to the stream.

    Attributes:
        term: "h" attention, "f" feed-forward, "s" attention over a source.
        out: The projection whose output joins the stream.
        value: Of attention: the projection that gives the values.
        values: Which part of its output: "all", "last third", "last third of each head".
        value_bias: Of attention: a bias that the values get beside that of the projection.
        norm: On the stream, after the addition.
        branch_norm: On the output, before it joins the stream.
        enters: Of a feed-forward: the module that its input enters.
    """

    term: str
    out: str
    value: str = ""
    values: str = "all"
    value_bias: str = ""
    norm: str = ""
    branch_norm: str = ""
    enters: str = ""


@dataclass(frozen=True)
class Family:
    """What happens to the stream, in order: `embedding`, then layer by layer `sublayers`, `final`.

    Attributes:
        layers: "*" stands for every part of a list.
        embedding: Norms and affine maps before the first layer.
        final: Norms and affine maps after the last layer.
        norms: "layer", "rms", or "rms + 1" where the gain is one plus the weight.
        float32_norms: What norms round to float32 whatever the model's format: "scale", "vector".
        counts_padding: Whether positions are counted from the padding id.
        needs: (setting, the value that works, why no other).
    """

    layers: str
    sublayers: tuple[Sublayer, ...]
    embedding: tuple[str, ...] = ()
    final: tuple[str, ...] = ()
    norms: str = "layer"
    float32_norms: str = ""
    counts_padding: bool = False
    needs: tuple[tuple[str, Any, str], ...] = ()


# ---- encoders, norms after the addition ----

BERT = Family(
    embedding=("embeddings.LayerNorm",),
    layers="encoder.layer.*",
    sublayers=(
        Sublayer("h", value="attention.self.value", out="attention.output.dense",
                 norm="attention.output.LayerNorm"),
        Sublayer("f", enters="intermediate.dense", out="output.dense", norm="output.LayerNorm"),
    ),
    needs=(
        ("add_cross_attention", False, "attention to a second sequence has no row in this family"),
        ("chunk_size_feed_forward", 0, "feed-forwards in chunks are not recorded"),
    ),
)  # fmt: skip

ROBERTA = replace(BERT, counts_padding=True)

ALBERT = Family(
    embedding=("embeddings.LayerNorm", "encoder.embedding_hidden_mapping_in"),
    layers="encoder.albert_layer_groups.*.albert_layers.*",
    sublayers=(
        Sublayer("h", value="attention.value", out="attention.dense", norm="attention.LayerNorm"),
        Sublayer("f", enters="ffn", out="ffn_output", norm="full_layer_layer_norm"),
    ),
    needs=(("chunk_size_feed_forward", 0, "feed-forwards in chunks are not recorded"),),
)

DISTILBERT = Family(
    embedding=("embeddings.LayerNorm",),
    layers="transformer.layer.*",
    sublayers=(
        Sublayer("h", value="attention.v_lin", out="attention.out_lin", norm="sa_layer_norm"),
        Sublayer("f", enters="ffn.lin1", out="ffn.lin2", norm="output_layer_norm"),
    ),
    needs=(("chunk_size_feed_forward", 0, "feed-forwards in chunks are not recorded"),),
)

MPNET = replace(
    BERT,
    sublayers=(
        Sublayer("h", value="attention.attn.v", out="attention.attn.o", norm="attention.LayerNorm"),
        BERT.sublayers[1],
    ),
    counts_padding=True,
)

DEBERTA = replace(
    BERT,
    sublayers=(
        replace(BERT.sublayers[0], value="attention.self.in_proj", values="last third of each head",
                value_bias="attention.self.v_bias"),
        BERT.sublayers[1],
    ),
    float32_norms="vector",
    needs=(("talking_head", False, "heads are mixed after the softmax, and rows do not sum to one"),),
)  # fmt: skip

DEBERTA_V2 = replace(
    BERT,
    sublayers=(replace(BERT.sublayers[0], value="attention.self.value_proj"), BERT.sublayers[1]),
    needs=(
        ("conv_kernel_size", 0, "its convolution is one more nonlinear branch, a term of its own"),
    ),
)  # fmt: skip

BIG_BIRD = replace(
    BERT,
    needs=(
        *BERT.needs,
        ("attention_type", "original_full", "sparse attention pads the text to whole blocks"),
    ),
)

# ---- one norm after the last layer; those inside layers act on branches ----

MODERNBERT = Family(
    embedding=("embeddings.norm",),
    layers="layers.*",
    sublayers=(
        Sublayer("h", value="attn.Wqkv", values="last third", out="attn.Wo"),
        Sublayer("f", enters="mlp", out="mlp.Wo"),
    ),
    final=("final_norm",),
)

VIT = Family(
    layers="layers.*",
    sublayers=(
        Sublayer("h", value="attention.v_proj", out="attention.o_proj"),
        Sublayer("f", enters="mlp", out="mlp.fc2"),
    ),
    final=("layernorm",),
)

GPT2 = Family(
    layers="h.*",
    sublayers=(
        Sublayer("h", value="attn.c_attn", values="last third", out="attn.c_proj"),
        Sublayer("f", enters="mlp", out="mlp.c_proj"),
    ),
    final=("ln_f",),
    needs=(("add_cross_attention", False, "attention to a second sequence has no row in this family"),),
)

GPT_NEOX = Family(
    layers="layers.*",
    sublayers=(
        Sublayer("h", value="attention.query_key_value", values="last third of each head",
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
        Sublayer("h", value="self_attention.query_key_value", values="last third of each head",
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

# ---- encoder-decoders; the decoder's attention over the source is a fifth term, s ----

BART_ENCODER = Family(
    embedding=("layernorm_embedding",),
    layers="layers.*",
    sublayers=(
        Sublayer("h", value="self_attn.v_proj", out="self_attn.out_proj", norm="self_attn_layer_norm"),
        Sublayer("f", enters="fc1", out="fc2", norm="final_layer_norm"),
    ),
)

BART_DECODER = Family(
    embedding=("decoder.layernorm_embedding",),
    layers="decoder.layers.*",
    sublayers=(
        BART_ENCODER.sublayers[0],
        Sublayer("s", value="encoder_attn.v_proj", out="encoder_attn.out_proj",
                 norm="encoder_attn_layer_norm"),
        BART_ENCODER.sublayers[1],
    ),
)  # fmt: skip


def _without_norms(family: Family) -> tuple[Sublayer, ...]:
    return tuple(replace(sublayer, norm="") for sublayer in family.sublayers)


MBART_ENCODER = replace(BART_ENCODER, sublayers=_without_norms(BART_ENCODER), final=("layer_norm",))
MBART_DECODER = replace(BART_DECODER, sublayers=_without_norms(BART_DECODER), final=("decoder.layer_norm",))

T5_ENCODER = Family(
    layers="block.*",
    sublayers=(
        Sublayer("h", value="layer.0.SelfAttention.v", out="layer.0.SelfAttention.o"),
        Sublayer("f", enters="layer.1.DenseReluDense", out="layer.1.DenseReluDense.wo"),
    ),
    final=("final_layer_norm",),
    norms="rms",
    float32_norms="scale",
)

T5_DECODER = replace(
    T5_ENCODER,
    layers="decoder.block.*",
    sublayers=(
        T5_ENCODER.sublayers[0],
        Sublayer("s", value="layer.1.EncDecAttention.v", out="layer.1.EncDecAttention.o"),
        Sublayer("f", enters="layer.2.DenseReluDense", out="layer.2.DenseReluDense.wo"),
    ),
    final=("decoder.final_layer_norm",),
)

FAMILIES = {
    "bert": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "electra": replace(BERT, embedding=("embeddings.LayerNorm", "embeddings_project?")),
    "albert": ALBERT,
    "distilbert": DISTILBERT,
    "mpnet": MPNET,
    "deberta": DEBERTA,
    "deberta-v2": DEBERTA_V2,
    "big_bird": BIG_BIRD,
    "modernbert": MODERNBERT,
    "vit": VIT,
    "gpt2": GPT2,
    "gpt_neox": GPT_NEOX,
    "gptj": GPTJ,
    "bloom": BLOOM,
    "opt": OPT,
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen2": LLAMA,
    "qwen3": LLAMA,
    "phi": PHI,
    "olmo2": OLMO2,
    "gemma2": GEMMA,
    "gemma3_text": GEMMA,
    "bart.encoder": BART_ENCODER,
    "bart.decoder": BART_DECODER,
    "marian.encoder": replace(BART_ENCODER, embedding=()),
    "marian.decoder": replace(BART_DECODER, embedding=()),
    "mbart.encoder": MBART_ENCODER,
    "mbart.decoder": MBART_DECODER,
    "pegasus.encoder": replace(MBART_ENCODER, embedding=()),
    "pegasus.decoder": replace(MBART_DECODER, embedding=()),
    "t5.encoder": T5_ENCODER,
    "t5.decoder": T5_DECODER,
}

# Families for which a sum of these terms would be wrong, and why.
REFUSED = {
    "gpt_oss": "its attention rows do not sum to one (attention sinks)",
    "qwen3_next": "a gate multiplies what its attention returns",
    "longformer": "tokens of global attention have value biases of their own",
    "gemma3": "it is several models in one; take its language model",
}


def family_of(model: PreTrainedModel, stack: str | None = None) -> Family:
    """The row of a `transformers` model's family; nothing is guessed.

    Args:
        model: A model, with or without a task head.
        stack: "encoder" or "decoder" of an encoder-decoder; by default the decoder where there is one.

    Raises:
        UnsupportedModel: There is no row, or a setting of the model rules the row out.
    """
    config: Any = model.base_model.config
    name = config.model_type
    if name in REFUSED:
        raise UnsupportedModel(f"models of the family {name!r} are not decomposed: {REFUSED[name]}")
    if has_stacks(model):
        name += f".{stack or default_stack(model)}"
    elif stack is not None:
        raise UnsupportedModel(f"stack={stack!r} is for encoder-decoders, and {name!r} is none; leave it out")
    if name not in FAMILIES:
        raise UnsupportedModel(
            f"no row for the model family {name!r}; known families are {', '.join(known())}; "
            "to add one, add a row to FAMILIES in dissect/decomposition/families.py"
        )
    for setting, works, why in FAMILIES[name].needs:
        # a setting that is absent, zero or None is switched off
        if (getattr(config, setting, works) or works) != works:
            raise UnsupportedModel(f"{setting}={getattr(config, setting)!r} is not supported: {why}")
    return FAMILIES[name]


def has_stacks(model: PreTrainedModel) -> bool:
    """Whether the family is one of encoder-decoders, with a row for either."""
    config: Any = model.base_model.config
    return f"{config.model_type}.encoder" in FAMILIES


def default_stack(model: PreTrainedModel) -> str:
    """The decoder, where an encoder-decoder has one (T5EncoderModel has none)."""
    return "decoder" if hasattr(model.base_model, "decoder") else "encoder"


def known() -> list[str]:
    """The names of the families that have a row."""
    return sorted({name.split(".")[0] for name in FAMILIES})


def find(root: nn.Module, path: str) -> nn.Module:
    """The module at `path` below `root`.

    Raises:
        UnsupportedModel: There is none.
    """
    try:
        return root.get_submodule(path)
    except AttributeError:
        raise UnsupportedModel(
            f"{type(root).__name__} has no part {path!r}: this version of transformers keeps it "
            "elsewhere; mend the family's row in dissect/decomposition/families.py"
        ) from None


def find_if(root: nn.Module, path: str, config: Any) -> nn.Module | None:
    """The module at a path that may end in "?" or in a condition.

    Args:
        root: Where the path starts.
        path: Names joined by dots, with its "?" or " if SETTING" if it has one.
        config: The model's configuration, which has the settings.

    Returns:
        None where the path does not apply.
    """
    path, _, condition = path.partition(" if ")
    if condition:
        negated, setting = condition.startswith("not "), condition.removeprefix("not ")
        if bool(getattr(config, setting)) == negated:
            return None
    if path.endswith("?"):
        path = path.removesuffix("?")
        if getattr(root.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2], None) is None:
            return None
    return find(root, path) if path else None


def find_all(root: nn.Module, path: str) -> list[nn.Module]:
    """The modules at a path with "*" for every part of a list, in order."""
    first, star, rest = path.partition(".*")
    if not star:
        return [find(root, path)]
    parts = [module for _, module in find(root, first).named_children()]
    return [found for part in parts for found in (find_all(part, rest[1:]) if rest else [part])]
