"""How long a run would take: the amounts of its work, each times what a unit of it takes here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heapreplace
from pathlib import Path

import torch

from dissect.models import TUNABLE, Loaded, width
from dissect.models.finetuning import by_default as recipe_of
from dissect.runs.chapters import CHAPTERS
from dissect.runs.experience import OF_PROBES, RUNS, Experience, experience
from dissect.runs.rates import PASSES, pass_rates, probe_rates
from dissect.runs.settings import LEARNED, Settings
from dissect.runs.sizes import Size

SUBSETS, CONTROL = 16, 2  # probes of a model and seed, and of their control
TERM_BY_TERM, ANEW = 6, 10  # subsets in controls; of terms side by side what is not found done, by its width
CHANGED = 7  # passes over test items, a layer: two sublayers ablated, swaps, and what works twice
TESTED, LEARNED_FROM = 0.1, 0.8  # shares of the items
SITE = 25.0  # seconds that the site takes
TRAINED = 3.5  # a step of fine-tuning beside a forward pass over the same tokens


@dataclass(frozen=True)
class Amounts:
    """How much work of each kind a run is made of: tokens passed, and items that probes are trained on.

    Attributes:
        sizes: Of the corpora, by kind.
        models: How many are compared.
        maskings: How often the text is masked.
        seeds: Of the probes, how many, by kind.
        trials: Of hyper-parameters, how many for each subset.
        depth: Layers of the model.
        found: How many epochs probes take, and what comes beside the work.
    """

    sizes: Mapping[str, Size]
    models: int
    maskings: int
    seeds: Mapping[str, int]
    trials: int
    depth: int
    found: Experience

    def tokens(self, kind: str) -> int:
        """The tokens of a corpus, by its kind."""
        return self.sizes.get(kind, Size()).tokens

    def size(self, kind: str) -> tuple[int, int]:
        """The items that probes of a kind are trained on, and the classes of their labels."""
        corpus = CHAPTERS[OF_PROBES[kind]].corpus
        of = self.sizes.get(corpus, Size())
        items = of.targets(self.maskings) if corpus == "text" else of.items
        return int(LEARNED_FROM * items), of.classes

    @property
    def masked(self) -> int:
        """The tokens of the text, as often as it is masked."""
        return self.maskings * self.tokens("text")

    def probes(self, kind: str, models: int = 1, splits: int = 1) -> dict[str, float]:
        """The items of all probes of a kind together, those of the search before among them.

        Args:
            kind: Of probes.
            models: On whose terms they are trained.
            splits: Of the items.
        """
        trained = (models * SUBSETS + CONTROL) * self.seeds[kind]
        tried = (SUBSETS - 1) * self.trials * self.found.trial(kind)
        return {kind: splits * (trained + tried) * self.size(kind)[0]}

    def controls(self) -> dict[str, float]:
        """Of the chapter on controls: models with random weights, one a seed, and more probes."""
        seeds = self.seeds["sense probes"]
        passed = self.masked + self.tokens("senses") + self.tokens("entities")
        # beside random weights; of senses and entities as many on labels without meaning
        each = {"masked-word heads": 2, "sense probes": 3, "entity probes": 3}
        probes = {
            kind: seeds * (n * TERM_BY_TERM + ANEW) * self.size(kind)[0] for kind, n in each.items()
        }  # fmt: skip
        return {"terms": (1 + seeds) * passed, "layers": (1 + seeds) * self.tokens("text"), **probes}

    def causes(self) -> dict[str, float]:
        """Of the chapter on causes: passes over the sentences of test items, and heads."""
        passed = self.masked + self.tokens("senses")
        changed = TESTED * CHANGED * self.depth * passed
        heads = 4 * self.seeds["masked-word heads"] * self.size("masked-word heads")[0]
        return {"terms": passed + changed, "layers": 2 * self.tokens("text"), "masked-word heads": heads}


def amounts(settings: Settings, loaded: Loaded, sizes: Mapping[str, Size], found: Experience) -> Amounts:
    """The amounts of a run's work.

    Args:
        settings: Of the run.
        loaded: Its model.
        sizes: Of its corpora, by kind.
        found: How many epochs probes take.
    """
    return Amounts(
        sizes=sizes, maskings=settings.maskings(), trials=settings.trials, found=found,
        models=1 + len(settings.tuned or settings.to_tune()),
        seeds={kind: settings.seeds_of(chapter) for kind, chapter in OF_PROBES.items()},
        depth=int(getattr(loaded.model.config, "num_hidden_layers", 12)),
    )  # fmt: skip


def estimates(
    settings: Settings, loaded: Loaded, sizes: Mapping[str, Size], runs: Path = RUNS
) -> dict[str, float]:
    """Seconds by chapter, with its share of the threads, of fine-tuning and of the site.

    Args:
        settings: Of the run.
        loaded: Its model.
        sizes: Of its corpora, by kind.
        runs: The folder of finished runs; see `experience`.
    """
    found = experience(settings, runs)
    work = amounts(settings, loaded, sizes, found)
    rates = rates_here(settings, loaded, work)
    seconds = {name: of_chapter(name, work, rates) for name in CHAPTERS}
    of_task = {
        one.task: recipe_of(one.task, one.corpus).epochs * tokens * rates["terms"] * TRAINED
        for one in with_all(settings).to_tune()
        if (tokens := work.tokens(LEARNED[one.task]))
    }
    looked_at = work.tokens("text") * rates["layers"]  # what chapter 2 does with each copy
    return seconds | {
        "site": SITE, "fine-tuning": sum(of_task.get(one.task, 0.0) for one in settings.to_tune()),
        **{f"another: {task}": taken + looked_at for task, taken in of_task.items()},
    }  # fmt: skip


def of_chapter(name: str, work: Amounts, rates: Mapping[str, float]) -> float:
    """Seconds of a chapter: what its work takes, and what comes with it.

    Args:
        name: Of the chapter.
        work: The amounts of the run.
        rates: Seconds a unit.
    """
    units = CHAPTERS[name].work(work)
    passed = sum(units.get(kind, 0.0) for kind in PASSES)
    beside = work.found.fixed.get(name, 0.0) + passed * work.found.rest.get(name, 0.0)
    return beside + sum(amount * rates[kind] for kind, amount in units.items())


def rates_here(settings: Settings, loaded: Loaded, work: Amounts) -> dict[str, float]:
    """Seconds a unit of each kind of work: as finished runs tell, others timed on the spot.

    Args:
        settings: Of the run.
        loaded: Its model.
        work: The amounts of the run.
    """
    told = work.found.rates
    sizes = {kind: size for kind in OF_PROBES if kind not in told and (size := work.size(kind))[0]}
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads(threads))
    try:
        passes = {} if told.keys() >= {*PASSES} else pass_rates(loaded)
        epochs = probe_rates(width(loaded.model), sizes)
    finally:
        torch.set_num_threads(threads)
    probes = {kind: seconds * work.found.epochs[kind] for kind, seconds in epochs.items()}
    return {**dict.fromkeys(OF_PROBES, 0.0), **passes, **probes, **told}


def with_all(settings: Settings) -> Settings:
    """The settings with a copy for every task, where copies are tuned at all."""
    return settings.model_copy(update={} if settings.tuned else {"siblings": TUNABLE})


def makespan(seconds: Iterable[float], jobs: int) -> float:
    """When the last is done, if each is begun as soon as one of so many places is free.

    >>> makespan([3, 3, 2, 2], jobs=1), makespan([3, 3, 2, 2], jobs=2), makespan([5, 1, 1], jobs=2)
    (10.0, 5.0, 5.0)
    """
    free = [0.0] * jobs
    for taken in seconds:
        heapreplace(free, free[0] + taken)
    return max(free)
