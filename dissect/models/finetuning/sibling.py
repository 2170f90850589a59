"""A sibling's folder: made whole or not at all, kept, and found again by all that it depends on."""

import json
import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from dissect import reuse
from dissect.corpora.files import cache
from dissect.errors import DissectError
from dissect.files import write_text, writing
from dissect.hashing import made_by, of_object
from dissect.models.finetuning.answers import answerer
from dissect.models.finetuning.data import Made, guessing, of_recipe, tagger
from dissect.models.finetuning.hidden_words import guesser
from dissect.models.finetuning.recipe import Recipe, card, usual
from dissect.models.finetuning.scores import ACCURACY, ANSWERED, LOSS, OF_MASKS, OF_MOST_FREQUENT
from dissect.models.finetuning.training import train_in_parts
from dissect.models.heads import AFTERWARDS, WordHead
from dissect.models.loading import (
    TUNED,
    Loaded,
    fingerprint,
    load,
    pick_device,
    tokenizer_sha256,
    tuned_for,
)
from dissect.progress import note

MADE = "made.json"  # in a model's folder: how long making it took
LITTLE = 0.1  # F1 of answers below which a model has learned next to nothing
SCORED = {  # by their columns in tables
    "accuracy": ACCURACY, "accuracy_masked": OF_MASKS, "most_frequent": OF_MOST_FREQUENT,
    "cross_entropy": LOSS,
}  # fmt: skip
MAKERS = {"ner": tagger, "tags": tagger, "qa": answerer, "mlm": guesser}


def tuned_sibling(
    name: str,
    corpus: str = "teaching",
    folder: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    task: str = "ner",
    **changes: Any,
) -> str:
    """The folder of a model fine-tuned on a task; tunes it where it is not yet.

    Raises what `tune` raises.

    Args:
        name: The model's.
        corpus: "teaching" (half of its entities, or its questions), or another that the task can be learned
            from, as `dissect tune` takes it.
        folder: Where siblings are kept; by default the user's cache (DISSECT_CACHE).
        limit: So many sentences or questions at most; all by default.
        seed: Of the training.
        task: "ner", "tags", "qa" or "mlm".
        **changes: Of `Recipe`, such as epochs or learning_rate.
    """
    recipe = replace(usual(task, name, corpus), limit=limit, seed=seed, **changes)
    loaded = load(name, "cpu")
    about = {
        "model": [name, fingerprint(loaded.model), tokenizer_sha256(loaded.tokenizer)],
        "recipe": asdict(recipe), "data": repr(of_recipe(recipe)),
        "device": pick_device().type, **made_by("models.finetuning"),
    }  # fmt: skip
    key = of_object(about)[:8]
    place = Path(folder or cache() / "models") / f"{Path(name).name}-{Path(corpus).stem}-{task}-{key}"
    if place.exists():
        try:
            load(str(place), "cpu")
            reuse.record("fine-tuned models", _seconds_of(place), reused=True)
        except DissectError:
            note(f"{place.name} is damaged and is made again")
            shutil.rmtree(place)
    if not place.exists():
        tune(name, recipe, place)
        reuse.record("fine-tuned models", _seconds_of(place), reused=False)
    return str(place)


def little_learned(recipe: Recipe, made: Made, loss: float, scores: Mapping[str, float]) -> str:
    """What little a model has learned, in words; "" where it learned its task.

    Args:
        recipe: How it was trained.
        made: What it was trained on.
        loss: The mean of the last epoch.
        scores: On what was held out.
    """
    if recipe.task in ("ner", "tags") and loss > 0.9 * guessing(made.examples):
        return "but how frequent tags are"
    answered = scores.get(f"F1{ANSWERED}", scores.get("F1", 1.0))
    return f"of answers, with an F1 of {100 * answered:.0f} %" if answered < LITTLE else ""


def siblings_table(names: Sequence[str], tuned: Sequence[Loaded]) -> pd.DataFrame:
    """What copies that `tune` made were tuned on, and their scores; those made elsewhere have no row.

    Args:
        names: What the models are called in the tables of a run.
        tuned: The models.

    Returns:
        Columns model, task, corpus, seed, items (held out), score, share; a row a score, and one with the
        score "" where nothing was held out.
    """
    rows = []
    for name, one in zip(names, tuned, strict=True):
        try:
            told = json.loads((Path(one.name) / MADE).read_text(encoding="utf-8"))
            scores = {name: share for name, share in told["scores"].items() if name != LOSS} or {"": math.nan}
            task, seed = tuned_for(one.model)
            of = (name, task, str(told["corpus"]), int(seed or 0), int(told["held_out"]))
            rows += [(*of, str(score), float(share)) for score, share in scores.items()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return pd.DataFrame(rows, columns=["model", "task", "corpus", "seed", "items", "score", "share"])


def head_table(head: WordHead | None) -> pd.DataFrame:
    """What a head for masked words that `tune` trained learned from, and what it scores on what it never saw.

    Args:
        head: See `load_word_head`; None is none.

    Returns:
        Columns corpus, sentences (learned from), items (sentences held out), accuracy, accuracy_masked (where
        the mask stood), most_frequent (what always naming the most frequent word piece scores) and
        cross_entropy (nats); no row for a head that was pretrained or made elsewhere.
    """
    rows = []
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        place = Path(str(head.model.name_or_path)) if head is not None and head.kind == AFTERWARDS else None
        told = json.loads((place / MADE).read_text(encoding="utf-8")) if place else {}
        if told.get("task") == "mlm":
            found = (float(told["scores"].get(score, math.nan)) for score in SCORED.values())
            rows.append((str(told["corpus"]), int(told["learned"]), int(told["held_out"]), *found))
    return pd.DataFrame(rows, columns=["corpus", "sentences", "items", *SCORED])


def _seconds_of(place: Path) -> float:
    """That making a sibling took. Raises `DissectError` when its folder does not tell."""
    try:
        return float(json.loads((place / MADE).read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DissectError(f"{place} does not tell how long it was trained: delete it") from None


def tune(name: str, recipe: Recipe, out: Path) -> Path:
    """Fine-tune a model by a recipe and save it in a folder, which appears when it is done.

    Interrupted, it goes on where it was when it is called again; its checkpoints lie beside the folder.

    Args:
        name: The model's.
        recipe: How it is trained, and on what.
        out: The folder.

    Raises:
        DissectError: `out` is there already, or training diverges; besides, what `load` and the corpora
            raise.
    """
    if out.exists():
        raise DissectError(f"{out} is there already: give another folder, or delete it")
    tokenizer = load(name, "cpu").tokenizer
    begun, checkpoints = time.monotonic(), out.with_name(f".{out.name}.checkpoint")
    make = partial(MAKERS[recipe.task], name, recipe, tokenizer)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".tuning-{out.name}."
    for left in (path for path in out.parent.iterdir() if path.name[:-8] == prefix):  # by one that was killed
        shutil.rmtree(left, ignore_errors=True)
    with writing(out), tempfile.TemporaryDirectory(prefix=prefix, dir=out.parent) as scratch:
        trained = Path(scratch) / "model"
        label = f"fine-tuning {Path(name).name}"
        made, loss, before = train_in_parts(make, recipe, label, scratch, checkpoints)
        scores = made.score()
        if little := little_learned(recipe, made, loss, scores):
            note(f"{Path(name).name} has learned little {little}: more epochs, another rate?")
        setattr(made.model.config, TUNED, {"task": recipe.task, "seed": recipe.seed})
        made.model.cpu().save_pretrained(trained)
        tokenizer.save_pretrained(trained)
        told = card(name, recipe, made.many, loss, made.held_out, scores)
        (trained / "README.md").write_text(told, encoding="utf-8")
        seconds = round(before + time.monotonic() - begun, 1)
        about = {
            "task": recipe.task, "corpus": Path(recipe.corpus).name,
            "learned": made.many, "held_out": made.held_out, "scores": scores,
        }  # fmt: skip
        write_text(trained / MADE, json.dumps({"seconds": seconds, **about}))
        shutil.move(trained, out)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return out
