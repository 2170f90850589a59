"""What a run would find on this machine, and how long it would take: said before it starts."""

import shutil
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pandas as pd
import torch
from packaging.requirements import Requirement

from dissect import corpora, models
from dissect.corpora.items import counted
from dissect.errors import DissectError
from dissect.features import tokenized
from dissect.models import Loaded, width
from dissect.models.vocabulary import uncovered
from dissect.runs.chapters import CHAPTERS, by_default, number, unsuited
from dissect.runs.estimates import estimates, makespan, with_all
from dissect.runs.experience import RUNS, experience
from dissect.runs.manifest import memory_gib
from dissect.runs.requirements import read_as, refuse_other_head, refuse_unreadable
from dissect.runs.settings import LEARNED, Settings, with_questions, with_siblings
from dissect.runs.sizes import Size, classes_of

OK, MISSING, NOTE = "ok", "missing", "note"
Finding = tuple[str, str, str]
UNITS = {"questions": "questions"}  # others have sentences


def examine(settings: Settings) -> pd.DataFrame:
    """What a run with these settings would find.

    Seconds are those of finished runs in runs/, or estimated from a few batches and probes timed on the spot.

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


def tokens(settings: Settings, loaded: Loaded | None) -> tuple[dict[str, Size], list[Finding]]:
    """How large each corpus of the run is; and whether it is there."""
    sizes, rows = {kind: Size() for kind in corpora.KINDS}, []
    limits = {LEARNED[one.task]: one.limit for one in with_all(settings).to_tune()}
    limits |= {"text": settings.sentences_of("3-mlm"), "entities": settings.sentences_of("5-ner")}
    read = settings.corpora()
    others = {kind: name for kind, name in with_all(settings).corpora().items() if name == "teaching"}
    for kind, name in (others | read).items():
        try:
            told = corpora.KINDS[kind](name, limits.get(kind, settings.limit), **settings.columns(kind))
            sentences, items = counted(told)
            ids = tokenized(loaded, sentences) if loaded else []
            total, classes = sum(map(len, ids)), classes_of(told, ids, settings.maskings())
            sizes[kind] = Size(total, items, len(sentences), classes)
            size = f"{len(sentences):,} {UNITS.get(kind, 'sentences')}, {total:,} tokens"
            unknown = uncovered(loaded.tokenizer, sentences) if loaded else ""
            found = (NOTE, f"{size}; {unknown}") if unknown else (OK, size)
        except DissectError as error:
            found = (MISSING, str(error))
        rows += [(f"corpus: {kind}", *found)] if kind in read else []
    return sizes, rows


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
    yield "time of everything", OK, f"about {said(total)}"
    yield "estimated", NOTE, grounds(experience(settings, RUNS).sources)
    for name in by_default_left_out(settings):
        option = f"--sections {','.join(map(str, sorted({*settings.sections, number(name)})))}"
        yield name, NOTE, f"not asked for: {option} adds about {said(seconds[name])}"


def grounds(sources: Mapping[str, str]) -> str:
    """What estimates rest on, in words.

    Args:
        sources: The run that told, by what it told; see `experience.Experience`.

    >>> grounds({"rates of terms": "mine", "epochs of trials": "its"})
    'rates of terms from run mine; epochs of trials from run its; others timed on the spot or tabulated'
    """
    told: dict[str, list[str]] = {}
    for what, run in sources.items():
        told.setdefault(run, []).append(what)
    parts = [f"{', '.join(said)} from run {run}" for run, said in told.items()]
    return "; ".join([*parts, f"{'others ' if parts else ''}timed on the spot or tabulated"])


def by_default_left_out(settings: Settings) -> list[str]:
    """The chapters that a profile leaves out, and these settings do not name."""
    asked = {*by_default(settings.profile), *settings.sections}
    return [name for name in CHAPTERS if number(name) not in asked]


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


def said(seconds: float) -> str:
    """Seconds in words, in the unit that reads best."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
