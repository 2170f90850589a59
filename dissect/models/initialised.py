"""A model's architecture with the weights that it had before it learned anything."""

from copy import deepcopy

import torch

from dissect.models.loading import Loaded


def random_weights(loaded: Loaded, seed: int) -> Loaded:
    """The same architecture, tokenizer and number format, with weights as transformers draws them at first.

    What a probe scores on such a model was not learned by the model (Zhang and Bowman 2018, "Language
    modeling teaches you more than translation does"; Hewitt and Liang 2019).

    Args:
        loaded: The model, which is left as it is.
        seed: Of the weights.
    """
    model = loaded.model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = type(model)(deepcopy(model.config))
    drawn = drawn.to(device=model.device, dtype=model.dtype)  # type: ignore[call-arg]
    return Loaded(f"{loaded.label} with random weights, seed {seed}", drawn.eval(), loaded.tokenizer)
