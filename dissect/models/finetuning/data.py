"""What a sibling begins as and learns from: a model with its head, tokens with labels, and what pads them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    AutoModelForMaskedLM,
    DataCollatorForLanguageModeling,
    DataCollatorForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from dissect.corpora import TaggedSentence, rest_of_text, tuning
from dissect.decomposition import longest_input
from dissect.errors import DissectError
from dissect.models.finetuning.recipe import Recipe
from dissect.models.heads import AFTERWARDS, MARK, tagging
from dissect.models.loading import _from_pretrained, load
from dissect.progress import note

IGNORED = -100  # the label of a position that has no part in the loss
Made = tuple[PreTrainedModel, list[dict], Any]  # a model, what it learns from, and what pads that


def tagger(name: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Made:
    """The model with a new head for tags, the sentences with their tags, and what pads them.

    Args:
        name: The model's.
        recipe: How it is trained, and on what.
        tokenizer: The model's.
    """
    sentences = tuning(recipe.corpus, recipe.limit, recipe.seed)
    tags = sorted({tag for sentence in sentences for tag in sentence.tags})
    model = _from_pretrained(
        tagging(load(name, "cpu").model), name, recipe.seed, num_labels=len(tags),
        id2label=dict(enumerate(tags)), label2id={tag: n for n, tag in enumerate(tags)},
    )  # fmt: skip
    examples = encode_all(tokenizer, sentences, tags, longest_input(model))
    return model, examples, DataCollatorForTokenClassification(tokenizer, label_pad_token_id=IGNORED)


def guesser(name: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Made:
    """The model with its head for masked words or a new one, sentences, and what masks them.

    They are masked anew in each epoch.

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
    sentences = rest_of_text(recipe.corpus, recipe.limit, recipe.seed)
    encoded = [
        tokenizer(sentence, truncation=True, max_length=longest_input(model)) for sentence in sentences
    ]
    if cut := sum(bool(one.encodings[0].overflowing) for one in encoded):
        note(f"the ends of {cut} of {len(encoded)} sentences are cut off: they are too long for the model")
    examples = [{"input_ids": one["input_ids"]} for one in encoded]
    return model, examples, DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)


def encode_all(
    tokenizer: PreTrainedTokenizerBase, sentences: Sequence[TaggedSentence], tags: list[str], longest: int
) -> list[dict[str, list[int]]]:
    """What `encode` makes of the sentences; says how many words have no label there, and why.

    Args:
        tokenizer: The model's.
        sentences: With their tags.
        tags: All tags, by number.
        longest: So many tokens at most.

    Raises:
        DissectError: Most words have none.
    """
    encoded = [encode(tokenizer, sentence, tags, longest) for sentence in sentences]
    lost = Counter(why for _, reasons in encoded for why in reasons)
    words = sum(len(sentence.words) for sentence in sentences)
    if lost:
        said = f"of {words} words {', '.join(f'{many} {why}' for why, many in lost.items())}"
        if lost.total() > words / 2:
            raise DissectError(
                f"most words would have no label: {said}; give shorter sentences, or a model for their script"
            )
        note(f"words without a label: {said}")
    return [row for row, _ in encoded]


def encode(
    tokenizer: PreTrainedTokenizerBase, sentence: TaggedSentence, tags: list[str], longest: int
) -> tuple[dict[str, list[int]], list[str]]:
    """Token ids and labels, and for each word without a label the reason why.

    A word's label, the number of its tag, is at its first piece: the first that overlaps with it in
    characters and is not that of a word before it.

    Args:
        tokenizer: The model's.
        sentence: With its tags.
        tags: All tags, by number.
        longest: So many tokens at most.
    """
    encoded = tokenizer(sentence.text, return_offsets_mapping=True, truncation=True, max_length=longest)
    labels, lost = [IGNORED] * len(encoded["input_ids"]), []
    cut = [piece for part in encoded.encodings[0].overflowing for piece in part.offsets]
    for span, tag in zip(sentence.spans(), sentence.tags, strict=True):
        pieces = overlapping(encoded["offset_mapping"], span)
        free = [n for n in pieces if labels[n] == IGNORED]
        if free:
            labels[free[0]] = tags.index(tag)
        elif pieces:
            lost.append("share a piece with the word before them")
        else:
            lost.append("are cut off" if overlapping(cut, span) else "have no piece")
    return {"input_ids": encoded["input_ids"], "labels": labels}, lost


def overlapping(pieces: Sequence[tuple[int, int]], span: tuple[int, int]) -> list[int]:
    """The places of the pieces that share a character with the span."""
    return [n for n, (a, b) in enumerate(pieces) if max(a, span[0]) < min(b, span[1])]


def guessing(examples: Sequence[dict]) -> float:
    """The mean loss, in nats, of who knows nothing but how frequent each label is."""
    labels = torch.tensor([label for example in examples for label in example["labels"] if label != IGNORED])
    return torch.special.entr(labels.bincount() / len(labels)).sum().item()
