"""What chapters and exercises are written with: a notebook has one import, `from dissect.chapter import …`.

A name is loaded when asked for, so that a chapter loads, and its key holds, no more than it uses.
"""

from importlib import import_module
from typing import Any

# A name, and the module of the package that has it.
NAMES = {
    "Decomposer": "decomposition", "TERMS": "parts",
    "choose": "hyperparameters",
    "explain": "explain",
    "word_in": "finer",
    "target_terms": "features",
    "tuned_sibling": "finetuning",
    "full_vocabulary": "masked_words", "learned": "masked_words", "masked_targets": "masked_words",
    "masked_words": "masked_words", "MaskedTargets": "masked_words",
    "TRAINING": "masked_words",  # of the learned heads
    "corpus_table": "word_senses", "sense_terms": "word_senses", "word_senses": "word_senses",
    "corpus_counts": "named_entities", "named_entities": "named_entities", "tagged_terms": "named_entities",
    "two_layer": "probes",
    "save": "results",
    "check": "exercises",
}  # fmt: skip

# A module, by the name that notebooks have for it.
MODULES = {
    "corpora": "corpora", "figures": "figures", "findings": "findings", "finer": "finer",
    "given": "exercises.given", "measures": "measures", "models": "models", "published": "published",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in NAMES:
        return getattr(import_module(f"dissect.{NAMES[name]}"), name)
    if name in MODULES:
        return import_module(f"dissect.{MODULES[name]}")
    raise AttributeError(f"module 'dissect.chapter' has no attribute {name!r}")
