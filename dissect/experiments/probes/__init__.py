"""Predictors learned from the terms: linear heads, the two-layer probe, and kNN.

Each takes vectors of one subset of the terms, (items, hidden). Vectors are divided by one number
per subset, their root mean square, so that one learning rate suits terms of any size.
"""

from dissect.experiments.probes.linear_head import masked_head
from dissect.experiments.probes.neighbours import nearest_neighbours
from dissect.experiments.probes.training import (
    Split,
    Training,
    Watch,
    learned_from,
    split_groups,
    trained,
    vectors_of,
)
from dissect.experiments.probes.two_layers import Choices, sense_probe, two_layer

__all__ = [
    "Choices",
    "Split",
    "Training",
    "Watch",
    "learned_from",
    "masked_head",
    "nearest_neighbours",
    "sense_probe",
    "split_groups",
    "trained",
    "two_layer",
    "vectors_of",
]
