"""Predictors learned from the terms: linear heads, the two-layer probe, and kNN.

Each takes vectors of one subset of the terms, (items, hidden). What learns is given them standardised,
dimension by dimension, so that one learning rate suits terms of any size and a constant is nothing to it;
nearest neighbours are looked for among the vectors as they are.
"""

from dissect.experiments.probes.control import permuted
from dissect.experiments.probes.kept import learned_from, trained
from dissect.experiments.probes.linear_head import masked_head, masked_heads
from dissect.experiments.probes.neighbours import nearest_neighbours
from dissect.experiments.probes.training import Judged, Split, Training, Watch, split_groups
from dissect.experiments.probes.two_layers import Choices, entity_probes, sense_probe, sense_probes, two_layer
from dissect.experiments.probes.vectors import moments, vectors_of

__all__ = [
    "Choices",
    "Judged",
    "Split",
    "Training",
    "Watch",
    "learned_from",
    "masked_head",
    "masked_heads",
    "moments",
    "nearest_neighbours",
    "permuted",
    "sense_probe",
    "sense_probes",
    "split_groups",
    "trained",
    "two_layer",
    "entity_probes",
    "vectors_of",
]
