"""What chapters and exercises are written with: a notebook has one import, `from dissect.chapter import …`.

A name is loaded when asked for, so that a chapter loads, and its key holds, no more than it uses.
"""

from importlib import import_module
from typing import Any

# The names that a module of the package hands out.
OF_MODULES = {
    "decomposition.decomposer": ("Decomposer",),
    "features.gathering": ("target_terms",),
    "models.finetuning": ("head_table", "siblings_table", "tuned_sibling"),
    "tables.results": ("save",),
    "experiments.explain": ("explain",),
    "experiments.finer": ("word_in",),
    "experiments.hyperparameters": ("choose",),
    "experiments.masked_words": (
        "TRAINING", "MaskedTargets", "full_vocabulary", "learned", "masked_targets", "masked_words",
    ),
    "experiments.masking": ("mask_text",),
    "experiments.named_entities": ("corpus_counts", "named_entities", "tagged_terms"),
    "experiments.probes": ("Split", "nearest_neighbours", "sense_probe", "two_layer", "vectors_of"),
    "experiments.word_senses": (
        "corpus_table", "numbered", "overlap_table", "sense_terms", "word_senses",
    ),
    "report.two_readers": ("readers_note", "two_readers"),
    "teaching.exercises": ("check",),
    "teaching.ready": ("ready",),
}  # fmt: skip
NAMES = {name: module for module, names in OF_MODULES.items() for name in names}

# Modules, by the names that notebooks have for them.
MODULES = {
    "ablation": "experiments.ablation",
    "controls": "experiments.controls",
    "corpora": "corpora",
    "cosines": "experiments.cosines",
    "figures": "report.figures",
    "findings": "report.answers",
    "finer": "experiments.finer",
    "head_reads": "experiments.head_reads",
    "interactive": "report.interactive",
    "intervals": "report.intervals",
    "given": "teaching.exercises.materials",
    "layer_order": "experiments.layer_order",
    "measures": "experiments.measures",
    "models": "models",
    "published": "report.published",
    "reading": "experiments.reading",
}

HANDED_OUT = NAMES | MODULES


def __getattr__(name: str) -> Any:
    if name in NAMES:
        return getattr(import_module(f"dissect.{NAMES[name]}"), name)
    if name in MODULES:
        return import_module(f"dissect.{MODULES[name]}")
    raise AttributeError(f"module 'dissect.chapter' has no attribute {name!r}")
