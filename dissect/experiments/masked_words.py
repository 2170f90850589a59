"""The experiment on masked words: which terms predict masked words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dissect.experiments.hyperparameters import search_on
from dissect.experiments.masking import mask_text
from dissect.experiments.probes import Split, Training, masked_head, split_groups, trained
from dissect.experiments.statistics import Counted, accuracy_counts, share
from dissect.experiments.units import Answers, Experiment, Predictor, Unit, results
from dissect.features import Features, target_terms
from dissect.models import PRETRAINED, Loaded
from dissect.tables import Results

TRAINING = Training(epochs=20, batch_size=256, learning_rate=2e-3, dropout=0.2, patience=0, gain=2e-3)


@dataclass(frozen=True)
class MaskedTargets:
    """The terms of masked positions, and what stood there.

    Attributes:
        labels: (targets,) token ids.
        source: The sentence of each target.
    """

    features: Features
    labels: Tensor
    source: list[int]

    def split(self, seed: int) -> Split:
        """8:1:1 by sentence: a sentence masked several times never spans two parts."""
        return split_groups(self.source, seed)

    def choose(self, trials: int) -> tuple[Training, pd.DataFrame]:
        """Hyper-parameters for the probes; see `hyperparameters.search`."""
        return choose(self, trials)


def masked_targets(
    loaded: Loaded, sentences: Sequence[str], times: int, seed: int, folder: str | Path | None = None
) -> MaskedTargets:
    """Mask each sentence so many times and take the terms at the targets.

    Raises what `mask_text` and `target_terms` raise.

    Args:
        loaded: The model.
        sentences: The text.
        times: How often each is masked.
        seed: Of the masks.
        folder: Of stores; without it the terms are kept in memory.
    """
    masked = mask_text(loaded, sentences, times=times, seed=seed)
    targets = [(sentence, [position]) for sentence, position in masked.targets]
    features = target_terms(loaded, masked.input_ids, targets, "terms of masked words", folder)
    kept = features.kept.tolist()
    return MaskedTargets(
        features, torch.tensor(masked.labels)[features.kept], [masked.source[n] for n in kept]
    )


def masked_words(
    targets: MaskedTargets,
    seeds: Sequence[int],
    head: nn.Module | None = None,
    training: Training = TRAINING,
) -> Results:
    """A head learned for every subset and seed, and a head for whole embeddings applied to each.

    Args:
        targets: The terms of masked positions, and what stood there.
        seeds: Of the split and of what is learned.
        head: The head for whole embeddings, where there is one; see `models.load_masked_head`.
        training: Of the learned heads.

    Returns:
        Predictors are "learned" and the kind of that head, "pretrained" or "trained afterwards"; one that
        does not say its kind is a pretrained one. Scores are accuracy, over all test targets, and
        cross_entropy, of learned heads over test targets whose type was seen in training.
    """
    predictors: dict[str, Predictor] = {"learned": partial(learned, training=training)}
    if head is not None:
        predictors[getattr(head, "kind", PRETRAINED)] = partial(read, head=head)
    return results(
        [
            Unit(EXPERIMENT, name, predict, targets, targets.split(0), seed)
            for name, predict in predictors.items()
            for seed in seeds
        ]
    )


def counts(targets: MaskedTargets, split: Split, said: Sequence[Answers]) -> dict[str, Counted]:
    """Of each test target whether it was named, and the loss on it; see `units.Experiment`.

    Args:
        targets: All of them.
        split: Which of them are tested.
        said: What is said of these, a subset each.

    Returns:
        By score.
    """
    where, labels = np.array(targets.source)[split.test.numpy()], targets.labels[split.test]
    right = np.stack([(of["predicted"] == labels).numpy() for of in said])
    loss = np.stack([loss_counts(of["log_chance"]) for of in said])
    return {"accuracy": Counted(where, accuracy_counts(right)), "cross_entropy": Counted(where, loss)}


EXPERIMENT = Experiment("masked words, head", counts, share)


def learned(
    targets: MaskedTargets, subset: str, split: Split, training: Training, seed: int
) -> dict[str, Tensor]:
    """What a head learned for a subset says of the test targets; see `probes.masked_head`.

    Args:
        targets: All of them.
        subset: Of the terms.
        split: Which of them are learned from, and which tested.
        training: Of the head.
        seed: Of the head's first weights and of the batches.
    """
    probe = partial(masked_head, labels=targets.labels, split=split, training=training, seed=seed)
    return trained(probe, "masked head", targets.features, subset, targets.labels, split, training, seed)


def read(targets: MaskedTargets, subset: str, split: Split, head: nn.Module, seed: int) -> dict[str, Tensor]:
    """What a head for whole embeddings says of the test targets; the seed has no say beside the split.

    Args:
        targets: All of them.
        subset: Of the terms.
        split: Which of them are tested.
        head: (items, hidden) to logits, (items, vocabulary).
        seed: Of no use, and there as predictors have one.
    """
    return read_by(head, targets.features.subset(subset)[split.test], targets.labels[split.test])


@torch.no_grad()
def read_by(head: nn.Module, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What a head for whole embeddings says; see `probes.masked_head`.

    Args:
        head: (items, hidden) to logits, (items, vocabulary).
        x: (items, hidden).
        labels: Token ids, (items,).
    """
    answers, chances = [], []
    for part, right in zip(x.split(1024), labels.split(1024), strict=True):
        logits = head(part)
        answers.append(logits.argmax(-1))
        chances.append(logits.log_softmax(-1).gather(1, right[:, None])[:, 0])
    return {"predicted": torch.cat(answers), "log_chance": torch.cat(chances)}


def loss_counts(log_chance: Tensor) -> np.ndarray:
    """(items,) -> (items, 2): the loss in nats and 1; zeros for a type that could not be said at all."""
    known = log_chance.isfinite()
    return torch.stack([-log_chance.where(known, torch.tensor(0.0)), known.float()], dim=-1).double().numpy()


def cross_entropy(log_chance: Tensor) -> float:
    """In nats, over the targets whose type could be said at all."""
    return float(share(loss_counts(log_chance).sum(0)))


def choose(
    targets: MaskedTargets, trials: int, subset: str = "i+h+f+c", default: Training = TRAINING
) -> tuple[Training, pd.DataFrame]:
    """Hyper-parameters for the learned heads; see `hyperparameters.search`.

    Args:
        targets: The terms of masked positions, and what stood there.
        trials: How many.
        subset: Of the terms, on which they are tried.
        default: The first trial.
    """
    split = targets.split(0)
    probe = partial(masked_head, labels=targets.labels, split=split, seed=0)
    return search_on(probe, "masked head", targets.features, subset, targets.labels, split, default, trials)


def full_vocabulary(
    targets: MaskedTargets,
    vocabulary: int,
    subset: str = "i+h+f+c",
    seed: int = 0,
    training: Training = TRAINING,
) -> pd.DataFrame:
    """One subset's learned head over the types seen in training, and over the whole vocabulary.

    Args:
        targets: The terms of masked positions, and what stood there.
        vocabulary: How many types it has.
        subset: Of the terms.
        seed: Of the split and of what is learned.
        training: Of the heads.

    Returns:
        Columns output, types, accuracy, cross_entropy; both over test targets of types seen.
    """
    split = targets.split(seed)
    labels = targets.labels[split.test]
    seen = torch.isin(labels, targets.labels[split.train])
    over_all = partial(
        masked_head, labels=targets.labels, split=split, training=training, seed=seed,
        types=torch.arange(vocabulary),
    )  # fmt: skip
    name = f"masked head over {vocabulary}"
    of_all = trained(over_all, name, targets.features, subset, targets.labels, split, training, seed)
    of_seen = learned(targets, subset, split, training, seed)
    types = len(targets.labels[split.train].unique())
    rows = [
        (output, size, (said["predicted"] == labels)[seen].double().mean().item(),
         cross_entropy(said["log_chance"][seen]))
        for output, size, said in (("types seen", types, of_seen), ("vocabulary", vocabulary, of_all))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["output", "types", "accuracy", "cross_entropy"])
