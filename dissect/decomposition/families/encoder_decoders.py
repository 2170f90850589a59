"""Rows of encoder-decoders."""

from dataclasses import replace

from dissect.decomposition.families.row import Family, Sublayer

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

MBART_ENCODER = replace(BART_ENCODER, sublayers=BART_ENCODER.without_norms(), final=("layer_norm",))
MBART_DECODER = replace(BART_DECODER, sublayers=BART_DECODER.without_norms(), final=("decoder.layer_norm",))

PEGASUS_ENCODER = replace(MBART_ENCODER, embedding=())
PEGASUS_DECODER = replace(MBART_DECODER, embedding=())

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

ENCODER_DECODERS = {
    "bart.encoder": BART_ENCODER,
    "bart.decoder": BART_DECODER,
    "plbart.encoder": BART_ENCODER,
    "plbart.decoder": BART_DECODER,
    "marian.encoder": replace(BART_ENCODER, embedding=()),
    "marian.decoder": replace(BART_DECODER, embedding=()),
    "mbart.encoder": MBART_ENCODER,
    "mbart.decoder": MBART_DECODER,
    "pegasus.encoder": PEGASUS_ENCODER,
    "pegasus.decoder": PEGASUS_DECODER,
    "blenderbot.encoder": PEGASUS_ENCODER,
    "blenderbot.decoder": PEGASUS_DECODER,
    "m2m_100.encoder": PEGASUS_ENCODER,
    "m2m_100.decoder": PEGASUS_DECODER,
    "t5.encoder": T5_ENCODER,
    "t5.decoder": T5_DECODER,
    "mt5.encoder": T5_ENCODER,
    "mt5.decoder": T5_DECODER,
    "umt5.encoder": T5_ENCODER,
    "umt5.decoder": T5_DECODER,
}
