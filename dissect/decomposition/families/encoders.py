"""Rows of encoders."""

from dataclasses import replace

from dissect.decomposition.families.row import ONE_SEQUENCE, UNDIVIDED, Family, Sublayer

BERT = Family(
    embedding=("embeddings.LayerNorm",),
    layers="encoder.layer.*",
    sublayers=(
        Sublayer("h", value="attention.self.value", out="attention.output.dense",
                 norm="attention.output.LayerNorm"),
        Sublayer("f", enters="intermediate.dense", out="output.dense", norm="output.LayerNorm"),
    ),
    needs=(ONE_SEQUENCE, UNDIVIDED),
)  # fmt: skip

ROBERTA = replace(BERT, counts_padding=True)

MARKUPLM = replace(ROBERTA, computed=("embeddings.xpath_embeddings",))

LUKE = replace(
    ROBERTA,
    refuses=(("entity_ids", "entities are a second sequence, and their vectors a second output"),),
)

XLM = Family(
    embedding=("layer_norm_emb",),
    layers="attentions.* & layer_norm1.* & ffns.* & layer_norm2.*",
    sublayers=(
        Sublayer("h", value="attentions.v_lin", out="attentions.out_lin", norm="layer_norm1"),
        Sublayer("f", enters="ffns.lin1", out="ffns.lin2", norm="layer_norm2"),
    ),
    needs=(
        UNDIVIDED,
        ("pre_norm", False, "its norms are elsewhere then"),
    ),
)

ALBERT = Family(
    embedding=("embeddings.LayerNorm", "encoder.embedding_hidden_mapping_in"),
    layers="encoder.albert_layer_groups.*.albert_layers.*",
    sublayers=(
        Sublayer("h", value="attention.value", out="attention.dense", norm="attention.LayerNorm"),
        Sublayer("f", enters="ffn", out="ffn_output", norm="full_layer_layer_norm"),
    ),
    needs=(UNDIVIDED,),
)

DISTILBERT = Family(
    embedding=("embeddings.LayerNorm",),
    layers="transformer.layer.*",
    sublayers=(
        Sublayer("h", value="attention.v_lin", out="attention.out_lin", norm="sa_layer_norm"),
        Sublayer("f", enters="ffn.lin1", out="ffn.lin2", norm="output_layer_norm"),
    ),
    needs=(UNDIVIDED,),
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
        replace(BERT.sublayers[0], value="attention.self.in_proj", values="last of each group",
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

NOMIC_BERT = Family(
    embedding=("embeddings.LayerNorm",),
    layers="layers.*",
    sublayers=(
        Sublayer("h", value="self_attn.v_proj", out="self_attn.o_proj", norm="post_attention_layernorm"),
        Sublayer("f", enters="mlp", out="mlp.down_proj", norm="post_mlp_layernorm"),
    ),
)

# ---- one norm after the last layer; those inside layers act on branches ----

MEGATRON_BERT = replace(BERT, sublayers=BERT.without_norms(), embedding=(), final=("encoder.ln",))

ROBERTA_PRELAYERNORM = replace(ROBERTA, sublayers=ROBERTA.without_norms(), final=("LayerNorm",))

XLM_ROBERTA_XL = replace(ROBERTA_PRELAYERNORM, embedding=(), final=("encoder.LayerNorm",))

MODERNBERT = Family(
    embedding=("embeddings.norm",),
    layers="layers.*",
    sublayers=(
        Sublayer("h", value="attn.Wqkv", values="last", out="attn.Wo"),
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

ENCODERS = {
    "bert": BERT,
    "ernie": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "data2vec-text": ROBERTA,
    "markuplm": MARKUPLM,
    "luke": LUKE,
    "electra": replace(BERT, embedding=("embeddings.LayerNorm", "embeddings_project?")),
    "albert": ALBERT,
    "distilbert": DISTILBERT,
    "mpnet": MPNET,
    "xlm": XLM,
    "flaubert": XLM,
    "deberta": DEBERTA,
    "deberta-v2": DEBERTA_V2,
    "big_bird": BIG_BIRD,
    "nomic_bert": NOMIC_BERT,
    "megatron-bert": MEGATRON_BERT,
    "roberta-prelayernorm": ROBERTA_PRELAYERNORM,
    "xlm-roberta-xl": XLM_ROBERTA_XL,
    "modernbert": MODERNBERT,
    "vit": VIT,
}
