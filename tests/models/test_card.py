"""What the first page of a report says of a model."""

from transformers import AutoModel, BertConfig, BertForMaskedLM, GPT2Config

from dissect.models import Loaded, card


def test_a_card_is_read_off_the_configuration(minilm):
    config = BertConfig(
        hidden_size=24, num_hidden_layers=3, num_attention_heads=4, intermediate_size=32, vocab_size=50,
        max_position_embeddings=16, architectures=["BertForMaskedLM"],
    )  # fmt: skip
    model = BertForMaskedLM(config).base_model
    weights = 24 * (50 + 16 + 2 + 2) + 3 * (4 * (24 * 24 + 24) + 2 * 24 * 32 + 32 + 24 + 4 * 24)
    told = card(Loaded("m", model, minilm.tokenizer))
    assert told == {
        "family": "bert", "layers": "3", "width": "24", "attention heads": "4 a layer",
        "vocabulary": f"{len(minilm.tokenizer):,} word pieces", "parameters": f"{weights / 1e6:,.1f} million",
        "trained for": "masked lm",
    }  # fmt: skip


def test_what_a_configuration_does_not_tell_is_left_out(minilm):
    """Other families have other names for the same settings."""
    told = card(
        Loaded("m", AutoModel.from_config(GPT2Config(n_layer=2, n_embd=24, n_head=3)), minilm.tokenizer)
    )
    assert told["layers"] == "2" and told["attention heads"] == "3 a layer" and "trained for" not in told
