"""A sweep: many models, such as checkpoints of one training or a family in sizes, each a run of its own."""

import math
import re
import reprlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dissect import models
from dissect.errors import DissectError, MissingCorpus
from dissect.runs.run import run
from dissect.runs.settings import Settings, settings_from

SIZE = "parameters"  # what `by` may name without each model saying it: the model tells
OF_MODEL = ("model", "name", "revision")


@dataclass(frozen=True)
class Member:
    """A model of a sweep.

    Attributes:
        label: What it is called.
        settings: Of its run.
        value: Where it stands in the row; None where nothing says it yet.
    """

    label: str
    settings: Settings
    value: float | None = None


@dataclass(frozen=True)
class Sweep:
    """What a sweep is told.

    Attributes:
        by: What the models are in a row by, such as "step"; "" where they are in none.
    """

    name: str
    by: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Ran:
    """A run of a sweep that is finished.

    Attributes:
        label: What its model is called.
        value: Where it stands in the row; None where the models are in none.
    """

    label: str
    folder: Path
    value: float | None = None


@dataclass(frozen=True)
class Swept:
    """What became of a sweep.

    Attributes:
        by: What the models are in a row by; "" where they are in none.
        runs: Those that are finished, in their row.
        failed: Why the others are not, by their models' labels.
    """

    by: str
    runs: tuple[Ran, ...]
    failed: Mapping[str, str] = field(default_factory=dict)


def sweep_from(options: Mapping[str, Any], given: Mapping[str, Any], name: str) -> Sweep:
    """A sweep from what its file says.

    Args:
        options: The file's: settings that all runs share, `models`, and `by`.
        given: Settings that win over the file's.
        name: Of a sweep that is given none.

    Raises:
        DissectError: Something in it is wrong; the message is one sentence.
    """
    shared = dict(options)
    listed, by = shared.pop("models", None), shared.pop("by", "")
    if "model" in shared or "model" in given:
        raise DissectError("a sweep has no model of its own: name its models under models")
    if not isinstance(listed, list) or not listed:
        raise DissectError("models: list the models of the sweep, a line each, such as '- minilm'")
    refuse_by(by)
    name = str(given.get("name") or shared.get("name") or name)
    members = tuple(member(entry, by, shared, {**given, "name": name}) for entry in listed)
    twice = [label for label, count in Counter(one.label for one in members).items() if count > 1]
    if twice:
        raise DissectError(f"two models are called {twice[0]}: give one of them another name")
    return Sweep(name, by, members)


def refuse_by(by: Any) -> None:
    """Raise `DissectError` where `by` is nothing that models could be in a row by."""
    if by in ("", SIZE):
        return
    if not isinstance(by, str) or not re.fullmatch(r"[A-Za-z][A-Za-z ]{0,29}", by):
        raise DissectError(
            f"by={reprlib.repr(by)}: expected a word, such as step, which each model then gives a number"
        )
    if by in Settings.model_fields or by in OF_MODEL:
        raise DissectError(f"by={by}: that is the name of a setting; take another word")


def member(entry: Any, by: str, shared: Mapping[str, Any], given: Mapping[str, Any]) -> Member:
    """A model of a sweep.

    Args:
        entry: A model's name, or a mapping with its `model` and what is told of it alone.
        by: What the models are in a row by.
        shared: Settings of all runs.
        given: Settings that win over all others; its name is the sweep's.

    Raises:
        DissectError: Something in it is wrong.
    """
    own: dict[str, Any] = {"model": entry} if isinstance(entry, str) else entry
    if not isinstance(own, dict) or not isinstance(own.get("model"), str):
        raise DissectError(f"models: expected a model's name or 'model: NAME', found {reprlib.repr(entry)}")
    own = dict(own)
    model = with_revision(own["model"], own.pop("revision", None))
    label = str(own.pop("name", None) or label_of(model))
    value = own.pop(by, None) if by else None
    refuse_unknown(label, own, by)
    if by and by != SIZE and value is None:
        raise DissectError(f"{label} has no {by}: give each model one, or leave 'by: {by}' out")
    if value is not None and not is_number(value):
        raise DissectError(f"{label}: {by}={reprlib.repr(value)} is no number")
    options = {**shared, **own, **given, "model": model, "name": f"{given['name']}-{label}"}
    return Member(label, settings_from(options), value)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def with_revision(model: str, revision: Any) -> str:
    """A model's name with its revision.

    Raises:
        DissectError: The model is a folder, which has none.
    """
    if revision is None:
        return model
    if Path(model).exists():
        raise DissectError(f"{model} is a folder, which has no revision: leave revision out")
    return f"{model}@{revision}"


def label_of(model: str) -> str:
    """What a model is called that is given no name: its own, without where it lies.

    >>> label_of("EleutherAI/pythia-70m@step1000")
    'pythia-70m-step1000'
    """
    place, revision = models.at_revision(model)
    parts = [Path(place).resolve().name, *([revision] if revision else [])]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts))


def refuse_unknown(label: str, own: Mapping[str, Any], by: str) -> None:
    """Raise `DissectError` where a model has an entry that nothing reads.

    Args:
        label: What the model is called.
        own: Its entries.
        by: What the models are in a row by.
    """
    known = [*Settings.model_fields, *OF_MODEL, *([by] if by else [])]
    for key in own:
        if key not in known:
            close = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"'by: {key}' would put models in a row by it"
            raise DissectError(f"{label}: {reprlib.repr(key)} is no setting of a model; {hint}")


def run_all(
    asked: Sweep, runs: Path = Path("runs"), force: bool = False, say: Callable[[str], None] = print
) -> Swept:
    """Run every model of a sweep that is not up to date, each in `runs`/NAME-LABEL.

    A model that cannot be run is told in one sentence, and the others go on.

    Args:
        asked: The sweep.
        runs: The folder of runs.
        force: Run all chapters again.
        say: Called with a line on what is done.

    Raises:
        DissectError: A run has the sweep's name.
        MissingCorpus: A corpus is missing, which is so for all of them.
    """
    if (runs / asked.name / "manifest.json").exists():
        raise DissectError(f"{runs / asked.name} holds a run: give the sweep another --name")
    done: list[Ran] = []
    failed: dict[str, str] = {}
    for n, one in enumerate(asked.members, start=1):
        say(f"model {n} of {len(asked.members)}, {one.label} …")
        try:
            done.append(Ran(one.label, run(one.settings, runs, force, say), value_of(one, asked.by)))
        except MissingCorpus:
            raise
        except DissectError as error:
            failed[one.label] = str(error)
            say(f"{one.label} could not be run: {error}")
    return Swept(asked.by, tuple(sorted(done, key=lambda ran: ran.value or 0)), failed)


def value_of(one: Member, by: str) -> float | None:
    """Where a model stands in the row: as its sweep says, else by its size where that is what is asked."""
    if one.value is not None or by != SIZE:
        return one.value
    return float(models.load(one.settings.model, "cpu").model.num_parameters())
