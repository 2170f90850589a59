"""Learning to guess masked words: what masks them, and how many a head guesses in text that it never saw."""

import random
from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import (
    AutoModelForMaskedLM,
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from dissect.decomposition import longest_input
from dissect.errors import DissectError
from dissect.models.finetuning import scores
from dissect.models.finetuning.data import AT_ONCE, DRAW, IGNORED, Made, of_recipe, outputs, parted
from dissect.models.finetuning.recipe import Recipe
from dissect.models.heads import AFTERWARDS, MARK, after_embedding
from dissect.models.loading import _from_pretrained
from dissect.models.vocabulary import tell_uncovered
from dissect.progress import note

POSITIONS = 128  # that a head is asked for together; it has a logit for each of some 250,000 word pieces


def guesser(name: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Made:
    """The model with its head for masked words or a new one, sentences, and what masks them.

    They are masked anew in each epoch; those that are held out are masked once, and the same for all.

    Args:
        name: The model's.
        recipe: How it is trained, and on what.
        tokenizer: The model's.
    """
    try:
        model = _from_pretrained(AutoModelForMaskedLM, name, recipe.seed)
    except ValueError:
        raise DissectError(f"{name!r} is of a family that has no head for masked words") from None
    setattr(model.config, MARK, AFTERWARDS)
    sentences = of_recipe(recipe)
    tell_uncovered(tokenizer, recipe.corpus, sentences)
    encoded = [
        tokenizer(sentence, truncation=True, max_length=longest_input(model)) for sentence in sentences
    ]
    if cut := sum(bool(one.encodings[0].overflowing) for one in encoded):
        note(f"the ends of {cut} of {len(encoded)} sentences are cut off: they are too long for the model")
    rows = [(sentence, one["input_ids"]) for sentence, one in zip(sentences, encoded, strict=True)]
    learned, held_out = parted(rows, lambda row: row[0])
    examples = [{"input_ids": ids} for _, ids in learned]

    def score() -> dict[str, float]:
        return score_of(model, tokenizer, [ids for _, ids in held_out])

    return Made(
        model, examples, Masking(tokenizer, recipe.seed), len(examples), len(held_out),
        score if held_out else dict,
    )  # fmt: skip


class Masking:
    """Masks and pads batches, each by random numbers of its own.

    So a training that was interrupted goes on with the same masked words as if it had not been.

    Attributes:
        batches: How many have come.

    Args:
        tokenizer: The model's.
        seed: Of the training.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, seed: int):
        self.tokenizer, self.seed, self.batches = tokenizer, seed, 0
        self.collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)

    def __call__(self, examples: list[dict]) -> Any:
        """A batch, masked.

        Args:
            examples: With their token ids.
        """
        drawn = random.Random(f"{self.seed} {self.batches}").getrandbits(63)
        self.collator.generator = torch.Generator().manual_seed(drawn)
        self.batches += 1
        return self.collator(examples)


@torch.no_grad()
def score_of(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[list[int]]
) -> dict[str, float]:
    """What a model scores on masked words of sentences; see `scores.of_guesses`.

    Args:
        model: With its head.
        tokenizer: The model's.
        sentences: Their token ids.
    """
    model.eval()
    found: list[tuple[Tensor, ...]] = []
    for hidden, right, masked in asked(model, tokenizer, sentences):
        logits = after_embedding(model, hidden.to(model.device, model.dtype)).float().cpu()
        found.append((right, logits.argmax(-1), F.cross_entropy(logits, right, reduction="none"), masked))
    return scores.of_guesses(*map(torch.cat, zip(*found, strict=True)))


def asked(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[list[int]]
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Of the positions that are masked in sentences, some at a time: what a head reads, and what is right.

    Args:
        model: With its head.
        tokenizer: The model's.
        sentences: Their token ids.

    Yields:
        Embeddings, (positions, width), the pieces that stood there, and whether the mask stands there now.
    """
    mask, base = Masking(tokenizer, DRAW), cast(Any, model.base_model)
    for start in range(0, len(sentences), AT_ONCE):
        some = sentences[start : start + AT_ONCE]
        batch = mask([{"input_ids": ids} for ids in some])
        places = [(labels != IGNORED).nonzero()[:, 0] for labels in batch["labels"]]
        rows = [{"input_ids": ids[: len(of)]} for ids, of in zip(batch["input_ids"], some, strict=True)]
        states = outputs(base, tokenizer, rows, lambda out: out.last_hidden_state)
        hidden, ids, labels = (
            torch.cat([of[at] for of, at in zip(part, places, strict=True)])
            for part in (states, batch["input_ids"], batch["labels"])
        )
        masked = ids == tokenizer.mask_token_id
        yield from zip(*(part.split(POSITIONS) for part in (hidden, labels, masked)), strict=True)
