"""What a model is, by its configuration: for the first page of a report on it."""

from dissect.models.heads import width
from dissect.models.loading import Loaded, task


def card(loaded: Loaded) -> dict[str, str]:
    """Family, layers, width, heads, vocabulary, parameters and training of a model, each in words.

    What its configuration does not tell is left out.

    Args:
        loaded: The model.

    Returns:
        By what it is.
    """
    config = loaded.model.config
    heads = getattr(config, "num_attention_heads", None)
    numbers = {
        "family": config.model_type,
        "layers": f"{config.num_hidden_layers}",
        "width": f"{width(loaded.model)}",
        "attention heads": f"{heads} a layer" if isinstance(heads, int) else "",
        "vocabulary": f"{len(loaded.tokenizer):,} word pieces",
        "parameters": f"{loaded.model.num_parameters() / 1e6:,.1f} million",
        "trained for": task(loaded.model),
    }
    return {what: said for what, said in numbers.items() if said}
