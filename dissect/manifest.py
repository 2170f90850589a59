"""manifest.json: everything needed to repeat a run, and to tell whether it is whole."""

import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, Field, field_validator

from dissect.errors import DissectError
from dissect.files import relative, sha256_of, write_text
from dissect.models import pick_device
from dissect.settings import CHAPTERS, PROFILES, Settings

RECORDED = (
    "dissect", "torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy", "pandas", "pyarrow",
    "optuna", "nltk", "seaborn", "papermill", "jupyter-book",
)  # fmt: skip


class Read(BaseModel):
    """Of a chapter's parameters those that are read again; others may be anything."""

    model: str = ""
    corpus: str = ""
    tuned: str | list[str] | None = None
    limit: int | None = None
    seeds: int = 0
    seed: int = 0
    times: int = 1


class Chapter(BaseModel):
    """A finished chapter: what decides whether it is up to date, and what it left."""

    key: str
    parameters: dict[str, Any]
    seconds: float
    date: str
    commit: str = ""  # that the code was at
    notebook: str = ""  # SHA-256 of the executed notebook
    results: dict[str, str] = {}  # SHA-256 of its tables, by file name

    @field_validator("parameters")
    @classmethod
    def _known(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        Read.model_validate(parameters)
        return parameters


class Manifest(BaseModel):
    """A run, as its folder tells it. Paths in it are relative to the run's folder."""

    settings: Settings
    command: str = ""
    seeds: list[int] = []  # of the probes
    date: str
    versions: dict[str, str]
    machine: dict[str, str | int | float | None]
    revisions: dict[str, dict[str, str]]  # SHA-256 of models and corpora
    git: dict[str, str | bool] = {}
    chapters: dict[str, Chapter] = Field(default_factory=dict)
    left_out: dict[str, str] = {}  # chapters that the model does not fit, and why
    results: dict[str, str] = {}  # SHA-256 of all tables

    def seconds(self) -> float:
        """How long the chapters took, together."""
        return sum(chapter.seconds for chapter in self.chapters.values())


def read(folder: Path) -> Manifest | None:
    """The manifest of a run; None where there is none.

    Raises `DissectError` when it cannot be read.
    """
    path = folder / "manifest.json"
    try:
        manifest = Manifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError):  # pydantic's and JSON's are ValueErrors
        raise DissectError(f"{path} is damaged: delete it, and the run starts afresh") from None
    unknown = set(manifest.chapters) - set(CHAPTERS)
    if unknown:
        raise DissectError(f"{path} names chapters that this version does not have: {', '.join(unknown)}")
    return manifest


def required(folder: Path) -> Manifest:
    """The manifest of a run. Raises `DissectError` when the folder holds none that can be read."""
    manifest = read(folder)
    if manifest is None:
        raise DissectError(f"{folder} holds no run: there is no manifest.json in it")
    return manifest


def write(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json whole or not at all."""
    write_text(folder / "manifest.json", manifest.model_dump_json(indent=2) + "\n")


def begun(settings: Settings, folder: Path, revisions: dict[str, dict[str, str]]) -> Manifest:
    """The manifest of a run that starts now."""
    settings = portable(settings, folder)
    return Manifest(
        settings=settings, command=command(settings),
        seeds=list(range(settings.seeds or PROFILES[settings.profile].seeds)), date=now(),
        versions=versions(), machine=machine(), revisions=revisions, git=git_state(),
    )  # fmt: skip


def portable(settings: Settings, folder: Path) -> Settings:
    """The settings with local paths as seen from the run's folder: "./…" or "../…", never absolute."""

    def seen(name: str) -> str:
        return relative(name, folder) if Path(name).exists() else name

    changes: dict[str, Any] = {
        option: seen(value)
        for option in ("model", "head", "corpus", "data")
        if (value := getattr(settings, option)) is not None
    }
    return settings.model_copy(update=changes | {"tuned": tuple(map(seen, settings.tuned))})


def place(folder: Path, name: str) -> str:
    """A model or file of a run, from here: local paths in it are relative to its folder."""
    return str(folder / name) if name.startswith(".") else name


def command(settings: Settings) -> str:
    """The command line that repeats a run, from inside its folder where it names local paths."""
    given = settings.model_dump(exclude_defaults=True, exclude={"tuned", "sections", "model", "name"})
    words = ["dissect", "run", "--name", settings.name, "--model", settings.model]
    for model in settings.tuned:
        words += ["--tuned", model]
    if len(settings.sections) < len(CHAPTERS):
        words += ["--sections", ",".join(map(str, settings.sections))]
    for option, value in given.items():
        words += [f"--{option}", str(value)]
    return shlex.join(words)


def checksums(results: Path) -> dict[str, str]:
    """SHA-256 of a run's tables, by file name."""
    return {file.name: sha256_of(file) for file in sorted(results.glob("*.parquet"))}


def versions() -> dict[str, str]:
    """The versions of Python and of the packages in `RECORDED`."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in RECORDED
    }


def machine() -> dict[str, str | int | float | None]:
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
    """The commit that the code is at, and whether it was changed since; empty without git."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {}


def _git(*arguments: str) -> str:
    root = Path(__file__).resolve().parents[1]
    return subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
