"""Is a model's family supported, and is the sum exact on real text?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dissect import corpora, models
from dissect.decomposition import Decomposer
from dissect.errors import DissectError, UnsupportedModel
from dissect.families import FAMILIES, REFUSED, Family, default_stack
from dissect.features import over_text
from dissect.models import Loaded
from dissect.settings import CHAPTERS
from dissect.suitability import unsuited

SENTENCES = 64  # of the teaching corpus


def check_model(name: str) -> str:
    """What `dissect check` says of a model, in a few sentences.

    Raises `DissectError` when the model cannot be loaded, its family has no row, or the sum is not
    exact; where another family's row fits a model without one, the message has that row.
    """
    loaded = models.load(name, "cpu")
    family = family_name(loaded)
    try:
        Decomposer(loaded.model)
    except UnsupportedModel as error:
        row = None if family in REFUSED or family in FAMILIES else fitting_row(loaded)
        if row is None:
            raise
        alike, missed = row
        raise UnsupportedModel(
            f'no row for the model family {family!r}, but that of {alike!r} fits: with "{family}": '
            f'FAMILIES["{alike}"] the sum misses the embedding by {missed:.0e}; put the row into '
            "dissect/families.py and a tiny model of the family into tests/conftest.py, since the sum "
            "alone does not see a bias that goes to the wrong term"
        ) from error
    missed = largest_error(loaded)
    said = [
        f"{loaded}",
        f"family {family}: supported; over {SENTENCES} sentences the terms miss the embedding by at most "
        f"{missed:.0e} of its length",
    ]
    left_out = unsuited(loaded, CHAPTERS)
    for why in dict.fromkeys(left_out.values()):
        said.append(f"left out of a run: {', '.join(c for c in left_out if left_out[c] == why)}: {why}")
    return "\n".join(said)


def family_name(loaded: Loaded) -> str:
    """The family that a model's configuration names."""
    config: Any = loaded.model.base_model.config
    return config.model_type


def largest_error(loaded: Loaded) -> float:
    """The largest |e − sum of terms| / |e| on sentences of the teaching corpus."""
    decomposer = Decomposer(loaded.model)
    text = corpora.text("teaching", SENTENCES)

    def of_batch(batch: dict[str, Any]) -> float:
        target = {} if decomposer.reads == "input_ids" else {"decoder_input_ids": batch["input_ids"]}
        return decomposer(**batch, **target).error

    return max(over_text(loaded, text, "the sum on real text", of_batch))


def fitting_row(loaded: Loaded) -> tuple[str, float] | None:
    """The first family whose row gives an exact sum for this model, and the error; None without one."""
    name = family_name(loaded)
    suffix = f".{default_stack(loaded.model)}" if loaded.model.config.is_encoder_decoder else ""
    for alike, row in list(FAMILIES.items()):
        if alike.endswith(suffix) and ("." in alike) == bool(suffix):
            with trying(name + suffix, row):
                try:
                    return alike, largest_error(loaded)
                except (DissectError, AttributeError, KeyError, RuntimeError, TypeError):
                    continue  # a part is elsewhere, or the sum is not the embedding
    return None


@contextmanager
def trying(name: str, row: Family) -> Iterator[None]:
    """A row in the table while the block runs."""
    FAMILIES[name] = row
    try:
        yield
    finally:
        del FAMILIES[name]
