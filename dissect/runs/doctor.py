"""What a run would find on this machine, and how long it would take: said before it starts."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import heapreplace
from importlib import metadata
from pathlib import Path

import pandas as pd
import torch
from packaging.requirements import Requirement

from dissect import corpora, models
from dissect.corpora.items import counted
from dissect.decomposition import Decomposer
from dissect.errors import DissectError
from dissect.experiments import masked_words, measures, named_entities, word_senses
from dissect.experiments.least_squares import LeastSquares
from dissect.experiments.probes import Choices, Split, Training, masked_head, sense_probe, two_layer
from dissect.features import batches, padded, tokenized
from dissect.models import TUNABLE, Loaded, width
from dissect.models.finetuning import by_default as recipe_of
from dissect.models.vocabulary import uncovered
from dissect.runs.chapters import CHAPTERS, by_default, number, unsuited
from dissect.runs.manifest import memory_gib
from dissect.runs.requirements import read_as, refuse_other_head, refuse_unreadable
from dissect.runs.settings import LEARNED, PROFILES, Settings, with_questions, with_siblings

OK, MISSING, NOTE = "ok", "missing", "note"
Finding = tuple[str, str, str]
# How many epochs probes take until they stop, by experience; an estimate needs no more.
EPOCHS = {"masked words": 8, "senses": 15, "entities": 16}
OF_PROBES = {"masked words": "3-mlm", "senses": "4-wsd", "entities": "5-ner"}
TRIAL = 0.6  # of the epochs of a probe, for one of the trials, most of which are broken off
PASSES = 7  # over test items, a layer: two sublayers ablated, swaps, and what works twice
SITE = 25.0  # seconds that the site takes
OVERHEAD = 12  # seconds that a chapter takes beside its work: its process, imports, pictures
UNITS = {"questions": "questions"}  # others have sentences
TRAINED = 3.5  # a step of fine-tuning beside a forward pass over the same tokens


def examine(settings: Settings) -> pd.DataFrame:
    """What a run with these settings would find.

    Seconds are estimated from a few timed batches and probe epochs: good to a factor of two.

    Returns:
        Columns what, state, detail; a state is ok, missing or note.
    """
    from dissect.runs.run import environment

    rows: list[Finding] = [*packages()]
    try:
        with environment(settings):
            settings = with_questions(settings)
            rows += [*machine()]
            loaded, of_model = model(settings)
            rows += of_model
            settings = with_siblings(settings, loaded) if loaded else settings
            sizes, of_corpora = tokens(settings, loaded)
            rows += [*of_corpora, *copies(settings)]
            if loaded and not any(state == MISSING for _, state, _ in rows):
                rows += [*memory_and_disk(loaded, sizes), *times(settings, loaded, sizes)]
    except DissectError as error:  # a device that is not to be had
        rows.append(("device", MISSING, str(error)))
    return pd.DataFrame(rows, columns=["what", "state", "detail"])


def packages() -> Iterator[Finding]:
    """Packages whose version is not the one that the project names."""
    other = []
    for line in metadata.requires("dissect") or []:
        needed = Requirement(line)
        if needed.marker and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            yield f"package {needed.name}", MISSING, f"pip install '{needed}'"
            continue
        if found not in needed.specifier:
            other.append(f"{needed.name} {found} for {needed.specifier}")
    yield "packages", NOTE if other else OK, "; ".join(other) or "at the versions that the project names"


def machine() -> Iterator[Finding]:
    """The device that a run would take."""
    device = models.pick_device()
    yield "device", OK, f"{device}, {torch.get_num_threads()} threads"


def model(settings: Settings) -> tuple[Loaded | None, list[Finding]]:
    """The model, and what is to be said of it and of those it is compared with."""
    rows: list[Finding] = []
    loaded = None
    for name in (settings.model, *settings.tuned):
        try:
            one = models.load(name)
            refuse_unreadable(one)
            rows.append(("model", OK, str(one)))
            loaded = loaded or one
        except DissectError as error:
            rows.append((f"model {name}", MISSING, str(error)))
    if loaded and settings.head:
        try:
            refuse_other_head(settings.head, loaded)
            rows.append(("head", OK, settings.head))
        except DissectError as error:
            rows.append((f"head {settings.head}", MISSING, str(error)))
    if loaded:
        rows += [("model", NOTE, line) for line in read_as(loaded)]
        left_out = unsuited(loaded, settings.chapters())
        rows += [(chapter, NOTE, f"left out: {why}") for chapter, why in left_out.items()]
    return loaded, rows


@dataclass(frozen=True)
class Size:
    """Tokens of a corpus, and the items whose terms are taken."""

    tokens: int = 0
    items: int = 0
    sentences: int = 0


def tokens(settings: Settings, loaded: Loaded | None) -> tuple[dict[str, Size], list[Finding]]:
    """How large each corpus of the run is; and whether it is there."""
    sizes, rows = {kind: Size() for kind in corpora.KINDS}, []
    limits = {LEARNED[one.task]: one.limit for one in with_all(settings).to_tune()}
    limits["text"] = settings.limit or PROFILES[settings.profile].sentences
    read = settings.corpora()
    others = {kind: name for kind, name in with_all(settings).corpora().items() if name == "teaching"}
    for kind, name in (others | read).items():
        try:
            sentences, items = counted(
                corpora.KINDS[kind](name, limits.get(kind, settings.limit), **settings.columns(kind))
            )
            total = sum(map(len, tokenized(loaded, sentences))) if loaded else 0
            sizes[kind] = Size(total, items, len(sentences))
            size = f"{len(sentences):,} {UNITS.get(kind, 'sentences')}, {total:,} tokens"
            unknown = uncovered(loaded.tokenizer, sentences) if loaded else ""
            found = (NOTE, f"{size}; {unknown}") if unknown else (OK, size)
        except DissectError as error:
            found = (MISSING, str(error))
        rows += [(f"corpus: {kind}", *found)] if kind in read else []
    return sizes, rows


def with_all(settings: Settings) -> Settings:
    """The settings with a copy for every task, where copies are tuned at all."""
    return settings.model_copy(update={} if settings.tuned else {"siblings": TUNABLE})


def copies(settings: Settings) -> Iterator[Finding]:
    """Corpora that are there, but are not the copy that the published runs read."""
    for name in settings.corpora().values():
        try:
            if said := corpora.another_copy(name):
                yield "corpus", NOTE, said
        except DissectError:
            continue  # said already


def memory_and_disk(loaded: Loaded, sizes: dict[str, Size]) -> Iterator[Finding]:
    """Room for the terms that are kept on disk, and mapped from there."""
    hidden = width(loaded.model)
    weights = sum(p.numel() * p.element_size() for p in loaded.model.parameters())
    items = 0.15 * sizes["text"].tokens + sizes["senses"].items + 2 * sizes["entities"].items
    kept = items * 4 * hidden * 4 + 2 * weights  # four terms, four bytes; and a fine-tuned copy
    free = shutil.disk_usage(Path.cwd()).free
    state = OK if free > 1.2 * kept else MISSING
    yield "disk", state, f"{kept / 2**30:.1f} GiB wanted, {free / 2**30:.1f} GiB free"
    largest = max(0.15 * sizes["text"].tokens, sizes["senses"].items, sizes["entities"].items)
    wanted = (4 * weights + 6 * largest * hidden * 4) / 2**30 + 1
    there = memory_gib()
    enough = there is None or there > wanted
    yield "memory", OK if enough else NOTE, f"about {wanted:.1f} GiB wanted, {there or 'unknown'} GiB there"


def times(settings: Settings, loaded: Loaded, sizes: dict[str, Size]) -> Iterator[Finding]:
    """Seconds by chapter, estimated, and of them all when so many run at a time.

    Args:
        settings: Of the run.
        loaded: Its model.
        sizes: Of its corpora, by kind.
    """
    seconds = estimates(settings, loaded, sizes)
    left_out = unsuited(loaded, settings.chapters())
    asked = {name: s for name, s in seconds.items() if name in settings.chapters() and name not in left_out}
    for name, value in asked.items():
        yield f"time of {name}", OK, f"about {said(value)}"
    if settings.to_tune():
        yield "time of fine-tuning", OK, f"about {said(seconds['fine-tuning'])}: {copies_of(settings)}"
        yield "more copies", NOTE, more(settings, seconds)
    chapters = [asked[name] for name in settings.order(asked)]
    total = makespan(chapters, settings.jobs) + seconds["fine-tuning"] + seconds["site"]
    yield "time of everything", OK, f"about {said(total)}, within a factor of two"
    for name in by_default_left_out(settings):
        option = f"--sections {','.join(map(str, sorted({*settings.sections, number(name)})))}"
        yield name, NOTE, f"not asked for: {option} adds about {said(seconds[name])}"


def by_default_left_out(settings: Settings) -> list[str]:
    """The chapters that a profile leaves out, and these settings do not name."""
    asked = {*by_default(settings.profile), *settings.sections}
    return [name for name in CHAPTERS if number(name) not in asked]


@dataclass(frozen=True)
class Cost:
    """What a run's work is made of, and how long each part takes here.

    Attributes:
        terms: Seconds a token of a pass that takes the terms of the last layer.
        layers: Of one that takes those of all layers.
        linear: Of the input and output of the feed-forwards.
        dependence: Of how far one term follows from another.
        epoch: Seconds of an epoch of a kind of probe.
        sizes: Of the corpora, by kind.
        models: How many are compared.
        masked_tokens: Those of the text, as often as it is masked.
        seeds: Of the probes, how many, by kind.
        trials: Of hyper-parameters, how many for each subset.
        depth: Layers of the model.
    """

    terms: float
    layers: float
    linear: float
    dependence: float
    epoch: dict[str, float]
    sizes: dict[str, Size]
    models: int
    masked_tokens: int
    seeds: dict[str, int]
    trials: int
    depth: int

    def tokens(self, kind: str) -> int:
        """The tokens of a corpus, by its kind."""
        return self.sizes[kind].tokens

    def probes(self, kind: str, models: int = 1) -> float:
        """Seconds of the probes of a kind: on all subsets, of so many models, and in the search before.

        Of the control two more are trained for each seed.
        """
        trained = (models * 15 + 2) * self.seeds[kind] + 15 * self.trials * TRIAL
        return trained * EPOCHS[kind] * self.epoch[kind]

    def controls(self) -> float:
        """Seconds of the chapter on controls: models with random weights, one a seed, and more probes."""
        passes = self.masked_tokens + self.tokens("senses") + self.tokens("entities")
        # five probes beside random weights; of senses and entities five more on labels without meaning
        a_kind = {"masked words": 5 + 5 + 9, "senses": 5 + 5 + 5 + 9, "entities": 5 + 5 + 5 + 9}
        probes = sum(n * EPOCHS[kind] * self.epoch[kind] for kind, n in a_kind.items())
        seeds = self.seeds["senses"]
        models = 1 + seeds
        return models * (passes * self.terms + self.tokens("text") * self.layers) + seeds * probes

    def causes(self) -> float:
        """Seconds of the chapter on causes: passes over a tenth of the items, and heads."""
        items = self.masked_tokens + self.tokens("senses")
        changed = 0.1 * PASSES * self.depth * items * self.terms
        heads = 4 * self.seeds["masked words"] * EPOCHS["masked words"] * self.epoch["masked words"]
        return items * self.terms + changed + heads + 2 * self.tokens("text") * self.layers


def estimates(settings: Settings, loaded: Loaded, sizes: dict[str, Size]) -> dict[str, float]:
    """Seconds by chapter, with its share of the threads, of fine-tuning and of the site.

    Args:
        settings: Of the run.
        loaded: Its model.
        sizes: Of its corpora, by kind.
    """
    masked = settings.maskings() * sizes["text"].tokens
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads(threads))
    try:
        rate = pass_rates(loaded)
        epoch = epoch_seconds(width(loaded.model), int(0.15 * masked), sizes)
    finally:
        torch.set_num_threads(threads)
    cost = Cost(
        **rate, epoch=epoch, sizes=sizes, masked_tokens=masked, trials=settings.trials,
        models=1 + len(settings.tuned or settings.to_tune()),
        seeds={kind: settings.seeds_of(chapter) for kind, chapter in OF_PROBES.items()},
        depth=int(getattr(loaded.model.config, "num_hidden_layers", 12)),
    )  # fmt: skip
    of_task = {
        one.task: recipe_of(one.task, one.corpus).epochs * tokens * cost.terms * TRAINED
        for one in with_all(settings).to_tune()
        if (tokens := sizes.get(LEARNED[one.task], Size()).tokens)
    }
    looked_at = cost.tokens("text") * cost.layers  # what chapter 2 does with each copy
    of_chapters = {name: OVERHEAD + chapter.seconds(cost) for name, chapter in CHAPTERS.items()}
    return of_chapters | {
        "site": SITE, "fine-tuning": sum(of_task.get(one.task, 0.0) for one in settings.to_tune()),
        **{f"another: {task}": seconds + looked_at for task, seconds in of_task.items()},
    }  # fmt: skip


def copies_of(settings: Settings) -> str:
    """The copies that a run tunes, in words."""
    return ", ".join(f"{one.task} (seed {one.seed})" for one in settings.to_tune())


def more(settings: Settings, seconds: dict[str, float]) -> str:
    """What each more copy would add to the time of a run.

    Args:
        settings: Of the run.
        seconds: Of its parts, as `estimates` gives them.
    """
    on = {one.task for one in settings.to_tune()}
    would = []
    for one in with_all(settings).to_tune():
        added = seconds.get(f"another: {one.task}")
        time = "not estimated" if added is None else f"about {said(added)}"
        what = f"{one.task}, another seed" if one.task in on else f"{one.task} on {one.corpus}"
        would.append(f"{what}: {time}")
    return f"--siblings {','.join(one.task for one in settings.to_tune())},… would add {'; '.join(would)}"


def makespan(seconds: Iterable[float], jobs: int) -> float:
    """When the last is done, if each is begun as soon as one of so many places is free.

    >>> makespan([3, 3, 2, 2], jobs=1), makespan([3, 3, 2, 2], jobs=2), makespan([5, 1, 1], jobs=2)
    (10.0, 5.0, 5.0)
    """
    free = [0.0] * jobs
    for taken in seconds:
        heapreplace(free, free[0] + taken)
    return max(free)


def pass_rates(loaded: Loaded) -> dict[str, float]:
    """Seconds a token of what the chapters do with text, from one batch of each."""
    ids = tokenized(loaded, corpora.text("teaching", 200))
    batch = padded(loaded, [ids[n] for n in batches([len(row) for row in ids])[0]])
    real = int(batch["attention_mask"].sum())
    decomposer = Decomposer(loaded.model)
    fits: dict[int, LeastSquares] = {}
    pairs = [LeastSquares() for _ in range(12)]

    def layers() -> None:
        for parts in decomposer.each_layer(**batch):
            parts.importance()

    def linear() -> None:
        measures.fit_feedforwards(fits, decomposer.feedforwards(**batch))

    def dependence() -> None:
        parts = decomposer(**batch)
        for n, fit in enumerate(pairs):
            fit.add(parts.terms[n % 4][parts.mask], parts.terms[(n + 1) % 4][parts.mask])

    work: dict[str, Callable[[], object]] = {
        "terms": lambda: decomposer(**batch), "layers": layers,
        "linear": linear, "dependence": dependence,
    }  # fmt: skip
    return {name: clock(call) / real for name, call in work.items()}


def epoch_seconds(hidden: int, targets: int, sizes: dict[str, Size]) -> dict[str, float]:
    """Seconds of an epoch of each probe, from one on few random items.

    Args:
        hidden: The width of the embeddings.
        targets: How many masked positions there are.
        sizes: Of the corpora, by kind.
    """
    few = 2000
    x = torch.randn(few, hidden)
    split = Split(torch.arange(few), torch.arange(100), torch.arange(100))
    types = min(max(targets // 6, 100), 8000)  # word pieces seen; a text has about so many

    def timed(default: Training, items: int, call: Callable[[Training], object]) -> float:
        training = replace(default, epochs=1, batch_size=default.suited_to(max(items, 1)).batch_size)
        return clock(lambda: call(training)) * 0.8 * items / few

    labels = torch.randint(types, (few,))
    senses = torch.arange(few) % 4
    choices = Choices(torch.zeros(few, dtype=torch.long), torch.full((few,), 4))
    return {
        "masked words": timed(masked_words.TRAINING, targets,
                              lambda t: masked_head(x, labels, split, t, 0, torch.arange(types))),
        "senses": timed(word_senses.TRAINING, sizes["senses"].items,
                        lambda t: sense_probe(x, senses, 4, choices, split, t, 0)),
        "entities": timed(named_entities.TRAINING, sizes["entities"].items,
                          lambda t: two_layer(x, senses, 4, split, t, 0)),
    }  # fmt: skip


def clock(call: Callable[[], object]) -> float:
    """Seconds of the second of two calls: the first warms up."""
    call()
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def said(seconds: float) -> str:
    """Seconds in words, in the unit that reads best."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
