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

from dissect import corpora, masked_words, measures, models, named_entities, word_senses
from dissect.decomposition import Decomposer
from dissect.errors import DissectError
from dissect.features import batches, padded, tokenized
from dissect.finetuning import DEFAULTS
from dissect.heads import width
from dissect.least_squares import LeastSquares
from dissect.manifest import memory_gib
from dissect.models import Loaded
from dissect.probes import Choices, Split, Training, masked_head, sense_probe, two_layer
from dissect.settings import PROFILES, Settings
from dissect.suitability import refuse_other_head, unsuited

OK, MISSING, NOTE = "ok", "missing", "note"
Finding = tuple[str, str, str]
# How many epochs probes take until they stop, by experience; an estimate needs no more.
EPOCHS = {"masked words": 5, "senses": 15, "entities": 9}
TRIAL = 0.6  # of the epochs of a probe, for one of the trials, most of which are broken off
OVERHEAD = 12  # seconds that a chapter takes beside its work: its process, imports, pictures
TRAINED = 3.5  # a step of fine-tuning beside a forward pass over the same tokens


def examine(settings: Settings) -> pd.DataFrame:
    """What a run with these settings would find: what, state, detail. States: ok, missing, note.

    Seconds are estimated from a few timed batches and probe epochs: good to a factor of two.
    """
    from dissect.run import environment

    rows: list[Finding] = [*packages()]
    try:
        with environment(settings):
            rows += [*machine()]
            loaded, of_model = model(settings)
            rows += of_model
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
            Decomposer(one.model)(**padded(one, tokenized(one, ["The crane stood in the river."])))
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
    profile, sections = PROFILES[settings.profile], set(settings.sections)
    limit = settings.limit

    def of_text() -> tuple[list[str], int]:
        return corpora.text(settings.corpus or profile.text, limit or profile.sentences), 0

    def of_senses() -> tuple[list[str], int]:
        data = corpora.senses(profile.senses, limit)
        return data.sentences, len(data.items)

    def of_entities() -> tuple[list[str], int]:
        parts = corpora.entities(profile.entities, limit)
        sentences = [sentence for part in parts.values() for sentence in part]
        return [s.text for s in sentences], sum(len(s.tags) for s in sentences)

    def of_tuning() -> tuple[list[str], int]:
        return [sentence.text for sentence in corpora.tuning(profile.tuning, limit)], 0

    asked: dict[str, tuple[set[int], Callable[[], tuple[list[str], int]]]] = {
        "text": ({1, 2, 3}, of_text), "senses": ({4}, of_senses), "entities": ({5}, of_entities),
        "tuning": (set() if settings.tuned else {2, 5}, of_tuning),
    }  # fmt: skip
    sizes, rows = {name: Size() for name in asked}, []
    for name, (needed_by, read) in asked.items():
        if not needed_by & sections:
            continue
        try:
            sentences, items = read()
            total = sum(map(len, tokenized(loaded, sentences))) if loaded else 0
            sizes[name] = Size(total, items, len(sentences))
            rows.append((f"corpus: {name}", OK, f"{len(sentences):,} sentences, {total:,} tokens"))
        except DissectError as error:
            rows.append((f"corpus: {name}", MISSING, str(error)))
    return sizes, rows


def copies(settings: Settings) -> Iterator[Finding]:
    """Corpora that are there, but are not the copy that the published runs read."""
    for name in settings.corpora():
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
    """Seconds by chapter, estimated, and of them all when so many run at a time."""
    seconds = estimates(settings, loaded, sizes)
    left_out = unsuited(loaded, settings.chapters())
    asked = {name: s for name, s in seconds.items() if name in settings.chapters() and name not in left_out}
    for name, value in asked.items():
        yield f"time of {name}", OK, f"about {said(value)}"
    chapters = [asked[name] for name in settings.order(asked)]
    total = makespan(chapters, settings.jobs) + seconds["fine-tuning"] + seconds["site"]
    yield "time of everything", OK, f"about {said(total)}, within a factor of two"


def estimates(settings: Settings, loaded: Loaded, sizes: dict[str, Size]) -> dict[str, float]:
    """Seconds by chapter, with its share of the threads, of fine-tuning and of the site."""
    profile = PROFILES[settings.profile]
    seeds, text = settings.seeds or profile.seeds, sizes["text"]
    times = settings.maskings()
    others = len(settings.tuned) or 1
    probes, trials = 15 * seeds, settings.trials * TRIAL
    targets = int(0.15 * text.tokens * times)
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads(threads))
    try:
        rate = pass_rates(loaded)
        epoch = epoch_seconds(width(loaded.model), targets, sizes)
    finally:
        torch.set_num_threads(threads)
    of_tuning = DEFAULTS["ner"].epochs * sizes["tuning"].tokens * rate["terms"] * TRAINED
    return {
        "1-derivation": OVERHEAD + text.tokens * (rate["linear"] + rate["dependence"]),
        "2-visualisation": OVERHEAD + text.tokens * rate["layers"] * (1 + others),
        "3-mlm": OVERHEAD + times * text.tokens * rate["terms"]
        + (probes + trials) * EPOCHS["masked words"] * epoch["masked words"],
        "4-wsd": OVERHEAD + sizes["senses"].tokens * rate["terms"]
        + (probes + trials) * EPOCHS["senses"] * epoch["senses"],
        "5-ner": OVERHEAD + 2 * sizes["entities"].tokens * rate["terms"]
        + (2 * probes + trials) * EPOCHS["entities"] * epoch["entities"],
        "6-finer": OVERHEAD,
        "fine-tuning": of_tuning if not settings.tuned else 0.0,
        "site": 25.0,
    }  # fmt: skip


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
    """Seconds of an epoch of each probe, from one on few random items."""
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
