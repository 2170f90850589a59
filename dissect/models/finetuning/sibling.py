"""A sibling's folder: made whole or not at all, kept, and found again by all that it depends on."""

import json
import shutil
import tempfile
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from dissect import reuse
from dissect.corpora import tuning
from dissect.corpora.files import cache
from dissect.errors import DissectError
from dissect.files import write_text, writing
from dissect.hashing import made_by, of_object
from dissect.models.finetuning.data import guesser, guessing, tagger
from dissect.models.finetuning.recipe import Recipe, card, usual
from dissect.models.finetuning.training import train_in_parts
from dissect.models.loading import fingerprint, load, pick_device, tokenizer_sha256
from dissect.progress import note

MADE = "made.json"  # in a model's folder: how long making it took


def tuned_sibling(
    name: str,
    corpus: str = "teaching",
    folder: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    **changes: Any,
) -> str:
    """The folder of a model fine-tuned on the entities of a corpus; tunes it where it is not yet.

    Raises what `tune` raises.

    Args:
        name: The model's.
        corpus: "teaching" (half of its entities), "wikigold", or a file with a word and a tag a line.
        folder: Where siblings are kept; by default the user's cache (DISSECT_CACHE).
        limit: So many sentences at most; all by default.
        seed: Of the draw and of the training.
        **changes: Of `Recipe`, such as epochs or learning_rate.
    """
    recipe = replace(usual("ner", name), corpus=corpus, limit=limit, seed=seed, **changes)
    loaded = load(name, "cpu")
    about = {
        "model": [name, fingerprint(loaded.model), tokenizer_sha256(loaded.tokenizer)],
        "recipe": asdict(recipe), "data": repr(tuning(corpus, limit, seed)),
        "device": pick_device().type, **made_by("models.finetuning"),
    }  # fmt: skip
    key = of_object(about)[:8]
    place = Path(folder or cache() / "models") / f"{Path(name).name}-{Path(corpus).stem}-ner-{key}"
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


def _seconds_of(place: Path) -> float:
    """That making a sibling took. Raises `DissectError` when its folder does not tell."""
    try:
        return float(json.loads((place / MADE).read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DissectError(f"{place} does not tell how long it was trained: delete it") from None


def tune(name: str, recipe: Recipe, out: Path) -> Path:
    """Fine-tune a model by a recipe and save it in a folder, which appears when it is done.

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
    begun = time.monotonic()
    make = partial({"ner": tagger, "mlm": guesser}[recipe.task], name, recipe, tokenizer)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with writing(out), tempfile.TemporaryDirectory(prefix=".tuning-", dir=out.parent) as scratch:
        trained = Path(scratch) / "model"
        model, examples, loss = train_in_parts(make, recipe, f"fine-tuning {Path(name).name}", scratch)
        if recipe.task == "ner" and loss > 0.9 * guessing(examples):
            note(
                f"{Path(name).name} has learned little but how frequent tags are: more epochs, another rate?"
            )
        model.cpu().save_pretrained(trained)
        tokenizer.save_pretrained(trained)
        (trained / "README.md").write_text(card(name, recipe, len(examples), loss), encoding="utf-8")
        write_text(trained / MADE, json.dumps({"seconds": round(time.monotonic() - begun, 1)}))
        shutil.move(trained, out)
    return out
