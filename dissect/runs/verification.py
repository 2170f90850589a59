"""Holds a finished run against its manifest: its files, what it read, and a sample of its results."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dissect import models
from dissect.errors import DissectError
from dissect.experiments.probes.precision import trained_in
from dissect.hashing import of_file
from dissect.progress import track
from dissect.report import claims, readings
from dissect.runs import manifest, provenance, samples
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import Manifest
from dissect.tables import results

SAME, DIFFERS, UNKNOWN, OTHER, ELSEWHERE = "same", "differs", "not here", "other version", "other hardware"
Finding = tuple[str, str, str]  # what, one of the above, in words


def verify(folder: Path, sample: bool = True) -> pd.DataFrame:
    """What holds of a run.

    Args:
        folder: The run's.
        sample: Also recompute some results: importance of the pretrained model and of random weights, one
            predictor of each experiment, and how often like word pieces are nearest. They are the same to the
            last digit on the same hardware. On other hardware a probe trained on other last digits may differ
            by a little more: "other hardware" where it is by less than the standard deviation of that score
            over the run's seeds, or its standard error where nothing is drawn.

    Returns:
        Columns what, finding, detail; a finding is same, differs, not here, other version or other hardware.

    Raises:
        DissectError: The folder holds no run whose manifest and tables can be read.
    """
    told = manifest.required(folder)
    rows = [*files(folder, told), *inside(folder), *versions(told), *read_from(folder, told)]
    if sample:
        rows += sampled_again(folder, told, {what: finding for what, finding, _ in rows})
    return pd.DataFrame(rows, columns=["what", "finding", "detail"])


def files(folder: Path, told: Manifest) -> Iterator[Finding]:
    """The run's tables and notebooks by their checksums."""
    expected = {folder / "results" / name: sha for name, sha in told.results.items()}
    for name, chapter in told.chapters.items():
        if chapter.notebook:
            expected[folder / "notebooks" / f"{name}.ipynb"] = chapter.notebook
    for path, sha in expected.items():
        found = of_file(path)
        detail = "" if found == sha else "altered" if found else "missing"
        yield path.relative_to(folder).as_posix(), DIFFERS if detail else SAME, detail
    for path in sorted((folder / "results").glob("*.parquet")):
        if path not in expected:
            yield path.relative_to(folder).as_posix(), DIFFERS, "the manifest does not name it"


def inside(folder: Path) -> Iterator[Finding]:
    """Tables against one another: means against scores, verdicts against the tables judged."""
    try:
        tables = results.read(folder / "results")
    except DissectError as error:
        yield "the tables together", DIFFERS, str(error)
        return
    for name in ("masked_words", "senses", "senses_documents", "entities"):
        if {name, f"{name}_intervals"} <= set(tables):
            yield f"{name}: means of scores", *means(tables[name], tables[f"{name}_intervals"])
    if "verdicts" in tables:
        try:
            again = claims.verdicts({k: v for k, v in tables.items() if k != "verdicts"})
        except DissectError as error:
            yield "verdicts of the tables", DIFFERS, str(error)
            return
        columns = ["claim", "verdict", "numbers"]
        same = again[columns].equals(tables["verdicts"][columns])
        yield "verdicts of the tables", SAME if same else DIFFERS, "" if same else "other code, or altered"


def means(scores: pd.DataFrame, intervals: pd.DataFrame) -> tuple[str, str]:
    """Means over runs in one table against the scores in the other."""
    worst = 0.0
    for (score, predictor), part in intervals.groupby(["score", "predictor"]):
        if score == "accuracy_masked":  # in the table of what stood at the targets, not in this one
            continue
        if score not in scores:
            return DIFFERS, f"there is no score {score!r}"
        seen = readings.means(scores, str(predictor), str(score))
        worst = np.maximum(worst, (part.set_index("terms")["mean"] - seen).abs().to_numpy().max())
    same = worst < samples.EXACT  # which a missing mean is not
    return (SAME, "") if same else (DIFFERS, f"by {worst:.1e}")


def versions(told: Manifest) -> Iterator[Finding]:
    """The versions of packages, then and now."""
    for name, version in manifest.versions().items():
        then = told.versions.get(name, "unknown")
        yield f"version of {name}", SAME if version == then else OTHER, f"{then} then, {version} now"


def read_from(folder: Path, told: Manifest) -> Iterator[Finding]:
    """The models and corpora that the run read, by their checksums."""
    for name, sha in told.revisions.get("models", {}).items():
        yield f"model: {name}", *compared(sha, partial(model_revision, folder, told, name))
    for name, sha in told.revisions.get("corpora", {}).items():
        yield f"corpus: {name}", *compared(sha, partial(corpus_revision, folder, told, name))


def compared(sha: str, found: Callable[[], str]) -> tuple[str, str]:
    """A checksum against one that may not be to be had here."""
    try:
        return (SAME, "") if found() == sha else (DIFFERS, "another revision than the run read")
    except DissectError as error:
        return UNKNOWN, str(error)


def model_revision(folder: Path, told: Manifest, name: str) -> str:
    """The checksum of a model of the run, as it is found here.

    Args:
        folder: Of the run.
        told: Its manifest.
        name: What the manifest calls the model.
    """
    settings = told.settings
    if name == "head":
        loaded = models.load(found_at(folder, settings.model), "cpu")
        head = models.load_word_head(loaded, settings.head and found_at(folder, settings.head))
        return models.fingerprint(head) if head else ""
    of = name.removeprefix(provenance.TOKENIZER)
    places = {"model": settings.model}
    places |= {f"tuned {n}": place for n, place in enumerate(tuned_of(told), start=1)}
    if of not in places:
        raise DissectError(f"the run names no model {of!r}")
    where = places[of]
    loaded = models.load(found_at(folder, where), "cpu")
    return models.fingerprint(loaded.model) if of == name else models.tokenizer_sha256(loaded.tokenizer)


def found_at(folder: Path, name: str) -> str:
    """A model or file of a run, from here.

    Args:
        folder: Of the run.
        name: What its manifest calls it.

    Raises:
        DissectError: It was read from a folder of its own, and is not there.
    """
    place = manifest.place(folder, name)
    if name.startswith(".") and not os.path.exists(place):
        raise DissectError(f"the run read files of its own: put them, or a link to them, at {place}")
    return place


def tuned_of(told: Manifest) -> list[str]:
    """The fine-tuned models of a run, as its chapters were given them."""
    for name, chapter in told.chapters.items():
        if CHAPTERS[name].tuned:
            tuned = chapter.parameters.get("tuned")
            return [tuned] if isinstance(tuned, str) else list(tuned or [])
    return list(told.settings.tuned)


def corpus_revision(folder: Path, told: Manifest, name: str) -> str:
    """The checksum of a corpus of the run, as it is found here.

    Args:
        folder: Of the run.
        told: Its manifest.
        name: What the manifest calls the corpus.
    """
    every = {"sections": tuple(range(1, len(CHAPTERS) + 1)), "tuned": ()}
    named = told.settings.model_copy(update=every).corpora()
    if name not in named:
        raise DissectError(f"{name!r} is no corpus")
    place = found_at(folder, named[name])
    return provenance.of_corpus(name, place, **told.settings.columns(name))


def sampled_again(folder: Path, told: Manifest, found: dict[str, str]) -> Iterator[Finding]:
    """Some results computed again, of chapters whose model and corpus are here and the same.

    Args:
        folder: Of the run.
        told: Its manifest.
        found: By model or corpus, whether it is here and the same.
    """
    try:
        tables = results.read(folder / "results")
    except DissectError:
        return  # said above
    sampled = {name: CHAPTERS[name].sample for name in told.chapters}
    for chapter, again in track([(c, s) for c, s in sampled.items() if s], "computing results again"):
        needs = ["model: model", f"corpus: {CHAPTERS[chapter].corpus}"]
        if any(found.get(need, SAME) != SAME for need in needs):
            yield f"sample of {chapter}", UNKNOWN, "its model or corpus is not here as it was"
            continue
        parameters = told.chapters[chapter].parameters
        there = os.getcwd()
        try:
            os.chdir(folder)  # where the chapter ran: its parameters are paths from there
            with trained_in(told.settings.precision):
                then, now, allowed, spread = again(parameters, tables)
        except (
            LookupError,
            ValueError,
            TypeError,
            AttributeError,
            RuntimeError,
            OSError,
            DissectError,
        ) as error:
            what = f"{type(error).__name__}: {error}"
            yield f"sample of {chapter}", DIFFERS, f"cannot be computed again ({what})"
            continue
        finally:
            os.chdir(there)
        if np.shape(then) != np.shape(now):
            yield f"sample of {chapter}", DIFFERS, f"{np.size(then)} numbers then, {np.size(now)} now"
            continue
        apart = np.abs(np.asarray(then) - np.asarray(now))
        difference = float(np.max(apart))
        elsewhere = hardware_of(told.machine) != hardware_of(manifest.machine())
        finding = DIFFERS
        if difference <= allowed:
            finding = SAME
        elif elsewhere and np.all((apart <= allowed) | (apart < spread)):
            finding = ELSEWHERE
        hardware = "; the run's hardware was another, which may be why" if difference and elsewhere else ""
        yield f"sample of {chapter}", finding, f"largest difference {difference:.1e}{hardware}"


def hardware_of(machine: Mapping[str, Any]) -> tuple:
    """What last digits depend on."""
    return tuple(machine.get(name) for name in ("processor", "instructions", "threads", "device"))
