"""What a run is told: its settings, and what each chapter makes of them."""

import os
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dissect.corpora import KINDS, NAMES, squad_at_hand
from dissect.errors import DissectError
from dissect.files import relative
from dissect.models import MASKED, Loaded, guesses
from dissect.runs.chapters import CHAPTERS, by_default
from dissect.runs.typed import Line
from dissect.runs.unread import refuse_unread

FEW = 2000  # sentences; fewer are masked several times, to have targets enough
OF_COLUMNS = ("entities", "tuning")  # kinds of corpora that are files of columns
LEARNED = {"ner": "tuning", "tags": "tags", "qa": "questions", "mlm": "text"}  # by task, a kind of corpus
Positive = Annotated[int, Field(ge=1, le=10**9)]


@dataclass(frozen=True)
class Profile:
    """Which corpora a run takes, and how much is done with them.

    Attributes:
        sentences: Of text, drawn at random.
        limits: Of chapters that read fewer sentences than that, or of another corpus not all.
        times: How often a sentence is masked.
        vocabulary: Whether masked words are also told by a head over the whole vocabulary.
        seeds: How many runs of each probe.
        seeds_of_entities: The same of named entities, of which there may be few.
        tuned: What the model is compared with; none: siblings of it are tuned.
        siblings: Those, by task; a task named again is learned with another seed.
        few: Of the sentences or questions that a task is learned from, so many at most.
    """

    text: str
    senses: str
    entities: str
    tuning: str
    tags: str
    questions: str
    sentences: int | None
    limits: Mapping[str, int]
    times: int
    vocabulary: bool
    seeds: int
    seeds_of_entities: int
    model: str
    tuned: tuple[str, ...]
    siblings: tuple[str, ...]
    few: Mapping[str, int]


PROFILES = {
    "teach": Profile(
        "teaching", "teaching", "teaching", "teaching", "semcor", "teaching", None, {}, 2, False, 5, 5,
        "minilm", (), ("ner", "ner"), {"tags": 2000},
    ),
    "small": Profile(
        "teaching", "teaching", "teaching", "teaching", "semcor", "teaching", None,
        {"1-derivation": 500, "2-visualisation": 150, "5-ner": 150}, 2, False, 2, 2,
        "minilm", (), ("ner",), {"ner": 150, "tags": 500},
    ),
    "paper": Profile(
        "europarl", "semcor", "wnut16", "wikigold", "semcor", "squad", 10_000, {}, 1, True, 5, 10,
        "bert-base-uncased", ("dslim/bert-base-NER-uncased", "twmkn9/bert-base-uncased-squad2"),
        ("ner", "ner", "ner", "tags", "qa", "mlm"), {"tags": 10_000, "qa": 20_000},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Sibling:
    """A fine-tuned copy that a run makes; see `tuned_sibling`.

    Attributes:
        limit: So many sentences or questions at most.
    """

    task: str
    corpus: str
    limit: int | None
    seed: int


class Settings(BaseModel):
    """The options of `dissect run`. Raises `DissectError` through `settings_from`.

    Attributes:
        model: By default the profile's, with its fine-tuned kin.
        siblings: The tasks that copies of the model are tuned on, where `tuned` names none; in place of the
            profile's. One that is named again is learned with another seed.
        text: For chapters 1 to 3, in place of the profile's; this and the others are names, files or folders.
        senses: Word senses for chapter 4.
        entities: Named entities for chapter 5.
        tuning: Named entities that copies are tuned on.
        questions: What answers are learned from: "teaching", "squad" or a file of SQuAD's format.
        tag_column: Of one's own entities, the number of the column that tags are in, from 1.
        word_column: Of the same, that of the column that words are in.
        head: Whose head for masked or next words chapters 3 and 8 read with; by default the model's.
        sections: Chapters by number; by default all, but only the profile "paper" has those that take long.
        precision: Of the products of matrices with which probes are trained; bfloat16 is faster on processors
            and accelerators that have it.
        device: "cpu", "cuda", …; by default the accelerator that torch finds.
        jobs: Chapters run side by side, each with its share of the cores.
        cluster: Workers that terms and probes are made by: "local:N", the address of a Dask scheduler, or a
            YAML file of a queue.
        data: The folder of corpora that are plain files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "default"
    profile: Literal["teach", "small", "paper"] = "teach"
    model: Line
    tuned: tuple[Line, ...] = ()
    siblings: tuple[Literal["ner", "tags", "qa", "mlm"], ...] | None = None
    text: Line | None = None
    senses: Line | None = None
    entities: Line | None = None
    tuning: Line | None = None
    questions: Line | None = None
    tag_column: Positive | None = None
    word_column: Positive | None = None
    head: Line | None = None
    sections: Annotated[tuple[Annotated[int, Field(ge=1, le=len(CHAPTERS))], ...], Field(min_length=1)] = (
        tuple(range(1, len(CHAPTERS) + 1))
    )
    seeds: Positive | None = None
    limit: Positive | None = None
    trials: Annotated[int, Field(ge=0, le=10**9)] = 0
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    device: Line | None = None
    jobs: Positive = 1
    cluster: Line | None = None
    data: Line | None = None

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, options: Any) -> Any:
        return renamed(options) if isinstance(options, dict) else options

    @model_validator(mode="before")
    @classmethod
    def _models(cls, options: Any) -> Any:
        if not isinstance(options, dict):
            return options
        named = str(options.get("profile", "teach"))
        options = {"sections": by_default(named), **options}
        profile = PROFILES.get(named)
        if profile is None or "model" in options:
            return options
        tuned = {} if options.get("siblings") else {"tuned": profile.tuned}
        return {**tuned, **options, "model": profile.model}

    @field_validator("sections", "siblings", mode="before")
    @classmethod
    def _listed(cls, listed: Any) -> Any:
        """ "2,4" or 2, as well as a list."""
        return re.split(r"\s*,\s*", str(listed)) if isinstance(listed, str | int) else listed

    @field_validator("siblings")
    @classmethod
    def _first(cls, siblings: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if siblings is not None and "ner" not in siblings:
            raise ValueError("name ner among them, which chapter 5 reads, as in ner,qa")
        return siblings

    @model_validator(mode="after")
    def _either(self) -> "Settings":
        if self.tuned and self.siblings:
            raise ValueError("--tuned names the models to compare with: leave --siblings out, or --tuned")
        return self

    @field_validator("tuned", mode="before")
    @classmethod
    def _several(cls, tuned: Any) -> Any:
        return (tuned,) if isinstance(tuned, str) else tuned

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise ValueError("a run's name is made of letters, digits, '.', '_' and '-', 100 at most")
        return name

    def chapters(self) -> list[str]:
        """The chapters to run, in the book's order."""
        return [name for n, name in enumerate(CHAPTERS, start=1) if n in self.sections]

    def corpora(self) -> dict[str, str]:
        """The corpora that the chapters read, by kind: each a name or a path."""
        chapters = [CHAPTERS[name] for name in self.chapters()]
        read = {kind for chapter in chapters for kind in (chapter.corpus, *chapter.beside)}
        read |= {LEARNED[one.task] for one in self.to_tune()}
        return {kind: name for kind, name in self.named().items() if kind in read}

    def named(self) -> dict[str, str]:
        """The corpus of each kind: the one that is given, or the profile's."""
        profile = PROFILES[self.profile]
        return {kind: getattr(self, kind, None) or getattr(profile, kind) for kind in KINDS}

    def columns(self, kind: str) -> dict[str, int | None]:
        """The columns that are named of a kind of corpus, for its reader; {} but of one's own entities."""
        own = kind in OF_COLUMNS and self.named()[kind] not in NAMES
        return {"column": self.tag_column, "word_column": self.word_column} if own else {}

    def to_tune(self) -> list[Sibling]:
        """The copies that the run tunes, one for named entities first; none where `tuned` is given.

        Those of a task differ in their seed alone: the run's, and the ones after it.
        """
        profile = PROFILES[self.profile]
        if self.tuned or not any(CHAPTERS[name].tuned for name in self.chapters()):
            return []
        tasks = sorted(self.siblings or profile.siblings, key=lambda task: task != "ner")
        if not any(CHAPTERS[name].tuned == "all" for name in self.chapters()):
            tasks = tasks[:1]
        corpora = self.named()
        return [
            Sibling(task, corpora[LEARNED[task]], self._limit(task), self.seed + tasks[:n].count(task))
            for n, task in enumerate(tasks)
        ]

    def _limit(self, task: str) -> int | None:
        limits = [self.limit, PROFILES[self.profile].few.get(task)]
        return min((limit for limit in limits if limit), default=None)

    def order(self, chapters: Iterable[str]) -> list[str]:
        """The order in which chapters are begun."""
        return sorted(chapters, key=lambda chapter: self.jobs > 1 and not CHAPTERS[chapter].longest)

    def threads(self, there: int) -> int:
        """A chapter's share of the threads that are there."""
        return max(1, there // self.jobs)

    def maskings(self) -> int:
        """How often chapter 3 masks a sentence."""
        profile = PROFILES[self.profile]
        sentences = self.limit or profile.sentences
        return profile.times if sentences is None or sentences >= FEW else max(3, profile.times)

    def seeds_of(self, chapter: str) -> int:
        """How many runs of each probe a chapter makes."""
        profile = PROFILES[self.profile]
        of_profile = profile.seeds_of_entities if CHAPTERS[chapter].corpus == "entities" else profile.seeds
        return self.seeds or of_profile

    def sentences_of(self, chapter: str) -> int | None:
        """How many sentences of a corpus a chapter reads at most."""
        profile = PROFILES[self.profile]
        of_text = profile.sentences if CHAPTERS[chapter].corpus == "text" else None
        return self.limit or profile.limits.get(chapter, of_text)

    def parameters(self, chapter: str, folder: Path, tuned: Sequence[str]) -> dict:
        """What goes into a chapter's `parameters` cell. Paths are relative to the run's folder.

        Args:
            chapter: Its name.
            folder: Of the run.
            tuned: The fine-tuned models, as seen from there; the first is the one for named entities.
        """
        profile, row = PROFILES[self.profile], CHAPTERS[chapter]
        named = {kind: _corpus_from(folder, name) for kind, name in self.named().items()}
        values = {
            "corpus": named.get(row.corpus),
            "limit": self.sentences_of(chapter),
            "seeds": self.seeds_of(chapter), "trials": self.trials, "features": "features",
            "times": self.maskings(), "vocabulary": profile.vocabulary,
            "head": _seen_from(folder, self.head) if self.head else None,
            "senses_corpus": named["senses"], "entities_corpus": named["entities"],
            "tuning_corpus": named["tuning"], "seed": self.seed,
            "tag_column": self.columns("entities").get("column"),
            "word_column": self.columns("entities").get("word_column"),
            "tuned": list(tuned) or None if row.tuned == "all" else next(iter(tuned), None),
        }  # fmt: skip
        given = {name: values[name] for name in row.parameters}
        return {"model": _seen_from(folder, self.model), "results": "results"} | given


def settings_from(options: dict) -> Settings:
    """Settings from options; those that are None keep their default.

    Raises:
        DissectError: An option is wrong, or nothing in the run reads it; the message is one sentence.
    """
    given = renamed({key: value for key, value in options.items() if value is not None})
    try:
        settings = Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        option = " ".join(str(part) for part in first["loc"][:1])
        option = reprlib.repr(option)[1:-1]  # on one line, whatever the key
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"there is no such setting; the settings are {', '.join(Settings.model_fields)}"
            if close := get_close_matches(option, Settings.model_fields, n=1):
                message = f"there is no such setting; did you mean {close[0]}?"
        raise DissectError(f"{option}={reprlib.repr(first['input'])}: {message}") from None
    refuse_unread(settings, given)
    return settings


def renamed(options: dict) -> dict:
    """Options with the names of today: the text was called corpus once.

    Raises:
        DissectError: Both names are given.
    """
    options = dict(options)
    corpus = options.pop("corpus", None)
    if corpus is not None and options.setdefault("text", corpus) != corpus:
        raise DissectError("corpus is the former name of text: give one of them")
    return options


def with_questions(settings: Settings) -> Settings:
    """The settings with the teaching questions in the place of SQuAD's, where those are not at hand.

    Raises:
        MissingCorpus: The data folder does not exist.
    """
    asked = any((one.task, one.corpus) == ("qa", "squad") for one in settings.to_tune())
    if settings.questions or not asked or squad_at_hand():
        return settings
    return settings.model_copy(update={"questions": "teaching"})


def with_siblings(settings: Settings, loaded: Loaded) -> Settings:
    """The settings without siblings that guess masked words, where a model was not made to guess them.

    Args:
        settings: Of the run.
        loaded: Its model.

    Raises:
        DissectError: They were asked for by name.
    """
    tasks = [one.task for one in settings.to_tune()]
    if "mlm" not in tasks or guesses(loaded) == MASKED:
        return settings
    if settings.siblings:
        raise DissectError(f"{loaded.label} guesses no masked words: leave mlm out of --siblings")
    return settings.model_copy(update={"siblings": tuple(task for task in tasks if task != "mlm")})


def settings_file(path: Path) -> dict[str, Any]:
    """The options in a YAML file, with the names that `dissect run` has for them.

    Raises:
        DissectError: There is no such file, or it does not hold settings by name.
    """
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise DissectError(f"no settings in {path}: give a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        place = f", line {where.line + 1}" if where else ""
        raise DissectError(f"{path}{place}: not YAML that can be read") from None
    options = {} if options is None else options
    if not isinstance(options, dict) or not all(isinstance(name, str) for name in options):
        raise DissectError(f"{path}: expected lines such as 'model: minilm'")
    return renamed(options)


def _corpus_from(folder: Path, name: str) -> str:
    """A corpus of one's own as seen from the run's folder; the name of another unchanged."""
    return name if name in NAMES else _seen_from(folder, name)


def _seen_from(folder: Path, name: str) -> str:
    """A local path as seen from the run's folder; other names unchanged."""
    return relative(name, folder) if os.path.exists(name) else name
