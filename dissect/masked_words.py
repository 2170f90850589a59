"""The experiment on masked words: which terms predict masked words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dissect.features import Features, target_terms
from dissect.heads import PRETRAINED
from dissect.hyperparameters import search
from dissect.masking import mask_text
from dissect.models import Loaded
from dissect.parts import subsets
from dissect.probes import (
    Split,
    Training,
    Watch,
    learned_from,
    masked_head,
    split_groups,
    trained,
    vectors_of,
)
from dissect.progress import track
from dissect.results import Results
from dissect.statistics import Counted, accuracy_counts, compared, count, share

TRAINING = Training(epochs=20, batch_size=256, learning_rate=2e-3, dropout=0.2, patience=0, gain=2e-3)


@dataclass(frozen=True)
class MaskedTargets:
    """The terms of masked positions, and what stood there."""

    features: Features
    labels: Tensor  # (targets,) token ids
    source: list[int]  # the sentence of each target

    def split(self, seed: int) -> Split:
        """8:1:1 by sentence: a sentence masked several times never spans two parts."""
        return split_groups(self.source, seed)

    def choose(self, trials: int) -> tuple[Training, pd.DataFrame]:
        """Hyper-parameters for the probes; see `hyperparameters.search`."""
        return choose(self, trials)


def masked_targets(
    loaded: Loaded, sentences: Sequence[str], times: int, seed: int, folder: str | Path | None = None
) -> MaskedTargets:
    """Mask each sentence so many times and take the terms at the targets; folder: of stores.

    Raises what `mask_text` and `target_terms` raise.
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

    head: the head for whole embeddings, where there is one; see `models.load_masked_head`.
    Predictors are "learned" and the kind of that head, "pretrained" or "trained afterwards"; one that
    does not say its kind is a pretrained one. Scores are accuracy, over all test targets, and
    cross_entropy, of learned heads over test targets whose type was seen in training.
    """
    rows, sure = [], []
    for predictor in ("learned", getattr(head, "kind", PRETRAINED))[: 2 if head else 1]:
        counted: dict[str, list[Counted]] = {"accuracy": [], "cross_entropy": []}
        for seed in seeds:
            split = targets.split(seed)
            labels, where = targets.labels[split.test], np.array(targets.source)[split.test.numpy()]
            right, loss = [], []
            for subset in track(subsets(), f"masked words, head {predictor}, seed {seed}"):
                if predictor == "learned":
                    said = learned(targets, subset, split, training, seed)
                else:
                    said = read_by(head, targets.features.subset(subset)[split.test], labels)
                right.append((said["predicted"] == labels).numpy())
                loss.append(loss_counts(said["log_chance"]))
                rows.append((predictor, subset, seed, right[-1].mean(), cross_entropy(said["log_chance"])))
            counted["accuracy"].append(count(where, accuracy_counts(np.stack(right))))
            counted["cross_entropy"].append(count(where, np.stack(loss)))
        sure += [compared(predictor, name, subsets(), runs, share) for name, runs in counted.items()]
    return Results(
        pd.DataFrame(rows, columns=["predictor", "terms", "seed", "accuracy", "cross_entropy"]),
        pd.concat([intervals for intervals, _ in sure], ignore_index=True),
        pd.concat([pairs for _, pairs in sure], ignore_index=True),
    )


def learned(
    targets: MaskedTargets, subset: str, split: Split, training: Training, seed: int
) -> dict[str, Tensor]:
    """What a head learned for a subset says of the test targets; see `probes.masked_head`."""
    probe = partial(masked_head, labels=targets.labels, split=split, training=training, seed=seed)
    return trained(probe, "masked head", targets.features, subset, targets.labels, split, training, seed)


@torch.no_grad()
def read_by(head: nn.Module | None, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What a head for whole embeddings says of x (items, hidden); see `probes.masked_head`."""
    assert head is not None
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
    loss, targets = loss_counts(log_chance).sum(0)
    return loss / targets


def choose(
    targets: MaskedTargets, trials: int, subset: str = "i+h+f+c", default: Training = TRAINING
) -> tuple[Training, pd.DataFrame]:
    """Hyper-parameters for the learned heads; see `hyperparameters.search`."""
    split = targets.split(0)

    def probe(training: Training, watch: Watch) -> object:
        x = vectors_of(targets.features, subset, split.train)
        return masked_head(x, targets.labels, split, training, seed=0, watch=watch)

    data = learned_from(targets.labels, split)
    folder = targets.features.folder
    return search(probe, default, trials, folder, kind="masked head", terms=subset, data=data)


def full_vocabulary(
    targets: MaskedTargets,
    vocabulary: int,
    subset: str = "i+h+f+c",
    seed: int = 0,
    training: Training = TRAINING,
) -> pd.DataFrame:
    """One subset's learned head over the types seen in training, and over the whole vocabulary.

    Columns: output, types, accuracy, cross_entropy; both over test targets of types seen.
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
