"""Questions on passages, in SQuAD's own format, versions 1 and 2 (Rajpurkar et al. 2016, 2018)."""

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr, ValidationError

from dissect.corpora.files import cache, data_folder
from dissect.corpora.teaching import FOLDER
from dissect.errors import DissectError, MissingCorpus

SQUAD = ("squad/train-v2.0.json", "squad/train-v1.1.json")  # in the data folder; the first that is there
HOME = "https://rajpurkar.github.io/SQuAD-explorer"


@dataclass(frozen=True)
class Question:
    """A question on a passage.

    Attributes:
        name: Its id in the file.
        passage: The text with the answer.
        answers: All answers that count as right; none where the passage has no answer.
        starts: Where in the passage each answer begins, in characters.
    """

    name: str
    question: str
    passage: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]

    @property
    def text(self) -> str:
        """The question and its passage, parted by a blank."""
        return f"{self.question} {self.passage}"


class _Answer(BaseModel):
    text: Annotated[StrictStr, Field(min_length=1)]
    answer_start: Annotated[StrictInt, Field(ge=0)]


class _Asked(BaseModel):
    id: StrictStr
    question: StrictStr
    answers: list[_Answer] = []
    is_impossible: StrictBool = False


class _Paragraph(BaseModel):
    context: StrictStr
    qas: list[_Asked]


class _Article(BaseModel):
    paragraphs: list[_Paragraph]


class _File(BaseModel):
    data: list[_Article]


def teaching() -> list[Question]:
    """Questions written for this project on passages written for it, CC0; about a quarter has no answer."""
    return read_squad(FOLDER / "questions.json")


def at_hand() -> Path | None:
    """The training part of SQuAD, version 2 or else 1, in the data folder or the cache; None: in neither.

    Raises:
        MissingCorpus: The data folder does not exist.
    """
    places = [folder / name for name in SQUAD for folder in (data_folder(), cache() / "data")]
    return next((place for place in places if place.is_file()), None)


def required() -> Path:
    """The training part of SQuAD. Raises `MissingCorpus` where it is not at hand."""
    if place := at_hand():
        return place
    raise MissingCorpus(
        f"{SQUAD[0]} is not in the data folder {data_folder()}: get it from {HOME} and put it there, set "
        "DISSECT_DATA (--data) to a folder that has it, or take the corpus teaching"
    )


def read_squad(path: Path) -> list[Question]:
    """The questions of a file in SQuAD's format.

    Raises:
        MissingCorpus: The file is absent.
        DissectError: It is not in that format, an answer is not where it is said to be, or a question says
            both that it has an answer and that it has none.
    """
    try:
        read = _File.model_validate_json(path.read_bytes())
    except OSError:
        raise MissingCorpus(f"no questions in {path}: give a file in SQuAD's JSON format") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))  # numbers, and names that are ours
        raise DissectError(
            f"{path} is damaged or not in SQuAD's JSON format ({place or 'the whole'}: {first['msg']}): "
            "mend it or fetch it again"
        ) from None
    questions = [
        _checked(path, paragraph.context, asked)
        for article in read.data
        for paragraph in article.paragraphs
        for asked in paragraph.qas
    ]
    if not questions:
        raise DissectError(f"{path} has no questions: give a file in SQuAD's JSON format with some")
    name, times = Counter(question.name for question in questions).most_common(1)[0]
    if times > 1:
        raise DissectError(f"{path} has {times} questions with the id {name!r}: give each its own")
    return questions


def _checked(path: Path, passage: str, asked: _Asked) -> Question:
    for answer in asked.answers:
        found = passage[answer.answer_start : answer.answer_start + len(answer.text)]
        if found != answer.text:
            raise DissectError(
                f"{path}, question {asked.id!r}: the passage has {found[:40]!r} at character "
                f"{answer.answer_start}, not the answer {answer.text[:40]!r}; mend its answer_start"
            )
    if asked.is_impossible == bool(asked.answers):
        has = "has answers and is_impossible" if asked.answers else "has no answer and is not is_impossible"
        raise DissectError(f"{path}, question {asked.id!r}: it {has}; mend one of the two")
    answers = tuple(answer.text for answer in asked.answers)
    starts = tuple(answer.answer_start for answer in asked.answers)
    return Question(asked.id, asked.question.strip(), passage, answers, starts)


def by_passage(questions: list[Question], limit: int | None, seed: int) -> list[Question]:
    """At most so many questions, on passages drawn at random: all of a passage, but for the last one's.

    Args:
        questions: To draw from.
        limit: How many at most; None keeps all, in their order.
        seed: Of the draw.

    Raises:
        DissectError: `limit` leaves none.
    """
    if limit is None or limit >= len(questions):
        return questions
    if limit < 1:
        raise DissectError(f"limit={limit} leaves no question: give 1 or more")
    passages: dict[str, list[Question]] = {}
    for question in questions:
        passages.setdefault(question.passage, []).append(question)
    order = list(passages)
    random.Random(seed).shuffle(order)
    return [question for passage in order for question in passages[passage]][:limit]
