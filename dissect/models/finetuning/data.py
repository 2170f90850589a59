"""What a sibling begins as and learns from: a model with its head, tokens with labels, and what pads them."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from transformers import (
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from dissect.corpora import TaggedSentence, questions, rest_of_text, tags, tuning
from dissect.decomposition import longest_input
from dissect.errors import DissectError
from dissect.memory import in_halves
from dissect.models.finetuning import scores
from dissect.models.finetuning.recipe import Recipe
from dissect.models.heads import tagging
from dissect.models.loading import _from_pretrained, load
from dissect.models.vocabulary import tell_uncovered
from dissect.progress import note

IGNORED = -100  # the label of a position that has no part in the loss
HELD_OUT = 0.1  # of the sentences or questions, for the score on the card
DRAW = 0  # the seed of what is trained on, the same for siblings of all seeds
AT_ONCE = 32  # sentences or windows that are scored together
T = TypeVar("T")


@dataclass
class Made:
    """What a training begins with.

    Attributes:
        model: With its head.
        examples: What it learns from: token ids and labels.
        collator: What pads them to a batch.
        many: Sentences or questions that the examples come from.
        held_out: How many more there are that it does not learn from.
        score: What it scores on those, by name, once it is trained.
    """

    model: PreTrainedModel
    examples: list[dict]
    collator: Any
    many: int
    held_out: int = 0
    score: Callable[[], dict[str, float]] = dict


def tagger(name: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Made:
    """The model with a new head for tags, the sentences with their tags, and what pads them.

    Args:
        name: The model's.
        recipe: How it is trained, and on what.
        tokenizer: The model's.
    """
    sentences = of_recipe(recipe)
    tell_uncovered(tokenizer, recipe.corpus, [sentence.text for sentence in sentences])
    names = sorted({tag for sentence in sentences for tag in sentence.tags if tag})
    if len(names) < 2:
        raise DissectError(
            f"all words of {recipe.corpus} have one tag: give another corpus or --column, or more sentences"
        )
    model = _from_pretrained(
        tagging(load(name, "cpu").model), name, recipe.seed, num_labels=len(names),
        id2label=dict(enumerate(names)), label2id={tag: n for n, tag in enumerate(names)},
    )  # fmt: skip
    longest = longest_input(model)
    learned, held_out = parted(sentences, whole(sentences))
    collator = DataCollatorForTokenClassification(tokenizer, label_pad_token_id=IGNORED)

    def score() -> dict[str, float]:
        right = [sentence.tags for sentence in held_out]
        said = said_tags(model, collator, held_out, names, longest)
        return scores.of_entities(right, said) if recipe.task == "ner" else scores.of_tags(right, said)

    examples = encode_all(tokenizer, learned, names, longest)
    return Made(model, examples, collator, len(learned), len(held_out), score if held_out else dict)


def of_recipe(recipe: Recipe) -> list:
    """The sentences or questions that a recipe names."""
    of_columns: dict[str, Callable[..., list]] = {"ner": tuning, "tags": tags}
    if read := of_columns.get(recipe.task):
        return read(recipe.corpus, recipe.limit, DRAW, recipe.column, recipe.word_column)
    if recipe.column or recipe.word_column:
        raise DissectError(f"only ner and tags are read from columns: name none with --task {recipe.task}")
    others: dict[str, Callable[..., list]] = {"qa": questions, "mlm": rest_of_text}
    return others[recipe.task](recipe.corpus, recipe.limit, DRAW)


def whole(sentences: Sequence[TaggedSentence]) -> Callable[[TaggedSentence], str]:
    """What `parted` keeps together of a corpus: a document where it has ten or more, else a sentence."""
    documents = {sentence.document for sentence in sentences}
    return lambda sentence: sentence.document if len(documents) >= 10 else sentence.text


def parted(items: Sequence[T], of: Callable[[T], str]) -> tuple[list[T], list[T]]:
    """Those to learn from, and those that are held out: a tenth or a little more, drawn at random.

    What has one text, as the questions on a passage or a sentence that comes twice, stays together. Of
    fewer than ten items, or of one text, nothing is held out.

    Args:
        items: All there are.
        of: The text that one belongs to.
    """
    many = Counter(map(of, items))
    texts = list(many)
    random.Random(DRAW).shuffle(texts)
    wanted = int(HELD_OUT * len(items))
    out: set[str] = set()
    for text in texts[1:]:
        if sum(many[one] for one in out) >= wanted:
            break
        out.add(text)
    return [item for item in items if of(item) not in out], [item for item in items if of(item) in out]


def encode_all(
    tokenizer: PreTrainedTokenizerBase, sentences: Sequence[TaggedSentence], names: list[str], longest: int
) -> list[dict[str, list[int]]]:
    """What `encode` makes of the sentences; says how many words have no label there, and why.

    Args:
        tokenizer: The model's.
        sentences: With their tags.
        names: All tags, by number.
        longest: So many tokens at most.

    Raises:
        DissectError: Most words have none.
    """
    encoded = [encode(tokenizer, sentence, names, longest) for sentence in sentences]
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
    tokenizer: PreTrainedTokenizerBase, sentence: TaggedSentence, names: list[str], longest: int
) -> tuple[dict[str, list[int]], list[str]]:
    """Token ids and labels, and for each word without a label the reason why.

    A word's label, the number of its tag, is at its first piece; a word with the tag "" has none.

    Args:
        tokenizer: The model's.
        sentence: With its tags.
        names: All tags, by number.
        longest: So many tokens at most.
    """
    ids, places = first_pieces(tokenizer, sentence, longest)
    labels, lost = [IGNORED] * len(ids), []
    for place, tag in zip(places, sentence.tags, strict=True):
        if isinstance(place, str):
            lost.append(place)
        elif tag:
            labels[place] = names.index(tag)
    return {"input_ids": ids, "labels": labels}, lost


def first_pieces(
    tokenizer: PreTrainedTokenizerBase, sentence: TaggedSentence, longest: int
) -> tuple[list[int], list[int | str]]:
    """Token ids, and of each word the place of its first piece, or in words why it has none.

    It is the first that overlaps with the word in characters and is not that of a word before it.

    Args:
        tokenizer: The model's.
        sentence: Its words.
        longest: So many tokens at most.
    """
    encoded = tokenizer(sentence.text, return_offsets_mapping=True, truncation=True, max_length=longest)
    cut = [piece for part in encoded.encodings[0].overflowing for piece in part.offsets]
    taken: set[int] = set()
    places: list[int | str] = []
    for span in sentence.spans():
        pieces = overlapping(encoded["offset_mapping"], span)
        free = [n for n in pieces if n not in taken]
        if free:
            taken.add(free[0])
            places.append(free[0])
        elif pieces:
            places.append("share a piece with the word before them")
        else:
            places.append("are cut off" if overlapping(cut, span) else "have no piece")
    return encoded["input_ids"], places


def overlapping(pieces: Sequence[tuple[int, int]], span: tuple[int, int]) -> list[int]:
    """The places of the pieces that share a character with the span."""
    return [n for n, (a, b) in enumerate(pieces) if max(a, span[0]) < min(b, span[1])]


def said_tags(
    model: PreTrainedModel, collator: Any, sentences: Sequence[TaggedSentence], names: list[str], longest: int
) -> list[list[str]]:
    """The tags that a model says, word by word; a word without a piece of its own gets O.

    Args:
        model: With its head.
        collator: Makes a batch.
        sentences: Their words.
        names: All tags, by number.
        longest: So many tokens at most.
    """
    pieces = [first_pieces(collator.tokenizer, sentence, longest) for sentence in sentences]
    rows = [{"input_ids": ids} for ids, _ in pieces]
    logits = outputs(model, collator.tokenizer, rows, lambda out: out.logits)
    return [
        [names[int(row[place].argmax())] if isinstance(place, int) else "O" for place in places]
        for row, (_, places) in zip(logits, pieces, strict=True)
    ]


@torch.no_grad()
def outputs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[dict],
    of: Callable[[Any], Tensor],
) -> list[Tensor]:
    """What a model says of each row, (tokens, ...) with its padding, on the processor.

    Args:
        model: With its head.
        tokenizer: The model's.
        rows: Token ids, and what else the model takes.
        of: Takes what is wanted, (batch, tokens, ...), from the output of the model.
    """
    model.eval()
    pad = DataCollatorWithPadding(tokenizer)
    order = sorted(range(len(rows)), key=lambda n: len(rows[n]["input_ids"]))
    found: list[Tensor] = []

    def said(places: list[int]) -> Tensor:
        batch = pad([rows[n] for n in places])
        return of(model(**{name: value.to(model.device) for name, value in batch.items()})).float().cpu()

    for start in range(0, len(order), AT_ONCE):
        for some in in_halves(order[start : start + AT_ONCE], said):
            found += some
    return [found[place] for place in torch.tensor(order).argsort().tolist()]


def guessing(examples: Sequence[dict]) -> float:
    """The mean loss, in nats, of who knows nothing but how frequent each label is."""
    labels = torch.tensor([label for example in examples for label in example["labels"] if label != IGNORED])
    return torch.special.entr(labels.bincount() / len(labels)).sum().item()
