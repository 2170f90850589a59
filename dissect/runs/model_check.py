"""Is a model's family supported, is the sum exact on real text, and each term what it is said to be?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from dissect import corpora, models
from dissect.decomposition import FAMILIES, REFUSED, Decomposer, Family, known, longest_input, work_dtype
from dissect.decomposition.certificate import certify
from dissect.decomposition.families import no_row
from dissect.errors import DissectError, UnsupportedModel, WrongTerm
from dissect.features import over_text
from dissect.models import Loaded
from dissect.models.heads import of_pair
from dissect.runs.chapters import CHAPTERS, unsuited
from dissect.runs.requirements import read_as, refuse_unreadable

SENTENCES = 64  # of the teaching corpus
CERTIFIED = "A crane stood in the shallow river, and nobody saw it leave."
STACKS = ("encoder", "decoder")


def check_model(name: str) -> str:
    """What `dissect check` says of a model, in a few sentences.

    Raises:
        DissectError: The model cannot be loaded, its family has no row, the sum is not exact, or a term is
            not what it is said to be; where other rows fit a model without one, the message has them.
    """
    as_run = models.load(name, "cpu")
    loaded = models.load(name, "cpu", whole=True) if of_pair(as_run.model) else as_run
    family = family_name(loaded)
    if family not in known() and family not in REFUSED:
        raise UnsupportedModel(recommended(loaded))
    refuse_unreadable(as_run)
    missed = {stack: largest_error(loaded, stack) for stack in stacks_of(loaded)}
    certified = {stack: largest_of_terms(loaded, stack) for stack in missed}
    said = [
        f"{as_run}",
        f"family {family}: supported; over {SENTENCES} sentences the terms miss the embedding by at most "
        f"{max(missed.values()):.0e} of its length; each term by a route of its own, with other biases and "
        f"gains, by at most {max(certified.values()):.0e}",
    ]
    said += read_as(as_run)
    left_out = unsuited(as_run, CHAPTERS)
    for why in dict.fromkeys(left_out.values()):
        said.append(f"left out of a run: {', '.join(c for c in left_out if left_out[c] == why)}: {why}")
    return "\n".join(said)


def family_name(loaded: Loaded) -> str:
    """The family that a model's configuration names."""
    config: Any = loaded.model.base_model.config
    return config.model_type


def stacks_of(loaded: Loaded) -> tuple[str | None, ...]:
    """The stacks that can be decomposed: both of an encoder-decoder, else the one there is."""
    return STACKS if loaded.model.config.is_encoder_decoder else (None,)


def as_read(batch: dict[str, Any], decomposer: Decomposer) -> dict[str, Any]:
    """A batch, for decoders of encoder-decoders as the target too."""
    return batch | ({} if decomposer.reads == "input_ids" else {"decoder_input_ids": batch["input_ids"]})


def largest_error(loaded: Loaded, stack: str | None = None) -> float:
    """The largest |e − sum of terms| / |e| on sentences of the teaching corpus."""
    decomposer = Decomposer(loaded.model, stack)
    text = corpora.text("teaching", SENTENCES)

    def of_batch(batch: dict[str, Any]) -> float:
        return decomposer(**as_read(batch, decomposer)).error

    return max(over_text(loaded, text, "the sum on real text", of_batch))


def largest_of_terms(loaded: Loaded, stack: str | None = None) -> float:
    """How far any term is from what its own routes give, on a sentence; see `certificate`.

    Models in half formats are certified in float32, and are so afterwards.
    """
    torch.nn.Module.to(loaded.model, work_dtype(loaded.model.dtype))
    decomposer = Decomposer(loaded.model, stack)
    ids = loaded.tokenizer(CERTIFIED, return_tensors="pt")["input_ids"][:, :16]
    return max(certify(decomposer, **as_read({"input_ids": ids}, decomposer)).values())


# ---- rows for a family that has none ----


@dataclass(frozen=True)
class Candidate:
    """A row of the table, with some of its words changed, for each stack.

    Attributes:
        alike: The family whose row it is.
    """

    alike: str
    changes: dict[str, Any]

    def rows(self, name: str) -> dict[str, Family]:
        """What to put into the table for a family of that name."""
        found = [key for key in FAMILIES if key.split(".")[0] == self.alike]
        return {key.replace(self.alike, name, 1): self.changed(FAMILIES[key]) for key in found}

    def changed(self, row: Family) -> Family:
        """A family's row with the words changed."""
        of_values = {key: value for key, value in self.changes.items() if key == "values"}
        first, *rest = row.sublayers
        others = {key: value for key, value in self.changes.items() if key != "values"}
        return replace(row, sublayers=(replace(first, **of_values), *rest), **others)

    def written(self, name: str) -> str:
        """As it would stand in the table."""
        lines = []
        for key in (key for key in FAMILIES if key.split(".")[0] == self.alike):
            row = f'FAMILIES["{key}"]'
            words = [f'{word}="{value}"' if isinstance(value, str) else f"{word}={value}"
                     for word, value in self.changes.items() if word != "values"]  # fmt: skip
            if "values" in self.changes:
                first = f'replace({row}.sublayers[0], values="{self.changes["values"]}")'
                words.append(f"sublayers=({first}, *{row}.sublayers[1:])")
            made = f"replace({row}, {', '.join(words)})" if words else row
            lines.append(f'"{key.replace(self.alike, name, 1)}": {made}')
        return " and ".join(lines)


def recommended(loaded: Loaded) -> str:
    """What to say of a family without a row: the row that fits the model, or the nearest and why not."""
    name, tried = family_name(loaded), list(fitting(loaded))
    for candidate, limits, reason in sorted(tried, key=lambda one: (not one[1], len(one[0].changes))):
        if reason:
            continue
        with trying(candidate.rows(name)):
            try:
                missed = max(largest_error(loaded, stack) for stack in stacks_of(loaded))
            except DissectError:
                continue
        odd = "" if limits else ", but not its longest input, which is to be looked up"
        return (
            f"no row for the model family {name!r}, but that of {candidate.alike!r} fits{odd}: with "
            f"{candidate.written(name)} the sum misses the embedding by {missed:.0e} and each term is what "
            "it is said to be; put it into dissect/decomposition/families and a tiny model of the family "
            "into tests/conftest.py"
        )
    near = [f"; that of {one.alike!r} comes near, but {reason}" for one, _, reason in tried if reason]
    return no_row(name, near[0] if near else "")


def fitting(loaded: Loaded) -> Iterator[tuple[Candidate, bool, str]]:
    """Rows whose sum is exact on a sentence; whether their limits are right; which term is wrong, if any."""
    name, limit = family_name(loaded), last_position(loaded)
    seen: list[dict[str, Family]] = []
    for candidate in candidates(loaded):
        rows = candidate.rows(name)
        if rows in seen:
            continue
        seen.append(rows)
        with trying(rows):
            try:
                for stack in stacks_of(loaded):
                    largest_of_terms(loaded, stack)
                yield candidate, limits_right(loaded, limit), ""
            except WrongTerm as wrong:
                yield candidate, False, str(wrong)
            except Exception:  # a part is elsewhere: a wrong row may run into anything
                continue


def candidates(loaded: Loaded) -> Iterator[Candidate]:
    """Every family's row as it is, and then with other words for its norms, values and positions."""
    with_stacks = {key.split(".")[0] for key in FAMILIES if "." in key}
    named = dict.fromkeys(key.split(".")[0] for key in FAMILIES)  # the first of some alike is best known
    families = [one for one in named if (one in with_stacks) == (stacks_of(loaded) == STACKS)]
    words = product(
        (None, "layer", "rms", "rms + 1", "layer + 1"),
        (None, "all", "last", "last of each group"),
        (None, True, False),
    )
    for norms, values, counts in sorted(words, key=lambda some: sum(one is not None for one in some)):
        changes = {"norms": norms, "values": values, "counts_padding": counts}
        for alike in families:
            yield Candidate(alike, {key: value for key, value in changes.items() if value is not None})


def limits_right(loaded: Loaded, limit: int | None) -> bool:
    """Whether a row says how many tokens the model takes, which is `limit`, or what its config says."""
    config: Any = loaded.model.base_model.config
    said = getattr(config, "max_position_embeddings", None)
    return said is None or longest_input(loaded.model) == (limit or said)


class Lookups(TorchFunctionMode):
    """What is looked up in tables of embeddings while it is on: ids, and how many there are."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[torch.Tensor, int]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.embedding:
            self.seen.append((args[0], len(args[1])))
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def last_position(loaded: Loaded) -> int | None:
    """How many positions a model has a table for; None where it has none.

    Positions are what is looked up one after the other; they may not begin with the first.
    """
    config: Any = loaded.model.base_model.config
    ids = torch.tensor([[n for n in (7, 3, 5, 3, 6, 2, 6, 4, 7) if n != config.pad_token_id]])
    inputs = {"input_ids": ids} | ({"decoder_input_ids": ids} if config.is_encoder_decoder else {})
    with Lookups() as lookups:
        loaded.model(**inputs)
    found = [
        many - int(positions.flatten()[0])
        for positions, many in lookups.seen
        if positions.numel() > 1 and positions.dim() < 3 and (positions.flatten().diff() == 1).all()
    ]
    return min(found, default=None)


@contextmanager
def trying(rows: dict[str, Family]) -> Iterator[None]:
    """Rows in the table while the block runs."""
    FAMILIES.update(rows)
    try:
        yield
    finally:
        for name in rows:
            del FAMILIES[name]
