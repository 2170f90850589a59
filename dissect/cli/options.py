"""The options of a run, for all commands that take them: `run`, which carries it out, `doctor`, `sweep`."""

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

FILE = Annotated[
    Path | None, typer.Argument(help="A YAML file with these options by name; options here win.")
]
# By the name of the setting: the type of the option, and what its help says.
OPTIONS: dict[str, tuple[Any, str]] = {
    "name": (str, "Name of the run: its folder is runs/NAME."),
    "profile": (
        str,
        "teach: the teaching corpus. small: less work on it, for a weak machine. paper: Europarl, SemCor and "
        "WNUT 2016.",
    ),
    "model": (str, "minilm, a folder, or a Hugging Face name; by default the profile's."),
    "tuned": (list[str], "A fine-tuned model to compare with, or several; by default copies are tuned."),
    "siblings": (str, "What copies are tuned on, such as ner,ner,qa: ner, tags, qa, mlm; twice: two seeds."),
    "text": (str, "Text for chapters 1 to 3: teaching, europarl, a file or a folder; once called --corpus."),
    "senses": (str, "Word senses for chapter 4: teaching, semcor, a file or a folder."),
    "entities": (
        str,
        "Named entities for chapter 5: teaching, wnut16, a file, or a folder with train, dev, test.",
    ),
    "tuning": (str, "Named entities that copies are tuned on: teaching, wikigold, a file or a folder."),
    "tag_column": (int, "The column of the tags in entities or tuning of one's own, from 1, if in doubt."),
    "word_column": (int, "The column of the words there."),
    "questions": (str, "What answers are learned from: teaching, squad, or a file of SQuAD's format."),
    "head": (str, "A model whose head for hidden words chapters 3 and 8 read with; by default MODEL's."),
    "sections": (str, "Chapters to run, such as 2,4."),
    "precision": (str, "float32 or bfloat16, which is faster where the hardware has it: to train probes in."),
    "device": (str, "cpu, cuda, …; by default the accelerator that torch finds."),
    "seeds": (int, "How many seeds for each probe."),
    "limit": (int, "At most so many sentences a corpus."),
    "trials": (int, "Search for hyper-parameters with so many trials; 0: the recorded."),
    "seed": (int, "Of samples, the split of word senses, and fine-tuning."),
    "jobs": (int, "Chapters run side by side, each with its share of the cores."),
    "cluster": (
        str,
        "Workers for terms and probes: local:N, a Dask scheduler's tcp://host:8786, or a YAML file.",
    ),
    "data": (str, "Folder with wnut16/, ner_tuning/ and squad/ (DISSECT_DATA)."),
}
OF_ONE_MODEL = ("model", "tuned", "head")  # which a sweep's file says of each
ALSO = {"text": "--corpus"}  # what an option was called once


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Put the options of a run before a command's own; it gets them all as `Settings`, its first argument."""

    @wraps(command, assigned=("__module__", "__name__", "__doc__"))
    def called(settings: Path | None, **given: Any) -> None:
        from dissect.runs.settings import settings_file, settings_from

        options = taken(given)
        command(settings_from((settings_file(settings) if settings else {}) | options), **given)

    file = Parameter("settings", Parameter.KEYWORD_ONLY, default=None, annotation=FILE)
    _, *own = signature(command).parameters.values()
    return with_signature(called, [file, *parameters(OPTIONS), *own])


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Put a file, and the options of a run but for its model, before a command's own.

    It gets the file and what was given of the options, by name, as its first two arguments.
    """

    @wraps(command, assigned=("__module__", "__name__", "__doc__"))
    def called(file: Path, **given: Any) -> None:
        options = taken(given)
        command(file, options, **given)

    file, _, *own = signature(command).parameters.values()
    of_run = parameters(name for name in OPTIONS if name not in OF_ONE_MODEL)
    return with_signature(called, [file, *of_run, *own])


def taken(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options of a run out of what a command is given; those that were set, by name."""
    of_run = {name: given.pop(name) for name in OPTIONS if name in given}
    return {name: value for name, value in of_run.items() if value not in (None, [])}


def parameters(names: Iterable[str]) -> list[Parameter]:
    """The options of those names, as a command's parameters."""
    kinds = {
        name: Annotated[kind | None, typer.Option(*names_of(name), help=text)]
        for name, (kind, text) in OPTIONS.items()
    }
    return [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kinds[name]) for name in names]


def with_signature(called: Callable[..., None], given: Iterable[Parameter]) -> Callable[..., None]:
    """The function, which then says that it takes these parameters."""
    vars(called)["__signature__"] = Signature([one.replace(kind=Parameter.KEYWORD_ONLY) for one in given])
    return called


def names_of(setting: str) -> list[str]:
    """What the option of a setting is called on the command line."""
    return [f"--{setting.replace('_', '-')}", *([ALSO[setting]] if setting in ALSO else [])]
