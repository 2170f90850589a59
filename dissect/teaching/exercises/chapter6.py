"""Checks of the exercises on finer parts."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from dissect.experiments.finer import Word, word_in
from dissect.teaching.exercises import materials
from dissect.teaching.exercises.checking import NotYet, checks, need, numbers, report
from dissect.teaching.exercises.mistakes import close, counts, unlike

WORD = "crane"
BAT = "bat"  # the word in `given.BAT`, of 6.1 and 6.3


@cache
def word(sentence: str = materials.CRANE, name: str = WORD) -> Word:
    """A word in a sentence, with the terms of the default model."""
    return word_in(materials.loaded(), sentence, name)


def bat(sentence: str = materials.BAT) -> Word:
    """The word of 6.1 and 6.3 in a sentence."""
    return word(sentence, BAT)


@checks("6.1")
def how_many(answer: Any, sentence: str = materials.BAT) -> None:
    config: Any = materials.loaded().model.config
    layers, heads, units = config.num_hidden_layers, config.num_attention_heads, config.intermediate_size
    tokens = len(bat(sentence).tokens)
    special = sum(token.startswith("[") for token in bat(sentence).tokens)
    right = {"heads": layers * heads, "sources": layers * heads * tokens, "units": layers * units}
    said = counts(answer, list(right))
    one_layer = {"heads": heads, "sources": heads * tokens, "units": units}
    wrong = {
        "is one layer; the terms are sums over all.": one_layer,
        "does not tell heads apart: each of them reads.": {"heads": layers, "sources": layers * tokens},
        "leaves tokens out: attention reads the special ones, too.": {
            "sources": layers * heads * (tokens - special)
        },
        "leaves a token out: a word reads itself, too.": {"sources": layers * heads * (tokens - 1)},
        "is for all tokens; one alone is asked for.": {
            "heads": layers * heads * tokens, "sources": layers * heads * tokens**2,
            "units": layers * units * tokens,
        },
        "takes the dimensions of the vector for the units.": {"units": layers * config.hidden_size},
    }  # fmt: skip
    for name in right:
        for words, values in wrong.items():
            need(said[name] == right[name] or said[name] != values.get(name), f"Your {name!r} {words}")
    read = said["sources"] / right["heads"]
    need(
        read == tokens or not (read.is_integer() and 0 < read < 2 * tokens),
        f"Your 'sources' is for a sentence of {read:.0f} tokens: see `bat.tokens`.",
    )
    off = [name for name in right if said[name] != right[name]]
    need(not off, f"Off: {', '.join(off)}. Over which indices does the chapter's sum run?")


@cache
def by_head(sentence: str = materials.CRANE, name: str = WORD) -> pd.DataFrame:
    return word(sentence, name).by_head()


@checks("6.2")
def loudest_head(answer: Any, sentence: str = materials.CRANE, name: str = WORD) -> None:
    """Checks the answer to exercise 6.2.

    Args:
        answer: A student's.
        sentence: That the word stands in.
        name: The word.
    """
    layer, head = numbers(answer, (2,), "two numbers: layer and head")
    table = by_head(sentence, name).set_index(["layer", "head"])["importance"]
    top = table.idxmax()
    from_zero = [(top[0] - 1, top[1] - 1), (top[0], top[1] - 1), (top[0] - 1, top[1])]
    need((layer, head) not in from_zero, "Layers and heads are counted from 1: you seem to count from 0.")
    need((head, layer) != top or layer == head, "The layer comes first, then the head.")
    need((layer, head) in table.index, "There is no such layer and head in the model.")
    ahead = int((table > table[layer, head]).sum())
    need(ahead < len(table) - 1, "This head has the smallest share of all.")
    need(ahead == 0, f"{ahead} of the heads have a larger share of this word's embedding than this one.")


@checks("6.3")
def most_read(answer: Any, sentence: str = materials.BAT) -> None:
    need(isinstance(answer, str), "The answer is to be a token, as a string.")
    said = answer.strip().lower()
    need(said != BAT, "That is the word itself; which other token was read?")
    tokens = [token.lower() for token in bat(sentence).tokens]
    need(said in tokens, "There is no such token in the sentence; see `bat.tokens`.")
    table = bat(sentence).by_source()
    table["token"] = table["token"].str.lower()
    table = table[~table["source"].isin(bat(sentence).positions)]
    total = table.groupby(["source", "token"])["importance"].sum()
    shares = total[total.index.get_level_values("token") == said]
    if shares.max() == total.max():
        return
    by_layer = table[table["token"] == said].groupby("layer")["importance"].max()
    first = (by_layer == table.groupby("layer")["importance"].max()).to_numpy()
    need(said != total.idxmin()[1], "From that one it brought least.")
    need(said[0] != "[", "That is a special token: attention often falls on it and brings little.")
    need(
        not first[-1],
        "That token is ahead in the last layer; add up all layers, and count what speaks against the word.",
    )
    need(not first.any(), "That token is ahead in some of the layers; add up all of them.")
    ahead = (total > shares.max()).sum()
    raise NotYet(f"Of the tokens of the sentence {ahead} come before it, added up over the layers.")


def until_half(shares: np.ndarray) -> int:
    """How many shares it takes, in this order, to reach half of their sum."""
    return int((shares.cumsum() < shares.sum() / 2).sum()) + 1


@checks("6.4")
def few_units(answer: Any, sentence: str = materials.CRANE, name: str = WORD) -> None:
    """Checks the answer to exercise 6.4.

    Args:
        answer: A student's.
        sentence: That the word stands in.
        name: The word.
    """
    value = counts(answer, ["writing for", "half"])
    table = word(sentence, name).by_unit()
    shares = table["importance"].sort_values(ascending=False).to_numpy()
    of_last = table[table["layer"] == table["layer"].max()]["importance"]
    last = of_last.sort_values(ascending=False).to_numpy()
    writing, half = int((shares > 0).sum()), until_half(shares)
    unsure = int((np.abs(shares) < 1e-9).sum())  # nothing, to float precision: they may fall on either side
    if abs(value["writing for"] - writing) > unsure:
        need(
            abs(value["writing for"] - (len(shares) - writing)) > unsure,
            "'writing for' counts the units that write against the embedding.",
        )
        need(
            abs(value["writing for"] - (last > 0).sum()) > unsure,
            "'writing for' counts the units of the last layer; all layers write.",
        )
        need(value["writing for"] != len(shares), "'writing for' counts all units, whatever the sign.")
        raise NotYet("'writing for' is off: count the units of all layers with a positive share.")
    by_size = np.sort(np.abs(shares))[::-1]
    wrong: dict[str, tuple[int, ...]] = {
        "you added up sizes without their signs; half of f's importance is meant.": (until_half(by_size),),
        "that is half of what is written for e; what is written against it counts, too.": (
            until_half(shares[shares > 0]),
        ),
        "you began with the units that write against e.": (until_half(shares[::-1]),),
        "that is the last layer alone.": (until_half(last),),
        "that is half of e, and not of f.": (int((shares.cumsum() < 0.5).sum()) + 1,),
        "the one that reaches half is to be counted, and none after it.": (half - 1, half + 1),
    }
    for words, some in wrong.items():
        need(value["half"] == half or value["half"] not in some, f"'half' is off: {words}")
    need(
        value["half"] == half,
        "'half' is off: from the largest share on, how many does it take to reach half of f's importance?",
    )


def silenced(sentence: str, layer: int, head: int) -> Tensor:
    """The embeddings of a sentence when a head's mixture is zeros.

    Args:
        sentence: The text.
        layer: Of the head, from 1.
        head: From 1.
    """
    model: Any = materials.loaded().model
    size = model.config.hidden_size // model.config.num_attention_heads

    def change(x: Tensor) -> Tensor:
        x = x.clone()
        x[..., size * (head - 1) : size * head] = 0
        return x

    return materials.without(model.encoder.layer[layer - 1].attention.output.dense, change, sentence)


def lost(e: Tensor, without: Tensor) -> float:
    """The share of e that is missing from another vector."""
    return ((e @ (e - without)) / (e @ e)).item()


@checks("6.5")
def without_a_head(answer: Any, sentence: str = materials.CRANE, name: str = WORD) -> None:
    """Checks the answer to exercise 6.5.

    Args:
        answer: A student's.
        sentence: That the word stands in.
        name: The word.
    """
    said = counts(answer, ["written", "missing"])
    table = by_head(sentence, name)
    top = table.loc[table["importance"].idxmax()]
    layer, head = int(top["layer"]), int(top["head"])
    at = word(sentence, name).positions
    e = materials.dissected(sentence).embedding[0, at].sum(0)
    without = silenced(sentence, layer, head)[at].sum(0)
    right = lost(e, without)
    if not close(said["written"], top["importance"]):
        unlike(said["written"], {
            "'written' is what is missing: it is the share of the head of 6.2.": right,
            "'written' is off: that is a percentage.": 100 * top["importance"],
            "'written' is off: that is all of h, and one head wrote a part of it.": table["importance"].sum(),
        })  # fmt: skip
        raise NotYet("'written' is off: it is the share of the head of 6.2.")
    if not close(said["missing"], right):
        below = silenced(sentence, layer - 1, head)[at].sum(0)
        unlike(said["missing"], {
            "'missing' is what was written; run the model without the head and compare.": top["importance"],
            "'missing' is off: that is what is left, not what is missing.": 1 - right,
            "'missing' is off: that is a percentage.": 100 * right,
            "'missing' is off: the sign is turned.": -right,
            "'missing' is off: project the difference on e, and not on what is left of it.": (
                -lost(without, e)
            ),
            "'missing' is off: that is a ratio of lengths; project the difference on e.": (
                ((e - without).norm() / e.norm()).item()
            ),
            "'missing' is next to nothing; which columns, and of which layer, belong to the head?": 0,
            "'missing' is off: that is the layer below; the list of layers begins with 0.": lost(e, below),
        })  # fmt: skip
        raise NotYet(
            "'missing' is off: set the head's columns to zero where they enter the output projection of its "
            "layer, and project the difference on e as importance does."
        )


@checks("6.6")
def what_moves_a_unit(answer: Any) -> None:
    report(answer, least=4)
