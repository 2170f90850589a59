"""Checks of the exercises on finer parts."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from dissect.exercises import given
from dissect.exercises.checking import by_name, checks, near, need, numbers, report
from dissect.finer import Word, word_in

WORD = "crane"


@cache
def word() -> Word:
    return word_in(given.loaded(), given.CRANE, WORD)


@checks("6.1")
def how_many(answer: Any) -> None:
    config: Any = given.loaded().model.config
    layers, heads, units = config.num_hidden_layers, config.num_attention_heads, config.intermediate_size
    tokens = len(word().tokens)
    right = {"heads": layers * heads, "sources": layers * heads * tokens, "units": layers * units}
    said = {n: float(numbers(v, (), "three counts")) for n, v in by_name(answer, list(right)).items()}
    need(said["heads"] != heads and said["units"] != units, "That is one layer; the terms are sums over all.")
    special = sum(token.startswith("[") for token in word().tokens)
    need(
        said["sources"] != layers * heads * (tokens - special),
        "'sources' is off: attention reads the special tokens, too.",
    )
    off = [name for name in right if said[name] != right[name]]
    need(not off, f"Off: {', '.join(off)}. Over which indices does the chapter's sum run?")


@cache
def by_head() -> pd.DataFrame:
    return word().by_head()


@checks("6.2")
def loudest_head(answer: Any) -> None:
    layer, head = numbers(answer, (2,), "two numbers: layer and head")
    table = by_head()
    top = table.loc[table["importance"].idxmax()]
    need(
        (layer, head) != (top["layer"] - 1, top["head"] - 1)
        and (layer, head) != (top["layer"], top["head"] - 1),
        "Layers and heads are counted from 1 here: you seem to count from 0.",
    )
    found = table[(table["layer"] == layer) & (table["head"] == head)]
    need(len(found), "There is no such layer and head in the model.")
    ahead = int((table["importance"] > found["importance"].iloc[0]).sum())
    need(ahead == 0, f"{ahead} heads have a larger share of this word's embedding than this one.")


@checks("6.3")
def most_read(answer: Any) -> None:
    need(isinstance(answer, str), "The answer is to be a token, as a string.")
    tokens = [token for n, token in enumerate(word().tokens) if n not in word().positions]
    need(answer != WORD, "That is the word itself; which other token was read?")
    need(answer in tokens, "There is no such token in the sentence; see `crane.tokens`.")
    table = word().by_source()
    total = table.groupby(["source", "token"])["importance"].sum().reset_index()
    total = total[total["token"] != WORD]
    place = (total["importance"] > total[total["token"] == answer]["importance"].max()).sum()
    need(place == 0, f"{place} other token(s) of the sentence come before it, added up over the layers.")


@checks("6.4")
def few_units(answer: Any) -> None:
    said = by_name(answer, ["writing for", "half"])
    shares = word().by_unit()["importance"].sort_values(ascending=False).to_numpy()
    right = {
        "writing for": int((shares > 0).sum()),
        "half": int((shares.cumsum() < shares.sum() / 2).sum()) + 1,
    }
    value = {name: float(numbers(said[name], (), "two counts")) for name in right}
    need(
        value["writing for"] != len(shares) - right["writing for"],
        "'writing for' counts the units that write against the embedding.",
    )
    # a unit whose share is zero to float precision may fall on either side
    need(
        abs(value["writing for"] - right["writing for"]) <= 3,
        "'writing for' is off: count the units of all layers with a positive share.",
    )
    by_size = np.sort(np.abs(shares))[::-1]
    need(
        value["half"] != (by_size.cumsum() < by_size.sum() / 2).sum() + 1,
        "'half' is off: you added up sizes without their signs; half of the importance of f is meant.",
    )
    positive = shares[shares > 0]
    need(
        value["half"] != (positive.cumsum() < positive.sum() / 2).sum() + 1,
        "'half' is off: that is half of what is written for e; what is written against it counts, too.",
    )
    need(
        abs(value["half"] - right["half"]) <= 1,
        "'half' is off: from the largest share on, how many does it take to reach half of f's importance?",
    )


def silenced(layer: int, head: int) -> Tensor:
    """The embeddings of the sentence when a head's mixture is zeros; both counted from 1."""
    model: Any = given.loaded().model
    size = model.config.hidden_size // model.config.num_attention_heads

    def change(x: Tensor) -> Tensor:
        x = x.clone()
        x[..., size * (head - 1) : size * head] = 0
        return x

    return given.without(model.encoder.layer[layer - 1].attention.output.dense, change)


@checks("6.5")
def without_a_head(answer: Any) -> None:
    said = by_name(answer, ["written", "missing"])
    written, missing = (float(numbers(said[name], (), "two shares")) for name in ("written", "missing"))
    table = by_head()
    top = table.loc[table["importance"].idxmax()]
    layer, head = int(top["layer"]), int(top["head"])
    at = word().positions
    e = given.dissected().embedding[0, at].sum(0)
    right = ((e @ (e - silenced(layer, head)[at].sum(0))) / (e @ e)).item()
    need(near(written, top["importance"], 1e-2), "'written' is off: it is the share of the head of 6.2.")
    need(
        not near(missing, written),
        "'missing' is what was written; run the model without the head and compare.",
    )
    need(not near(missing, 1 - right, 1e-2), "'missing' is off: that is what is left, not what is missing.")
    beside = silenced(layer, head - 1 or 2)[at].sum(0)
    need(
        not near(missing, ((e @ (e - beside)) / (e @ e)).item(), 1e-2),
        "'missing' is off: you silenced the head beside it; which columns belong to which head?",
    )
    need(
        near(missing, right, 1e-2),
        "'missing' is off: set the head's columns to zero where they enter the output projection of its "
        "layer, and project the difference on e as importance does.",
    )


@checks("6.6")
def what_moves_a_unit(answer: Any) -> None:
    report(answer, least=4)
