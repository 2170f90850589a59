"""Models by name, their heads, and fine-tuning."""

from dissect.models.card import card
from dissect.models.heads import AFTERWARDS, KINDS, PRETRAINED, width
from dissect.models.initialised import random_weights
from dissect.models.loading import (
    DEVICE,
    PACKAGED,
    TUNABLE,
    Loaded,
    at_revision,
    fingerprint,
    load,
    location,
    names,
    pick_device,
    task,
    tokenizer_sha256,
    tuned_for,
)
from dissect.models.word_heads import (
    MASKED,
    NEXT,
    guesses,
    load_masked_head,
    load_unembedding,
    load_word_head,
)

__all__ = [
    "AFTERWARDS",
    "DEVICE",
    "KINDS",
    "Loaded",
    "MASKED",
    "NEXT",
    "PACKAGED",
    "PRETRAINED",
    "TUNABLE",
    "at_revision",
    "card",
    "fingerprint",
    "guesses",
    "load",
    "load_masked_head",
    "load_unembedding",
    "load_word_head",
    "location",
    "names",
    "pick_device",
    "random_weights",
    "task",
    "tokenizer_sha256",
    "tuned_for",
    "width",
]
