"""`dissect explain`: one sentence as a table of tokens by terms."""

import pandas as pd

from dissect.decomposition import TERMS, Decomposer
from dissect.errors import DissectError
from dissect.models import Loaded


def explain(loaded: Loaded, sentence: str, layer: int | None = None) -> pd.DataFrame:
    """Importance of each term for each token.

    Args:
        loaded: The model.
        sentence: The text.
        layer: 0 is the embedding layer; the last by default.

    Returns:
        Columns token, i, h, f, c.

    Raises:
        DissectError: The sentence is empty or too long, or the model does not have the layer.
    """
    try:
        sentence.encode()
    except UnicodeEncodeError:
        raise DissectError("the sentence is not text in UTF-8: check how it is given") from None
    if not loaded.tokenizer(sentence, add_special_tokens=False, verbose=False)["input_ids"]:
        raise DissectError("the sentence is empty: give some text to dissect")
    batch = loaded.tokenizer(sentence, return_tensors="pt", truncation=False, verbose=False)
    batch = {name: value.to(loaded.model.device) for name, value in batch.items()}
    states = Decomposer(loaded.model).layers(**batch)
    if layer is None:
        layer = len(states) - 1
    if not 0 <= layer < len(states):
        raise DissectError(f"{loaded.label} has layers 0 to {len(states) - 1}, not {layer}")
    table = pd.DataFrame(states[layer].importance()[:, 0].T.cpu().numpy(), columns=list(TERMS))
    tokens = loaded.tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
    table.insert(0, "token", tokens)
    return table
