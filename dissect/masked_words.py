"""The experiment on masked words: which terms predict masked words."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from dissect.features import target_terms
from dissect.masking import mask_text
from dissect.models import Loaded
from dissect.parts import members, subsets
from dissect.probes import Split, Training, masked_head, split_groups, vectors_of
from dissect.progress import track

TRAINING = Training(epochs=8, batch_size=1024, learning_rate=5e-3, dropout=0.2, patience=1)


@dataclass(frozen=True)
class MaskedTargets:
    """The terms of masked positions, (4, targets, hidden), and what stood there."""

    terms: Tensor
    labels: Tensor  # (targets,) token ids
    source: list[int]  # the sentence of each target

    def split(self, seed: int) -> Split:
        """8:1:1 by sentence: a sentence masked several times never spans two parts."""
        return split_groups(self.source, seed)


def masked_targets(loaded: Loaded, sentences: Sequence[str], times: int, seed: int) -> MaskedTargets:
    """Mask each sentence so many times and take the terms at the targets.

    Raises what `mask_text` and `target_terms` raise.
    """
    masked = mask_text(loaded, sentences, times=times, seed=seed)
    targets = [(sentence, [position]) for sentence, position in masked.targets]
    features = target_terms(loaded, masked.input_ids, targets, "terms of masked words")
    return MaskedTargets(features.terms, torch.tensor(masked.labels), masked.source)


def learned_heads(
    targets: MaskedTargets, seeds: Sequence[int], training: Training = TRAINING
) -> pd.DataFrame:
    """A head learned for every subset and seed.

    Columns: head ("learned"), terms, seed, accuracy (0 to 1, over all test targets),
    cross_entropy (nats, over test targets whose type was seen in training), types.
    """
    rows = []
    work = [(seed, subset) for seed in seeds for subset in subsets()]
    for seed, subset in track(work, "heads for masked words"):
        split = targets.split(seed)
        x = vectors_of(targets.terms, subset, split.train)
        predicted, right = masked_head(x, targets.labels, split, training, seed)
        accuracy = (predicted == targets.labels[split.test]).double().mean().item()
        loss = -right[right.isfinite()].double().mean().item()
        types = len(torch.unique(targets.labels[split.train]))
        rows.append(("learned", subset, seed, accuracy, loss, types))
    return pd.DataFrame(rows, columns=["head", "terms", "seed", "accuracy", "cross_entropy", "types"])


@torch.no_grad()
def pretrained_head(head: nn.Module, targets: MaskedTargets, seeds: Sequence[int]) -> pd.DataFrame:
    """The model's own head applied to every subset, on the test targets of every seed.

    Columns as those of `learned_heads`; the head is "pretrained", its types the vocabulary.
    """
    rows = []
    work = [(seed, subset) for seed in seeds for subset in subsets()]
    for seed, subset in track(work, "the pretrained head"):
        test = targets.split(seed).test
        x, labels = targets.terms[members(subset)].sum(0)[test], targets.labels[test]
        logits = torch.cat([head(part) for part in x.split(1024)])
        accuracy = (logits.argmax(-1) == labels).double().mean().item()
        loss = nn.functional.cross_entropy(logits, labels).item()
        rows.append(("pretrained", subset, seed, accuracy, loss, logits.shape[-1]))
    return pd.DataFrame(rows, columns=["head", "terms", "seed", "accuracy", "cross_entropy", "types"])
