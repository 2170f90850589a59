"""What finished runs tell of how long work takes: epochs of probes, and seconds on this machine."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import log
from pathlib import Path

import pandas as pd

from dissect.errors import DissectError
from dissect.places import PACKAGE
from dissect.reuse import Work
from dissect.runs import manifest
from dissect.runs.chapters import CHAPTERS
from dissect.runs.kernels import STARTING
from dissect.runs.manifest import Chapter, Manifest
from dissect.runs.settings import Settings
from dissect.runs.spent import OTHER, of_chapter

RUNS = Path("runs")
TABLE = (
    PACKAGE / "data" / "experience.csv"
)  # what, of, value, source: by `benchmarks/estimates.py --experience`
OF_PROBES = {"masked-word heads": "3-mlm", "sense probes": "4-wsd", "entity probes": "5-ner"}
TRIALS, TRIAL = "trials of ", 0.6  # of the epochs of a probe those of a trial, most of which are broken off
MANY = 10_000  # sentences, where there is no limit
# Chapters whose passes are of a kind, and what is timed with a pass.
OF_PASSES = {
    "terms": ("3-mlm", "4-wsd", "5-ner"),
    "layers": ("2-visualisation",),
    "linear": ("1-derivation",),
}
PASSED = ("passes", "least squares")
FIXED = (STARTING, "pictures", "statistics")  # takes about as long whatever the corpus
REST = ("storing", "vectors", "nearest neighbours", OTHER)  # grows with it
OF_RATES = ("model", "jobs", "precision")  # settings that rates depend on
LONG = 5.0  # seconds of a kind of work; from less no rate is taken
SAME = ("system", "processor", "cores", "threads", "instructions", "device", "accelerator")


@dataclass
class Experience:
    """What is known before a run.

    Attributes:
        epochs: Of a probe, by kind; where it is known of a trial of it, too.
        rates: Seconds a token passed, or an item that a probe is trained on in all its epochs, by kind; those
            that a finished run tells.
        fixed: Seconds beside these, by chapter.
        rest: The same that grow with the corpus: seconds a token passed.
        sources: The run here that told, by what it told.
    """

    epochs: dict[str, float] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    fixed: dict[str, float] = field(default_factory=dict)
    rest: dict[str, float] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def trial(self, kind: str) -> float:
        """The epochs of a trial of hyper-parameters, over those of a probe of a kind."""
        return self.epochs[TRIALS + kind] / self.epochs[kind] if TRIALS + kind in self.epochs else TRIAL


def experience(settings: Settings, runs: Path) -> Experience:
    """What the nearest finished runs tell; epochs, and what comes beside the work, else from a table.

    Seconds are those of runs on a machine like this one; rates, besides, of the same model and corpora.

    Args:
        settings: Of a run that is to be.
        runs: The folder of runs.
    """
    known = tabulated()
    here = manifest.machine()
    for told in sorted(finished(runs), key=lambda told: distance(settings, told), reverse=True):
        learn(known, told, "epochs", epochs(told))  # the nearest comes last, and has the last word
        if all(told.machine.get(name) == here.get(name) for name in SAME):
            fixed, rest = beside(told)
            learn(known, told, "fixed", fixed)
            learn(known, told, "rest", rest)
            learn(known, told, "rates", rates(settings, told))
    return known


def tabulated() -> Experience:
    """What the runs told of which the table was made."""
    table = pd.read_csv(TABLE)
    known = Experience()
    for what in ("epochs", "fixed", "rest"):
        part = table[table["what"] == what]
        getattr(known, what).update(zip(part["of"], part["value"].astype(float), strict=True))
    return known


def finished(runs: Path) -> list[Manifest]:
    """The manifests in a folder of runs that can be read and tell where their time went."""
    there = []
    for path in sorted(runs.glob("*/manifest.json")):
        try:
            told = manifest.read(path.parent)
        except DissectError:
            continue  # whoever lists the runs is told
        if told and all(STARTING in (chapter.work or {}) for chapter in told.chapters.values()):
            there.append(told)
    return there


def distance(settings: Settings, told: Manifest) -> tuple[int, float]:
    """How far a run is from another, as far as epochs and seconds go: settings that differ, then its size.

    Args:
        settings: Of the other.
        told: Its manifest.
    """
    mine, its = settings.named(), told.settings.named()
    others = sum(mine[kind] != its[kind] for kind in ("text", "senses", "entities"))
    sizes = [one.limit or MANY for one in (settings, told.settings)]
    return others + (settings.model != told.settings.model), abs(log(sizes[0] / sizes[1]))


def learn(known: Experience, told: Manifest, what: str, values: dict[str, float]) -> None:
    """Put what a run tells in the place of what was known.

    Args:
        known: Is changed.
        told: The run's manifest.
        what: The field of `Experience`.
        values: By kind of work or chapter.
    """
    getattr(known, what).update(values)
    known.sources.update({f"{what} of {name}": told.settings.name for name in values})


def epochs(told: Manifest) -> dict[str, float]:
    """The mean over probes, and over trials, of the epochs that they took, by kind."""
    work = together(told.chapters.values(), OF_PROBES)
    for kind, chapter in OF_PROBES.items():
        if chapter in told.chapters and (tried := (told.chapters[chapter].work or {}).get("trials")):
            work[TRIALS + kind] = tried
    return {
        kind: of.sizes["epochs"] / (of.computed + of.reused)
        for kind, of in work.items()
        if of.sizes.get("epochs")
    }


def rates(settings: Settings, told: Manifest) -> dict[str, float]:
    """Seconds a token passed, or an item of a probe, by kind; of what took long enough to tell.

    Args:
        settings: Of a run that is to be; of one with another model, or other corpora, nothing is told.
        told: The manifest of a run.
    """
    if any(getattr(settings, option) != getattr(told.settings, option) for option in OF_RATES):
        return {}
    found = {}
    for kind, chapters in OF_PASSES.items():
        work = together((told.chapters[name] for name in chapters if name in told.chapters), PASSED)
        found[kind] = rate(work.values(), "tokens")
    same = {kind for kind, name in settings.named().items() if name == told.settings.named()[kind]}
    for kind, chapter in OF_PROBES.items():
        work = together(told.chapters.values(), [kind]) if CHAPTERS[chapter].corpus in same else {}
        found[kind] = rate(work.values(), "items")
    return {kind: value for kind, value in found.items() if value}


def rate(work: Iterable[Work], size: str) -> float:
    """Seconds over a size; 0 where it is not told, or where there was too little work to tell.

    Args:
        work: Of one kind, or of several that belong together.
        size: Which is taken.
    """
    some = list(work)
    seconds = sum(of.seconds + of.reused_seconds for of in some)
    amount = sum(of.sizes.get(size, 0.0) for of in some)
    return seconds / amount if amount and seconds >= LONG else 0.0


def beside(told: Manifest) -> tuple[dict[str, float], dict[str, float]]:
    """What comes beside the work, by chapter: seconds whatever the corpus, and seconds a token passed."""
    fixed, rest = {}, {}
    for name, chapter in told.chapters.items():
        work = of_chapter(chapter)
        fixed[name] = sum(work[kind].seconds for kind in FIXED if kind in work)
        growing = sum(work[kind].seconds for kind in REST if kind in work)
        tokens = work["passes"].sizes.get("tokens", 0.0) if "passes" in work else 0.0
        if tokens:
            rest[name] = growing / tokens
        else:
            fixed[name] += growing
    return fixed, rest


def together(chapters: Iterable[Chapter], kinds: Iterable[str]) -> dict[str, Work]:
    """The work of chapters by kind.

    Args:
        chapters: Of a run.
        kinds: Which are asked for.
    """
    asked = list(kinds)
    found: dict[str, Work] = {}
    for chapter in chapters:
        for kind, of in (chapter.work or {}).items():
            if kind in asked:
                found[kind] = found[kind] + of if kind in found else of
    return found
