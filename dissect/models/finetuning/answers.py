"""Answers in passages: windows on a passage, the answer's place in each, and the place that a model says."""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerBase

from dissect.corpora import Question
from dissect.decomposition import longest_input
from dissect.errors import DissectError
from dissect.models.finetuning import scores
from dissect.models.finetuning.data import Made, of_recipe, outputs, overlapping, parted
from dissect.models.finetuning.recipe import Recipe
from dissect.models.heads import answering, sees_ahead
from dissect.models.loading import _from_pretrained, load
from dissect.models.vocabulary import tell_uncovered
from dissect.progress import note

LONGEST, SHARED = 384, 128  # tokens of a window, and of a passage those in two windows (Devlin et al. 2019)
ANSWER = 30  # tokens of an answer at most, as in SQuAD's baselines


@dataclass(frozen=True)
class Window:
    """A question with as much of its passage as the model takes at once.

    Attributes:
        inputs: Token ids, and what else the model takes.
        places: Of the tokens that are of the passage.
        offsets: Which characters of the passage each of those stands for.
        covers: The characters of the passage between its first token and its last.
        nothing: The place that says that there is no answer.
    """

    inputs: dict[str, list[int]]
    places: list[int]
    offsets: list[tuple[int, int]]
    covers: tuple[int, int]
    nothing: int

    def answer(self, start: int, end: int) -> tuple[int, int]:
        """The places of the first and last token of a passage's characters; of none where not all are here.

        Args:
            start: The first character.
            end: The first character after them.
        """
        pieces = overlapping(self.offsets, (start, end))
        if not pieces or start < self.covers[0] or end > self.covers[1]:
            return self.nothing, self.nothing
        return self.places[pieces[0]], self.places[pieces[-1]]


class Reader:
    """A model with a head for answers, and how it is given questions.

    A model that sees ahead says at the first token that there is no answer; a decoder, which has seen
    nothing there, at the last.

    Args:
        model: With its head.
        tokenizer: The model's.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase):
        self.model, self.tokenizer = model, tokenizer
        self.longest = min(longest_input(model), LONGEST)
        self.first = sees_ahead(model)
        named = "token_type_ids" in signature(model.forward).parameters
        self.segments = named and getattr(model.config, "type_vocab_size", 0) > 1
        self.collator = DataCollatorWithPadding(tokenizer)

    def windows(self, question: Question) -> list[Window]:
        """All windows on a question's passage, each of which shares a part with the one before it.

        Raises:
            DissectError: The model takes so few tokens that there is no room for a passage.
        """
        asked = self.shortened(question.question)
        of_question = len(self.tokenizer(asked, add_special_tokens=False)["input_ids"])
        room = self.longest - of_question - self.tokenizer.num_special_tokens_to_add(pair=True)
        if room < 2:
            raise DissectError(f"the model takes {self.longest} tokens, too few for a question and a passage")
        encoded = self.tokenizer(
            asked, question.passage, truncation="only_second", max_length=self.longest,
            stride=min(SHARED, room // 3), return_overflowing_tokens=True,
        )  # fmt: skip
        found = []
        for n, one in enumerate(encoded.encodings):
            places = [place for place, of in enumerate(one.sequence_ids) if of == 1]
            offsets = [one.offsets[place] for place in places]
            begin = offsets[0][0] if n > 0 else 0
            end = offsets[-1][1] if n + 1 < len(encoded.encodings) else len(question.passage)
            inputs = {"input_ids": one.ids}
            inputs |= {"token_type_ids": one.type_ids} if self.segments else {}
            nothing = 0 if self.first else len(one.ids) - 1
            found.append(Window(inputs, places, offsets, (begin, end), nothing))
        return found

    def shortened(self, question: str) -> str:
        """A question without its end, where it would take more than half of a window."""
        offsets = self.tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)
        half = offsets["offset_mapping"][: self.longest // 2]
        return question[: half[-1][1]] if half else question

    def examples(self, questions: Sequence[Question]) -> list[dict]:
        """What a model learns from: windows, each with the first and last place of the first answer in it."""
        rows, lost = [], 0
        for question in questions:
            windows = self.windows(question)
            spans = [(window.nothing, window.nothing) for window in windows]
            if question.answers:
                start = question.starts[0]
                spans = [window.answer(start, start + len(question.answers[0])) for window in windows]
                if all(span[0] == window.nothing for span, window in zip(spans, windows, strict=True)):
                    lost += 1
                    continue
            rows += [w.inputs | {"labels": list(span)} for w, span in zip(windows, spans, strict=True)]
        if lost:
            note(f"of {len(questions)} questions {lost} are left out: their answer is whole in no window")
        return rows

    def answers(self, questions: Sequence[Question], abstain: bool) -> list[str]:
        """What a model answers to each question: the likeliest part of the passage, over all windows.

        Args:
            questions: To be answered.
            abstain: Whether it may say that there is no answer, "": where that is likelier in each window
                than any part of it. SQuAD's first version has no such questions.
        """
        windows = [(n, window) for n, question in enumerate(questions) for window in self.windows(question)]
        logits = outputs(
            self.model, self.tokenizer, [window.inputs for _, window in windows],
            lambda out: torch.stack([out.start_logits, out.end_logits], -1),
        )  # fmt: skip
        best: dict[int, tuple[float, str]] = {}
        none: dict[int, float] = {}
        for (n, window), of in zip(windows, logits, strict=True):
            score, first, last = likeliest(of[window.places])
            text = questions[n].passage[window.offsets[first][0] : window.offsets[last][1]].strip()
            best[n] = max(best.get(n, (float("-inf"), "")), (score, text))
            none[n] = min(none.get(n, float("inf")), of[window.nothing].sum().item())
        return ["" if abstain and none[n] >= best[n][0] else best[n][1] for n in range(len(questions))]


def likeliest(logits: Tensor) -> tuple[float, int, int]:
    """The highest sum of a start and an end that is not before it, nor too far behind; and the two places.

    Args:
        logits: Of start and end, (tokens, 2).
    """
    sums = logits[:, :1] + logits[:, 1]
    allowed = torch.ones_like(sums, dtype=torch.bool).triu().tril(ANSWER - 1)
    place = sums.masked_fill(~allowed, float("-inf")).argmax().item()
    first, last = divmod(int(place), len(sums))
    return sums[first, last].item(), first, last


def answerer(name: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Made:
    """The model with a new head for answers, windows with their answers' places, and what pads them.

    Args:
        name: The model's.
        recipe: How it is trained, and on what.
        tokenizer: The model's.
    """
    questions = of_recipe(recipe)
    tell_uncovered(tokenizer, recipe.corpus, [question.text for question in questions])
    model = _from_pretrained(answering(load(name, "cpu").model), name, recipe.seed, num_labels=2)
    reader = Reader(model, tokenizer)
    learned, held_out = parted(questions, lambda question: question.passage)
    abstain = not all(question.answers for question in questions)

    def score() -> dict[str, float]:
        return scores.of_answers(held_out, reader.answers(held_out, abstain))

    examples: list[dict[str, Any]] = reader.examples(learned)
    return Made(model, examples, reader.collator, len(learned), len(held_out), score if held_out else dict)
