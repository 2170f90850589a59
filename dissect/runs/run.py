"""A run: papermill over the notebooks.

runs/<name>/ holds manifest.json, results/*.parquet, notebooks/*.ipynb, features/, models/ and site/.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import filelock
import torch

from dissect import corpora, hashing, models, reuse
from dissect.corpora.items import counted
from dissect.environment import variables
from dissect.errors import DissectError
from dissect.experiments.probes import precision
from dissect.files import relative, sweep, writing
from dissect.models import Loaded, width
from dissect.models.finetuning import tuned_sibling
from dissect.models.vocabulary import tell_uncovered
from dissect.places import NOTEBOOKS, PACKAGE
from dissect.pool import mapped
from dissect.progress import note
from dissect.report.judge import score
from dissect.runs import kernels, manifest, provenance
from dissect.runs.chapters import CHAPTERS, unsuited
from dissect.runs.cluster import Team, team
from dissect.runs.manifest import Manifest
from dissect.runs.requirements import read_as, refuse_other_head, refuse_unreadable
from dissect.runs.settings import LEARNED, Settings, Sibling, with_questions, with_siblings

FEW = 200  # sentences of a corpus, to see whether the model knows their words
# Settings that decide what comes out of a chapter.
OF_RESULTS = (
    "model", "profile", "tuned", "siblings", "text", "senses", "entities", "tuning", "questions",
    "tag_column", "word_column", "head", "limit", "seeds", "seed", "trials", "precision",
)  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """A chapter that is to be executed.

    Attributes:
        title: What it is called on the terminal.
        key: See `key_of`.
    """

    title: str
    source: Path
    target: Path
    parameters: dict
    key: str


def run(
    settings: Settings,
    runs: Path = Path("runs"),
    force: bool = False,
    say: Callable[[str], None] = print,
    finish: Callable[[Path], None] | None = None,
) -> Path:
    """Run the chapters that are not up to date; returns the run's folder.

    Args:
        settings: The options of `dissect run`.
        runs: The folder of runs.
        force: Run all chapters again, and make the terms and probes kept from before anew.
        say: Called with a line on what is done.
        finish: Called with the folder afterwards, before another run may begin there; builds the site, say.

    Raises:
        DissectError: Something is missing, another run is at work in the folder, or a chapter fails;
            finished chapters are kept.
    """
    if not NOTEBOOKS.is_dir():
        raise DissectError(
            "a run needs the project's notebooks: clone the repository and install it with pip install -e ."
        )
    folder = runs / settings.name
    with environment(settings):
        given, settings = settings, with_questions(settings)
        if settings is not given:
            say("no file of SQuAD is in the data folder: answers are learned from the teaching questions")
        given, settings = settings, with_siblings(settings, check(settings))  # which leaves no model behind
        if settings is not given:
            say(f"{settings.model} guesses no masked words: it is not fine-tuned on them")
        with locked(folder):
            sweep(folder)
            if force:
                shutil.rmtree(folder / "features", ignore_errors=True)
            with team(settings, folder) as workers:
                run_chapters(settings, folder, force, say, workers)
            if finish:
                finish(folder)
    return folder


def run_chapters(
    settings: Settings, folder: Path, force: bool, say: Callable[[str], None], workers: Team | None = None
) -> None:
    """Run the chapters that are not up to date, and judge the claims by their tables.

    Args:
        settings: The options of `dissect run`.
        folder: Of the run.
        force: Run all chapters again.
        say: Called with a line on what is done.
        workers: Of its cluster, where it has one.
    """
    before = manifest.read(folder)
    loaded = models.load(settings.model, "cpu")
    left_out = unsuited(loaded, settings.chapters())
    chapters = [chapter for chapter in settings.chapters() if chapter not in left_out]
    for line in read_as(loaded):
        say(line)
    for chapter, reason in left_out.items():
        say(f"chapter {chapter} is left out: {reason}")
    with reuse.recorded() as of_tuning:
        tuned = siblings(settings, folder, say) if any(CHAPTERS[name].tuned for name in chapters) else []
    places = [str(folder / place) if (folder / place).exists() else place for place in tuned]
    told = manifest.begun(settings, folder, provenance.revisions(settings, places))
    told.left_out, told.work = left_out, of_tuning
    told.card, told.head = models.card(loaded), provenance.of_head(settings)
    if before is not None:
        take_over(before, told, set(settings.chapters()), folder)
    begun = time.monotonic()
    plan: dict[str, Planned] = {}
    for n, chapter in enumerate(chapters, start=1):
        source = NOTEBOOKS / f"{chapter}.ipynb"
        parameters = settings.parameters(chapter, folder, tuned) | dict(CHAPTERS[chapter].fitted(loaded))
        key = key_of(source, parameters, provenance.read_by(chapter, told.revisions))
        title = f"chapter {n} of {len(chapters)}, {chapter}"
        if not force and up_to_date(folder, chapter, key, told):
            say(f"{title}: up to date")
            continue
        plan[chapter] = Planned(title, source, folder / "notebooks" / source.name, parameters, key)
    threads = settings.threads(torch.get_num_threads()) if settings.jobs > 1 or workers else None
    lock = threading.Lock()

    def tell(line: str) -> None:
        with lock:  # chapters side by side, line by line
            say(line)

    def work(chapter: str, lines: Path) -> kernels.Took:
        planned = plan[chapter]
        tell(f"{planned.title} …")
        took = kernels.execute(planned.source, planned.target, planned.parameters, folder, lines, threads)
        tell(f"{planned.title}: {reuse.in_words(*took)}")
        return took

    def done(chapter: str, took: kernels.Took) -> None:
        planned = plan[chapter]
        sums = manifest.checksums(folder / "results")
        told.chapters[chapter] = manifest.Chapter(
            key=planned.key, parameters=planned.parameters, seconds=round(took.seconds, 1), work=took.work,
            date=manifest.now(), commit=str(told.git.get("commit", "")),
            notebook=hashing.of_file(planned.target),
            results={name: sums[name] for name in files_of(chapter) if name in sums},
        )  # fmt: skip
        told.cluster = workers.told() if workers else []
        manifest.write(folder, told)

    kernels.side_by_side(settings.order(plan), work, done, settings.jobs)
    score(folder / "results")
    told.results = manifest.checksums(folder / "results")
    manifest.write(folder, told)
    say(f"all chapters done in {time.monotonic() - begun:.0f} s")


def take_over(before: Manifest, told: Manifest, again: set[str], folder: Path) -> None:
    """Put the chapters that an earlier run left in the folder into the manifest of this one.

    The settings told are then those of all.

    Args:
        before: The manifest that is there.
        told: That of this run.
        again: The chapters that this run runs or checks.
        folder: Of the run.

    Raises:
        DissectError: One of the others is of another model or profile, or was run with other settings than
            it would be now.
    """
    then, now = before.settings, told.settings
    others = {name for name in before.chapters if name not in again}
    for name in sorted(others):
        same = then.parameters(name, folder, then.tuned) == now.parameters(name, folder, now.tuned)
        if same and then.profile == now.profile and then.precision == now.precision:
            continue
        option = next(o for o in OF_RESULTS if getattr(then, o) != getattr(now, o))
        raise DissectError(
            f"{folder} holds chapter {name} of a run with {option}={getattr(then, option)!r}: give this one "
            "another --name, or leave --sections out"
        )
    sections = [n for n, name in enumerate(CHAPTERS, start=1) if name in others or n in now.sections]
    told.settings = now.model_copy(update={"sections": tuple(sections)})
    told.command = manifest.command(told.settings)
    told.left_out = {**before.left_out, **told.left_out}
    told.chapters, told.head = before.chapters, told.head or before.head
    for group, revisions in before.revisions.items():
        told.revisions[group] = {**revisions, **told.revisions.get(group, {})}


def up_to_date(folder: Path, chapter: str, key: str, told: Manifest) -> bool:
    """Whether a chapter was run with this key, and all it left is there as it was left.

    Args:
        folder: Of the run.
        chapter: Its name.
        key: As `key_of` makes it.
        told: The run's manifest.
    """
    done = told.chapters.get(chapter)
    if done is None or done.key != key:
        return False
    left = {folder / "results" / name: sha for name, sha in done.results.items()}
    left[folder / "notebooks" / f"{chapter}.ipynb"] = done.notebook
    return all(hashing.of_file(path) == sha for path, sha in left.items())


def files_of(chapter: str) -> list[str]:
    """The file names of the tables that a chapter writes."""
    return [f"{name}.parquet" for name in CHAPTERS[chapter].tables]


def check(settings: Settings) -> Loaded:
    """Fail now rather than an hour later: is the model supported and sound, are the corpora there?

    Returns:
        The model.

    Raises:
        DissectError: They are not.
    """
    some: list[tuple[str, list[str]]] = []  # of each corpus
    for kind, name in settings.corpora().items():
        few, _ = counted(corpora.KINDS[kind](name, FEW, **settings.columns(kind)))
        some.append((name, few))
        if said := corpora.another_copy(name):
            note(said)
    pretrained = None
    sizes: list[tuple[int, int]] = []
    for name in (settings.model, *settings.tuned):
        loaded = models.load(name, "cpu")
        pretrained = pretrained or loaded
        config: Any = loaded.model.config
        sizes.append((config.num_hidden_layers, width(loaded.model)))
        refuse_unreadable(loaded)
    for name, size in zip(settings.tuned, sizes[1:], strict=True):
        if size != sizes[0]:
            raise DissectError(
                f"{name} has {size[0]} layers, {size[1]} wide, and {settings.model} has {sizes[0][0]}, "
                f"{sizes[0][1]} wide: --tuned takes a model that was fine-tuned from this one"
            )
    assert pretrained is not None
    left_out = unsuited(pretrained, settings.chapters())
    if len(left_out) == len(settings.chapters()):
        why = "; ".join(dict.fromkeys(left_out.values()))
        raise DissectError(f"{pretrained.label} cannot be run through what --sections names: {why}")
    if settings.head:
        refuse_other_head(settings.head, pretrained)
    for name, sentences in some:
        tell_uncovered(pretrained.tokenizer, name, sentences)
    return pretrained


def siblings(settings: Settings, folder: Path, say: Callable[[str], None]) -> list[str]:
    """The fine-tuned models as seen from the run's folder, one for named entities, or other tags, first.

    Tunes copies where none is given.

    Args:
        settings: The options of `dissect run`.
        folder: Of the run.
        say: Called with a line on what is done.
    """
    places = list(settings.tuned)
    if not places:
        for one in settings.to_tune():
            say(f"the model fine-tuned on {one.task}, seed {one.seed} …")
        places = mapped(partial(sibling, settings, folder / "models"), settings.to_tune(), "siblings")
        for stale in (folder / "models").glob(".*.checkpoint"):  # of trainings that nobody asks for now
            shutil.rmtree(stale, ignore_errors=True)
    if len(places) > 1:
        found = {place: models.tuned_for(models.load(place, "cpu").model)[0] for place in places}
        places.sort(key=lambda place: (found[place] != "ner", found[place] != "tags"))
    return [relative(place, folder) if Path(place).exists() else place for place in places]


def sibling(settings: Settings, folder: Path, one: Sibling) -> str:
    """The folder of a fine-tuned copy; see `tuned_sibling`.

    Args:
        settings: Of the run.
        folder: Of copies.
        one: Which is meant.
    """
    columns = settings.columns(LEARNED[one.task])
    return tuned_sibling(settings.model, one.corpus, folder, one.limit, one.seed, one.task, **columns)


def key_of(source: Path, parameters: dict, revisions: dict[str, str]) -> str:
    """What decides whether a chapter is up to date.

    Its code, parameters, models, corpora and versions, and the modules of the package that its code
    reaches. Prose is not part of it: the site takes prose from the repository.

    Args:
        source: The notebook.
        parameters: What goes into its `parameters` cell.
        revisions: Checksums of what it reads.
    """
    code = kernels.code_of(source)
    reached = sorted(hashing.reached_from(code))
    of_probes = precision.pick_precision() if "experiments.probes.precision" in reached else ""
    paper = {file.name: hashing.of_file(file) for file in sorted((PACKAGE / "data/published").glob("*.csv"))}
    return hashing.of_object(
        [code, parameters, revisions, of_probes, manifest.versions(), hashing.of_code(reached), paper]
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a run's folder; the lock goes with the process, however it ends.

    Raises:
        DissectError: Another run is at work there, or the folder cannot be made.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise DissectError(
            f"another run is at work in {folder}: wait until it is done, or give this one another --name"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def environment(settings: Settings) -> Iterator[None]:
    """Device, precision and data folder of a run, where its chapters' processes look for them.

    Raises:
        DissectError: The device is not to be had.
    """
    given = {
        models.DEVICE: settings.device,
        precision.VARIABLE: settings.precision,
        "DISSECT_DATA": settings.data and str(Path(settings.data).resolve()),
    }
    with variables({name: value for name, value in given.items() if value}):
        models.pick_device()
        yield
