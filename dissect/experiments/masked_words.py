"""The experiment on hidden words: which terms predict masked words, or in decoders the next ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dissect.experiments.hyperparameters import Trainings, search_each, trainings_for
from dissect.experiments.masking import MASK, STOOD, asked_text
from dissect.experiments.probes import Split, Training, masked_head, masked_heads, split_groups, trained
from dissect.experiments.statistics import Counted, accuracy_counts, share
from dissect.experiments.units import Answers, Experiment, Unit, control, results
from dissect.features import Features, target_terms
from dissect.models import MASKED, NEXT, PRETRAINED, Loaded
from dissect.progress import track_named
from dissect.tables import Results

# Chosen by development scores of MiniLM on both corpora of text, with test scores in sight: no blind choice.
TRAINING = Training(epochs=60, batch_size=256, learning_rate=1e-3, dropout=0.2, patience=1)
FEWEST = 100  # documents: of fewer, a tenth is too few to tell how documents differ
HEADS = "masked-word heads"  # as their work is called
AT_ONCE = 128  # items; a head has a logit for each of some 250,000 word pieces


@dataclass(frozen=True)
class MaskedTargets:
    """The terms of positions at which a word is guessed, and which word it is.

    Attributes:
        labels: (targets,) token ids.
        source: The sentence of each target, or its document; see `clusters`.
        stood: What the model read at each, one of `masking.STOOD`; None is the mask at all.
        asked: Which words are guessed, `models.MASKED` or `models.NEXT`.
    """

    features: Features
    labels: Tensor
    source: list[int]
    stood: list[str] | None = None
    asked: str = MASKED

    @property
    def called(self) -> str:
        """Which words are guessed, as tables and progress have it: "masked words" or "next words"."""
        return f"{self.asked} words"

    def split(self, seed: int) -> Split:
        """8:1:1 by sentence, or document: a sentence masked several times never spans two parts."""
        return split_groups(self.source, seed)

    def choose(self, trials: int, seed: int = 0) -> tuple[dict[str, Training], pd.DataFrame]:
        """Hyper-parameters for the probes of each subset; see `hyperparameters.search_each`."""
        return choose(self, trials, seed)

    def read_as(self, stood: str, places: Tensor) -> np.ndarray:
        """Whether this is what the model read at targets.

        Args:
            stood: One of `masking.STOOD`.
            places: Of the targets.

        Returns:
            (places,), true or false.
        """
        if self.stood is None:
            return np.full(len(places), stood == MASK)
        return np.array(self.stood)[places.numpy()] == stood


def masked_targets(
    loaded: Loaded,
    sentences: Sequence[str],
    times: int,
    seed: int,
    folder: str | Path | None = None,
    documents: Sequence[str] = (),
) -> MaskedTargets:
    """Mask each sentence so many times, or ask for next words, and take the terms at the targets.

    Raises what `asked_text` and `target_terms` raise.

    Args:
        loaded: The model, which decides what is asked for; see `models.guesses`.
        sentences: The text.
        times: How often each is masked, or next words of it are drawn.
        seed: Of the draws.
        folder: Of stores; without it the terms are kept in memory.
        documents: That of each sentence, where they are known; see `corpora.documents`.
    """
    asked = asked_text(loaded, sentences, times=times, seed=seed)
    targets = [(sentence, [position]) for sentence, position in asked.targets]
    features = target_terms(loaded, asked.input_ids, targets, f"terms of {asked.asked} words", folder)
    kept = features.kept.tolist()
    stood = [asked.stood[n] for n in kept] if asked.stood else None
    of_sentence = clusters(documents) or list(range(len(sentences)))
    labels, source = torch.tensor(asked.labels)[features.kept], [of_sentence[asked.source[n]] for n in kept]
    return MaskedTargets(features, labels, source, stood, asked.asked)


def clusters(documents: Sequence[str]) -> list[int]:
    """The document of each sentence, by number; nothing where they are fewer than `FEWEST`."""
    numbers = {name: n for n, name in enumerate(dict.fromkeys(documents))}
    return [numbers[name] for name in documents] if len(numbers) >= FEWEST else []


def masked_words(
    targets: MaskedTargets,
    seeds: Sequence[int],
    head: nn.Module | None = None,
    training: Trainings = TRAINING,
    seed: int = 0,
) -> Results:
    """A head learned for every subset and seed, and a head for whole embeddings applied to each subset.

    The split is one for all: seeds differ in what they draw while they learn, so that what they find
    differs by that alone. A head that is there already draws nothing, and is asked once.

    Args:
        targets: The terms of the positions, and what is to be guessed there.
        seeds: Of what is learned.
        head: The head for whole embeddings, where there is one; see `models.load_word_head`.
        training: Of the learned heads; of all, or by subset.
        seed: Of the split.

    Returns:
        Predictors are "learned", the kind of that head, "pretrained" or "trained afterwards" (one that does
        not say its kind is a pretrained one), and the negative control, `tables.CONTROL`. Scores are
        accuracy, over all test targets, accuracy_masked, over those at which the mask stood (in the tables
        of intervals and pairs), and cross_entropy, of learned heads over test targets whose type was seen
        in training. Further tables: "stood", of accuracy by what stood at the target. Next words, of which
        nothing stands there, have neither that score nor that table.
    """
    split, experiment = targets.split(seed), EXPERIMENTS[targets.asked]
    predict = partial(learned, training=training)
    units = [Unit(experiment, "learned", predict, targets, split, of_head) for of_head in seeds]
    controls = [control(unit) for unit in units]
    if head is not None:
        kind = getattr(head, "kind", PRETRAINED)
        units.append(Unit(experiment, kind, partial(read, head=head), targets, split, seeds[0]))
    return results([*units, *controls])


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
    scores = {"accuracy": Counted(where, accuracy_counts(right))}
    if targets.asked == MASKED:
        hidden = targets.read_as(MASK, split.test)
        scores["accuracy_masked"] = Counted(where[hidden], accuracy_counts(right[:, hidden]))
    return scores | {"cross_entropy": Counted(where, loss)}


def by_what_stood(targets: MaskedTargets, split: Split, said: Answers) -> dict[str, pd.DataFrame]:
    """Accuracy by what the model read at the target; see `units.Experiment`.

    Args:
        targets: All of them.
        split: Which of them are tested.
        said: What is said of these.

    Returns:
        The table "stood" with a row a kind of target, whose columns are stood, accuracy (NaN without
        targets) and targets.
    """
    right = (said["predicted"] == targets.labels[split.test]).numpy()
    rows = []
    for stood in STOOD:
        here = right[targets.read_as(stood, split.test)]
        rows.append((stood, float(here.mean()) if len(here) else np.nan, len(here)))
    return {"stood": pd.DataFrame(rows, columns=["stood", "accuracy", "targets"])}


EXPERIMENT = Experiment("masked words, head", counts, share, more=by_what_stood, aside=("accuracy_masked",))
EXPERIMENTS = {MASKED: EXPERIMENT, NEXT: Experiment("next words, head", counts, share)}


def learned(
    targets: MaskedTargets, subsets: Sequence[str], split: Split, training: Trainings, seed: int
) -> dict[str, Answers]:
    """What heads learned for subsets say of the test targets; see `probes.masked_heads`.

    Args:
        targets: All of them.
        subsets: Of the terms.
        split: Which targets are learned from, and which tested.
        training: Of the heads; of all subsets, or by subset.
        seed: Of the batches and dropout.
    """

    def probes(xs: Sequence[Tensor], trainings: Sequence[Training]) -> list[dict[str, Tensor]]:
        return masked_heads(xs, targets.labels, split, trainings, seed)

    each = trainings_for(subsets, training)
    return dict(trained(probes, HEADS, targets.features, each, targets.labels, split, seed))


def read(
    targets: MaskedTargets, subsets: Sequence[str], split: Split, head: nn.Module, seed: int
) -> dict[str, Answers]:
    """What a head for whole embeddings says of the test targets; the seed has no say beside the split.

    Args:
        targets: All of them.
        subsets: Of the terms.
        split: Which targets are tested.
        head: (items, hidden) to logits, (items, vocabulary).
        seed: Of no use, and there as predictors have one.
    """
    labels = targets.labels[split.test]
    return {
        subset: read_by(head, targets.features.subset(subset)[split.test], labels)
        for subset in track_named(subsets, "subsets")
    }


@torch.no_grad()
def read_by(head: nn.Module, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What a head for whole embeddings says; see `probes.masked_head`.

    Args:
        head: (items, hidden) to logits, (items, vocabulary).
        x: (items, hidden).
        labels: Token ids, (items,).
    """
    answers, chances = [], []
    for part, right in zip(x.split(AT_ONCE), labels.split(AT_ONCE), strict=True):
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
    targets: MaskedTargets, trials: int, seed: int = 0, default: Training = TRAINING
) -> tuple[dict[str, Training], pd.DataFrame]:
    """Hyper-parameters for the learned head of each subset; see `hyperparameters.search_each`.

    Args:
        targets: The terms of the positions, and what is to be guessed there.
        trials: How many for each subset.
        seed: Of the split.
        default: The first trial.
    """
    split = targets.split(seed)
    probe = partial(masked_head, labels=targets.labels, split=split, seed=0)
    return search_each(probe, HEADS, targets.features, targets.labels, split, default, trials)


def full_vocabulary(
    targets: MaskedTargets,
    vocabulary: int,
    subset: str = "i+h+f+c",
    seed: int = 0,
    training: Trainings = TRAINING,
) -> pd.DataFrame:
    """One subset's learned head over the types seen in training, and over the whole vocabulary.

    Args:
        targets: The terms of the positions, and what is to be guessed there.
        vocabulary: How many types it has.
        subset: Of the terms.
        seed: Of the split and of what is learned.
        training: Of the heads; of all subsets, or by subset.

    Returns:
        Columns output, types, accuracy, cross_entropy; both over test targets of types seen.
    """
    split, each = targets.split(seed), trainings_for([subset], training)
    labels = targets.labels[split.test]
    seen = torch.isin(labels, targets.labels[split.train])

    def over_all(xs: Sequence[Tensor], trainings: Sequence[Training]) -> list[dict[str, Tensor]]:
        return masked_heads(xs, targets.labels, split, trainings, seed, torch.arange(vocabulary))

    name = f"{HEADS} over {vocabulary}"
    of_all = trained(over_all, name, targets.features, each, targets.labels, split, seed)[subset]
    of_seen = learned(targets, [subset], split, training, seed)[subset]
    types = len(targets.labels[split.train].unique())
    rows = [
        (output, size, (said["predicted"] == labels)[seen].double().mean().item(),
         cross_entropy(said["log_chance"][seen]))
        for output, size, said in (("types seen", types, of_seen), ("vocabulary", vocabulary, of_all))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["output", "types", "accuracy", "cross_entropy"])
