"""A run: papermill over the notebooks, then the book.

runs/<name>/ holds manifest.json, results/*.parquet, notebooks/*.ipynb, features/, models/ and site/.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import papermill
import torch
from papermill.exceptions import PapermillExecutionError

import dissect
from dissect import corpora, models, progress, provenance, scorecard
from dissect.decomposition import Decomposer
from dissect.errors import DissectError
from dissect.files import write_text
from dissect.finetuning import tuned_sibling
from dissect.settings import PROFILES, Settings
from dissect.watching import watching

ROOT = Path(dissect.__file__).resolve().parents[1]
RECORDED = ("dissect", "torch", "transformers", "pandas", "seaborn", "papermill", "jupyter-book")
NEEDS_TUNED = ("2-visualisation", "5-ner")


def run(
    settings: Settings,
    runs: Path = Path("runs"),
    force: bool = False,
    site: bool = True,
    say: Callable[[str], None] = print,
) -> Path:
    """Run the chapters that are not up to date and build the site; returns the run's folder.

    force: run all chapters again. site: build the book afterwards.

    Raises `DissectError` when something is missing or a chapter fails; finished chapters are kept.
    """
    notebooks = ROOT / "notebooks"
    if not notebooks.is_dir():
        raise DissectError(
            "a run needs the project's notebooks: clone the repository and install it with pip install -e ."
        )
    folder = runs / settings.name
    check(settings)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = read_manifest(folder)
    tuned = siblings(settings, folder, say)
    places = [str(folder / place) if (folder / place).exists() else place for place in tuned]
    revisions = provenance.revisions(settings, places)
    begun = time.monotonic()
    chapters = settings.chapters()
    for n, chapter in enumerate(chapters, start=1):
        source = notebooks / f"{chapter}.ipynb"
        parameters = settings.parameters(chapter, folder, tuned)
        key = key_of(source, parameters, revisions)
        target = folder / "notebooks" / source.name
        title = f"chapter {n} of {len(chapters)}, {chapter}"
        if not force and target.exists() and manifest["chapters"].get(chapter, {}).get("key") == key:
            say(f"{title}: up to date")
            continue
        say(f"{title} …")
        seconds = execute(source, target, parameters, folder, settings)
        say(f"{title}: {seconds:.0f} s")
        manifest["chapters"][chapter] = {
            "key": key, "parameters": parameters, "seconds": round(seconds, 1), "date": now(),
        }  # fmt: skip
        manifest |= {
            "settings": settings.model_dump(mode="json"), "date": now(), "versions": versions(),
            "machine": machine(), "revisions": revisions, "git": provenance.git_state(ROOT),
        }  # fmt: skip
        write_manifest(folder, manifest)
    scorecard.score(folder / "results")
    manifest["results"] = provenance.checksums(folder / "results")
    write_manifest(folder, manifest)
    say(f"all chapters done in {time.monotonic() - begun:.0f} s")
    if site:
        build_site(folder, folder / "site", say)
    return folder


def build_site(folder: Path, out: Path, say: Callable[[str], None] = print) -> None:
    """Build the book of a run, finished or published, without executing anything.

    Raises `DissectError` when the folder holds no run, or the book cannot be built.
    """
    from dissect import across, explore, glance, site  # the book is not needed to run chapters

    say("building the site …")
    manifest = read_manifest(folder)
    verdicts = scorecard.judge(folder / "results")
    others = [place for place in sorted(site.PUBLISHED.glob("*/")) if place.name != folder.name]
    read = [across.read(folder, here=True), *map(across.read, others)]
    runs = [across.paper(), *across.apart(read, [folder, *others])]
    shown = [runs[1], runs[0], *runs[2:]]  # on Explore this run comes first
    loaded = explore.loaded_for(manifest["settings"]["model"])
    pages = {
        "summary": provenance.summary(manifest),
        "scorecard": scorecard.page(verdicts),
        "criteria": scorecard.criteria(verdicts),
        "verdicts": across.markdown(across.verdicts(runs), "claim"),
        "across": across.page(runs),
        "explore": explore.page(explore.read(shown, loaded)),
        "glance": glance.page(verdicts),
    }
    pictures = across.pictures(runs) | explore.pictures(shown, loaded)
    page = site.build(folder / "notebooks", pages, out, pictures)
    say(f"the site is at {os.path.relpath(page)}")


def check(settings: Settings) -> None:
    """Fail now rather than an hour later: is the model supported, are the corpora there?

    Raises `DissectError`.
    """
    for name in (settings.model, *settings.tuned):
        Decomposer(models.load(name, "cpu").model)
    if settings.head:
        models.load_masked_head(settings.head)
    profile = PROFILES[settings.profile]
    text = settings.corpus or profile.text
    needed = {
        1: lambda: corpora.text(text, 1),
        2: lambda: corpora.text(text, 1),
        3: lambda: corpora.text(text, 1),
        4: lambda: corpora.senses(profile.senses, 1),
        5: lambda: corpora.entities(profile.entities, 1),
    }
    for section in set(settings.sections) & set(needed):
        needed[section]()
    if not settings.tuned and {2, 5} & set(settings.sections):
        corpora.tuning(profile.tuning, 1)


def siblings(settings: Settings, folder: Path, say: Callable[[str], None]) -> list[str]:
    """The fine-tuned models as seen from the run's folder, one for named entities first.

    Tunes a copy where none is given.
    """
    if not set(NEEDS_TUNED) & set(settings.chapters()):
        return []
    places = list(settings.tuned)
    if not places:
        say("the fine-tuned sibling …")
        corpus = PROFILES[settings.profile].tuning
        places = [
            tuned_sibling(settings.model, corpus, folder / "models", settings.limit, seed=settings.seed)
        ]
    if len(places) > 1:
        places.sort(key=lambda place: models.task(models.load(place, "cpu").model) != "token classification")
    return [os.path.relpath(place, folder) if Path(place).exists() else place for place in places]


def execute(source: Path, target: Path, parameters: dict, folder: Path, settings: Settings) -> float:
    """Run one notebook; `target` appears when it is finished, and not before. Seconds taken.

    Raises `DissectError` when a cell fails; the notebook up to there is kept beside as *.failed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        lines, unfinished = Path(scratch) / "progress", Path(scratch) / source.name
        quiet = {progress.VARIABLE: str(lines), "PYTHONWARNINGS": "ignore"}
        before = {name: os.environ.get(name) for name in quiet}
        os.environ |= quiet
        try:
            with watching(lines):
                papermill.execute_notebook(
                    str(source), str(unfinished), parameters, cwd=str(folder.resolve()),
                    kernel_name="python3", progress_bar=False, request_save_on_cell_execute=False,
                    extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
                )  # fmt: skip
        except PapermillExecutionError as error:
            failed = target.with_suffix(".failed")
            write_text(failed, unfinished.read_text(encoding="utf-8"))
            raise DissectError(
                f"chapter {source.stem} failed at cell {error.exec_count}: "
                f"{error.ename}: {error.evalue} (see {failed})"
            ) from None
        except (RuntimeError, OSError) as error:
            raise DissectError(f"chapter {source.stem} could not be run: {error}") from None
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        book = nbformat.read(unfinished, as_version=4)
    seconds = time.monotonic() - begun
    provenance.stamp(book, source.stem, settings, seconds, versions())
    write_text(target, nbformat.writes(book) + "\n")
    return seconds


def key_of(source: Path, parameters: dict, revisions: dict) -> str:
    """What decides whether a chapter is up to date: notebook, parameters, models, corpora, code."""
    digest = hashlib.sha256(source.read_bytes())
    digest.update(json.dumps([parameters, revisions, versions()], sort_keys=True).encode())
    package = Path(dissect.__file__).parent
    for file in sorted(package.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def read_manifest(folder: Path) -> dict:
    """The manifest of a run, or an empty one. Raises `DissectError` when it cannot be read."""
    path = folder / "manifest.json"
    if not path.exists():
        return {"chapters": {}}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(manifest["chapters"], dict)
        return manifest
    except (ValueError, KeyError, TypeError, AssertionError):
        raise DissectError(f"{path} is damaged: delete it, and the run starts afresh") from None


def write_manifest(folder: Path, manifest: dict) -> None:
    write_text(folder / "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in RECORDED
    }


def machine() -> dict:
    device = models.pick_device()
    return {
        "system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count(),
        "threads": torch.get_num_threads(), "device": str(device),
    }  # fmt: skip


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
