"""Reading altered embeddings by what was learned on intact ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dissect import reuse
from dissect.corpora import SenseCorpus
from dissect.experiments.controls import Task, of_answers
from dissect.experiments.masking import asked_text
from dissect.experiments.probes import Split
from dissect.experiments.units import Answers
from dissect.features import Features, batches, padded, word_targets
from dissect.memory import in_halves
from dissect.models import Loaded

WHOLE = "i+h+f+c"
Embed = Callable[..., Tensor]  # a batch -> (…, batch, tokens, hidden)


@dataclass(frozen=True)
class Text:
    """Sentences as token ids, and where in them the items of a task are.

    Attributes:
        ids: The sentences.
        targets: (sentence, positions) of each item, in the task's order.
    """

    ids: list[list[int]]
    targets: list[tuple[int, list[int]]]

    def of(self, items: Sequence[int]) -> "Text":
        """Only some of the items, and only the sentences that they are in."""
        targets = [self.targets[n] for n in items]
        place = {sentence: n for n, sentence in enumerate(sorted({sentence for sentence, _ in targets}))}
        return Text([self.ids[s] for s in place], [(place[s], positions) for s, positions in targets])


def masked_text(loaded: Loaded, sentences: Sequence[str], times: int, task: Task) -> Text:
    """Where the targets of `controls.masked_task` are, with the same arguments.

    Args:
        loaded: The model.
        sentences: The text.
        times: How often each was masked, or next words of it were drawn.
        task: That was made of them.
    """
    masked = asked_text(loaded, sentences, times=times, seed=0)
    targets = [(sentence, [position]) for sentence, position in masked.targets]
    return kept(masked.input_ids, targets, task)


def sense_text(loaded: Loaded, corpus: SenseCorpus, task: Task) -> Text:
    """Where the items of `controls.senses_task` are, with the same corpus.

    Args:
        loaded: The model.
        corpus: Sentences and items.
        task: That was made of them.
    """
    spans = [(item.sentence, item.start, item.end) for item in corpus.items]
    return kept(*word_targets(loaded, corpus.sentences, spans), task)


def kept(ids: list[list[int]], targets: Sequence[tuple[int, list[int]]], task: Task) -> Text:
    """Of all targets those whose terms the task has, in its order.

    Args:
        ids: The sentences.
        targets: (sentence, positions) of each.
        task: That was made of them.
    """
    return Text(ids, [targets[n] for n in task.items.features.kept.tolist()])


def in_batches(loaded: Loaded, text: Text) -> list[dict[str, Any]]:
    """The sentences as batches, on the model's device."""
    return [padded(loaded, [text.ids[n] for n in batch]) for batch in batches([len(row) for row in text.ids])]


@torch.no_grad()
def vectors_at(loaded: Loaded, text: Text, embed: Embed) -> Tensor:
    """Of each target the sum of the vectors at its positions.

    Args:
        loaded: The model.
        text: Sentences and targets.
        embed: A batch to vectors, (…, batch, tokens, hidden).

    Returns:
        (…, targets, hidden), float32, on the processor.
    """
    rows: dict[int, list[int]] = {}
    for row, (sentence, _) in enumerate(text.targets):
        rows.setdefault(sentence, []).append(row)

    def picked(chosen: list[int]) -> tuple[list[int], Tensor]:
        with reuse.timed("passes", tokens=sum(len(text.ids[s]) for s in chosen)):
            x = embed(**padded(loaded, [text.ids[s] for s in chosen]))
        places = [
            (row, b, position)
            for b, sentence in enumerate(chosen)
            for row in rows.get(sentence, [])
            for position in text.targets[row][1]
        ]
        of_row, b_at, t_at = (list(column) for column in zip(*places, strict=True))
        return of_row, x[..., b_at, t_at, :].float().cpu()

    sentences = sorted(rows)
    result: Tensor | None = None
    for batch in batches([len(text.ids[s]) for s in sentences]):
        for of_row, x in in_halves([sentences[b] for b in batch], picked):
            if result is None:
                result = torch.zeros(*x.shape[:-2], len(text.targets), x.shape[-1])
            result.index_add_(-2, torch.tensor(of_row), x)
    assert result is not None
    return result


class Given(Features):
    """Vectors that are no sum of terms: whatever the subset asked for, these."""

    def subset(self, name: str) -> Tensor:
        """The vectors, (items, hidden)."""
        return self.shards[0][0]


def read(task: Task, altered: Mapping[str, Tensor], seed: int) -> pd.DataFrame:
    """A task's scores where what reads them was learned on intact embeddings.

    The altered embeddings of the test items are put beside the intact ones of all items, and one predictor,
    which learns from the training items, is asked for them.

    Args:
        task: Items, predictors and split.
        altered: The embeddings of the test items by what was done to them, each (test items, hidden).
        seed: Of what predictors draw.

    Returns:
        Columns experiment, predictor, score, altered, seed, group, value.
    """
    return of_answers(task, answers(task, altered, seed), list(altered), seed, "altered")


def answers(task: Task, altered: Mapping[str, Tensor], seed: int) -> dict[str, list[Answers]]:
    """What each predictor says of altered embeddings, by predictor and in the order of `altered`.

    Args:
        task: Items, predictors and split.
        altered: The embeddings of the test items by what was done to them.
        seed: Of what predictors draw.
    """
    x = task.items.features.subset(WHOLE)
    test = task.split.test
    rows = torch.cat([torch.arange(len(x)), *(test for _ in altered)])
    vectors = Given([torch.cat([x, *altered.values()])[None]], torch.arange(len(rows)), 0)
    items = extended(task.items, rows, vectors)
    split = Split(task.split.train, task.split.dev, torch.arange(len(x), len(rows)))
    found: dict[str, list[Answers]] = {}
    for name, predict in task.predictors(items).items():
        said = predict(items, [WHOLE], split, seed=seed)[WHOLE]
        found[name] = [
            {key: of[n * len(test) : (n + 1) * len(test)] for key, of in said.items()}
            for n in range(len(altered))
        ]
    return found


def extended(items: Any, rows: Tensor, vectors: Features) -> Any:
    """Items whose labels are repeated.

    Args:
        items: Of a task.
        rows: The item that each of the new ones is.
        vectors: Theirs.
    """
    changes: dict[str, Any] = {}
    for field in fields(items):
        value = getattr(items, field.name)
        if isinstance(value, Tensor):
            changes[field.name] = value[rows]
        elif isinstance(value, list):
            changes[field.name] = [value[n] for n in rows.tolist()]
    return replace(items, **changes, features=vectors)
