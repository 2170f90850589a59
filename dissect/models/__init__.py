"""Models by name, their heads, and fine-tuning."""

from dissect.models.card import card
from dissect.models.heads import AFTERWARDS, KINDS, PRETRAINED, width
from dissect.models.initialised import random_weights
from dissect.models.loading import (
    DEVICE,
    PACKAGED,
    TUNABLE,
    Loaded,
    fingerprint,
    load,
    load_masked_head,
    load_unembedding,
    location,
    names,
    pick_device,
    task,
    tokenizer_sha256,
    tuned_for,
)

__all__ = [
    "AFTERWARDS",
    "DEVICE",
    "KINDS",
    "Loaded",
    "PACKAGED",
    "PRETRAINED",
    "TUNABLE",
    "card",
    "fingerprint",
    "load",
    "load_masked_head",
    "load_unembedding",
    "location",
    "names",
    "pick_device",
    "random_weights",
    "task",
    "tokenizer_sha256",
    "tuned_for",
    "width",
]
