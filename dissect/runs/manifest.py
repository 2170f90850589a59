"""manifest.json: everything needed to repeat a run, and to tell whether it is whole."""

import importlib.metadata
import os
import platform
import reprlib
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from typing_extensions import TypedDict

from dissect.corpora import KINDS, NAMES
from dissect.errors import DissectError
from dissect.files import plain, relative, write_text
from dissect.hashing import of_file
from dissect.models import pick_device
from dissect.places import ROOT
from dissect.progress import note
from dissect.reuse import Work
from dissect.runs.chapters import CHAPTERS, by_default
from dissect.runs.settings import Settings
from dissect.runs.typed import Amount, Count, Date, Line, Name, Parameter, Sha, from_json

RECORDED = (
    "dissect", "torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy", "pandas", "pyarrow",
    "optuna", "nltk", "seaborn", "papermill", "jupyter-book", "scikit-learn", "accelerate", "seqeval",
)  # fmt: skip


TABLE = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.parquet$"  # a name, and no path
READ = rf"^({'|'.join(KINDS)}|head|(tokenizer of )?(model|tuned [1-9][0-9]?))$"
STRICT = ConfigDict(allow_inf_nan=False)
Tables = dict[Annotated[str, StringConstraints(pattern=TABLE)], Sha]
PARAMETERS = TypeAdapter(dict[Name, Parameter])
LARGEST = 10_000_000  # bytes of a manifest
LONGEST_REASON = 100  # characters of what git says
OF_ANOTHER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


class Read(BaseModel):
    """Of a chapter's parameters those that are read again; others may be any value on one line."""

    model: Line = ""
    corpus: Line = ""
    tuned: Line | list[Line] | None = None
    limit: Count | None = None
    seeds: Count = 0
    seed: StrictInt = 0
    times: Count = 1


class Chapter(BaseModel):
    """A finished chapter: what decides whether it is up to date, and what it left.

    Attributes:
        seconds: From its beginning to its end.
        work: What of it was done then, and what was found done; None: not told.
        commit: That the code was at.
        notebook: SHA-256 of the executed notebook.
        results: SHA-256 of its tables, by file name.
    """

    model_config = STRICT

    key: Sha
    parameters: dict[Name, Any]
    seconds: Amount
    work: dict[Name, Work] | None = None
    date: Date
    commit: Sha = ""
    notebook: Sha = ""
    results: Tables = {}

    @field_validator("parameters")
    @classmethod
    def _known(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            PARAMETERS.validate_python(parameters)
            Read.model_validate(parameters)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        return parameters


class Machine(TypedDict, total=False):
    """The hardware in general terms."""

    system: Name
    processor: Name
    cores: Count | None
    threads: Count
    instructions: Name
    memory_gib: Amount | None
    device: Name
    accelerator: Name | None


class Workers(TypedDict):
    """Workers of a cluster that are alike, as the manifest tells of them."""

    host: Name
    threads: Count
    instructions: Name
    workers: Count


class Manifest(BaseModel):
    """A run, as its folder tells it. Paths in it are relative to the run's folder.

    A run may be anybody's: each value is of its type and on one line, and no name leads out of the folder.

    Attributes:
        seeds: Of the probes; a chapter may take the first of them alone.
        card: What the model is, by its configuration; see `models.card`.
        head: The kind of the head that hidden words are read with; where `tune` trained it also on what,
            and what it scores on text that was held out, as `finetuning.head_table` has it.
        revisions: Of models and corpora.
        left_out: Chapters that the model does not fit, and why.
        results: SHA-256 of all tables.
        work: Done for all chapters: models fine-tuned; None: not told.
        cluster: The workers that did a part of it, where there were any.
    """

    model_config = STRICT

    settings: Settings
    command: Annotated[str, StringConstraints(max_length=20_000)] = ""
    seeds: list[Count] = []
    date: Date
    versions: dict[Name, Name]
    machine: Machine
    card: dict[Name, Line] = {}
    head: dict[Name, Line] = {}
    revisions: dict[Name, dict[Annotated[str, StringConstraints(pattern=READ)], Sha]]
    git: dict[Name, Name | StrictBool] = {}
    chapters: dict[Name, Chapter] = Field(default_factory=dict)
    left_out: dict[Name, Line] = {}
    results: Tables = {}
    work: dict[Name, Work] | None = None
    cluster: list[Workers] = []

    def seconds(self) -> float:
        """How long the chapters took, together."""
        return sum(chapter.seconds for chapter in self.chapters.values())

    def all_work(self) -> dict[str, Work] | None:
        """The work of all chapters and for them; None where a part of it is not told."""
        parts = [self.work, *(chapter.work for chapter in self.chapters.values())]
        together = {f"{n} {kind}": of for n, part in enumerate(parts) for kind, of in (part or {}).items()}
        return None if None in parts else together


def read(folder: Path) -> Manifest | None:
    """The manifest of a run; None where there is none.

    Raises:
        DissectError: It cannot be read, or what a run leaves is no plain file of the folder.
    """
    path = folder / "manifest.json"
    try:
        if not path.exists() and not path.is_symlink():
            return None
        if not plain(path, folder) or path.stat().st_size > LARGEST:
            raise ValueError("no file of its folder, or a huge one")
        manifest = Manifest.model_validate(from_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:  # pydantic's and JSON's are ValueErrors
        raise DissectError(
            f"{path} is damaged{_where(error)}: delete it, and the run starts afresh"
        ) from None
    unknown = set(manifest.chapters) - set(CHAPTERS)
    if unknown:
        raise DissectError(f"{path} names chapters that this version does not have: {', '.join(unknown)}")
    refuse_links(folder)
    return manifest


def _where(error: Exception) -> str:
    """The first value that a manifest should not have, in words; nothing where it is no manifest at all."""
    if not isinstance(error, ValidationError):
        return ""
    first = error.errors()[0]
    place = reprlib.repr(".".join(map(str, first["loc"])))[1:-1]
    said = f" ({place or 'the whole'}: {first['msg'].removeprefix('Value error, ')})"
    return said if said.isprintable() else ""


def refuse_links(folder: Path) -> None:
    """Raise `DissectError` for a table or notebook that is a folder, a pipe, or a link to elsewhere."""
    for kind in ("results/*.parquet", "notebooks/*.ipynb"):
        for path in sorted(folder.glob(kind)):
            if not plain(path, folder):
                raise DissectError(f"{path} is no plain file of the run's folder: delete it")


def required(folder: Path) -> Manifest:
    """The manifest of a run.

    Raises:
        DissectError: The folder holds none that can be read.
    """
    manifest = read(folder)
    if manifest is None:
        raise DissectError(f"{folder} holds no run: there is no manifest.json in it")
    return manifest


def write(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json whole or not at all."""
    write_text(folder / "manifest.json", manifest.model_dump_json(indent=2) + "\n")


def begun(settings: Settings, folder: Path, revisions: dict[str, dict[str, str]]) -> Manifest:
    """The manifest of a run that starts now.

    Args:
        settings: Of the run.
        folder: Of the run.
        revisions: Checksums of its models and corpora.
    """
    settings = portable(settings, folder)
    return Manifest(
        settings=settings, command=command(settings),
        seeds=list(range(max(map(settings.seeds_of, CHAPTERS)))), date=now(),
        versions=versions(), machine=machine(), revisions=revisions, git=git_state(),
    )  # fmt: skip


def seeds_of(told: Manifest) -> str:
    """How many runs of each probe a run's chapters made, such as "5", or "5 to 10" where they differ."""
    counts: set[int] = {
        chapter.parameters["seeds"] for chapter in told.chapters.values() if "seeds" in chapter.parameters
    }
    few, *many = sorted(counts) or [len(told.seeds)]
    return f"{few} to {many[-1]}" if many else f"{few}"


def portable(settings: Settings, folder: Path) -> Settings:
    """The settings with local paths as seen from the run's folder: "./…" or "../…", never absolute."""

    def seen(name: str) -> str:
        return relative(name, folder) if Path(name).exists() else name

    changes: dict[str, Any] = {
        option: value if option in KINDS and value in NAMES else seen(value)
        for option in ("model", "head", "data", "cluster", *KINDS)
        if (value := getattr(settings, option, None)) is not None
    }
    return settings.model_copy(update=changes | {"tuned": tuple(map(seen, settings.tuned))})


def place(folder: Path, name: str) -> str:
    """A model or file of a run, from here: local paths in it are relative to its folder."""
    return str(folder / name) if name.startswith(".") else name


def command(settings: Settings) -> str:
    """The command line that repeats a run, from inside its folder where it names local paths."""
    apart = {"tuned", "siblings", "sections", "model", "name"}
    given = settings.model_dump(exclude_defaults=True, exclude=apart)
    words = ["dissect", "run", "--name", settings.name, "--model", settings.model]
    for model in settings.tuned:
        words += ["--tuned", model]
    if settings.siblings:
        words += ["--siblings", ",".join(settings.siblings)]
    if tuple(settings.sections) != by_default(settings.profile):
        words += ["--sections", ",".join(map(str, settings.sections))]
    for option, value in given.items():
        words += [f"--{option.replace('_', '-')}", str(value)]
    return shlex.join(words)


def checksums(results: Path) -> dict[str, str]:
    """SHA-256 of a run's tables, by file name."""
    return {file.name: of_file(file) for file in sorted(results.glob("*.parquet"))}


def versions() -> dict[str, str]:
    """The versions of Python and of the packages in `RECORDED`."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in RECORDED
    }


def machine() -> Machine:
    """The hardware in general terms; numbers may differ in their last digits from one to another."""
    device = pick_device()
    return {
        "system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count(),
        "threads": torch.get_num_threads(), "instructions": torch.backends.cpu.get_cpu_capability(),
        "memory_gib": memory_gib(), "device": str(device), "accelerator": accelerator_name(device),
    }  # fmt: skip


def memory_gib() -> float | None:
    """The machine's memory, where the system tells."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def accelerator_name(device: torch.device) -> str | None:
    """The accelerator's name, where the device is one that tells."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None


def git_state() -> dict[str, str | bool]:
    """The commit that the code is at, and whether it was changed since; empty outside a checkout.

    Where git does not tell, what it says instead, which whoever watches is told as well.
    """
    if not (ROOT / ".git").exists():
        return {}
    try:
        commit = _git("rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_git("status", "--porcelain"))}
    except OSError:
        reason = "git is not installed"
    except subprocess.CalledProcessError as error:
        reason = _reason(error.stderr)
    note(f"the manifest does not tell the commit of the code, which git does not give here: {reason}")
    return {"unknown": reason}


def _reason(said: str) -> str:
    """The first line of what git complains of, without where the checkout lies."""
    first = (said.strip().splitlines() or ["it does not say why"])[0].replace(str(ROOT), "the checkout")
    return "".join(letter if letter.isprintable() else " " for letter in first)[:LONGEST_REASON]


def _git(*arguments: str) -> str:
    """What git says of the checkout, also where its environment, as in a hook, names another."""
    own = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
    return subprocess.run(
        ["git", "--no-optional-locks", "-C", str(ROOT), *arguments],
        capture_output=True, encoding="utf-8", errors="replace", check=True, env=own,
    ).stdout.strip()  # fmt: skip


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
