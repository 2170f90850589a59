"""Chapter 2: how large each term is, before and after fine-tuning."""

from itertools import combinations

import numpy as np

from dissect.decomposition import TERMS
from dissect.report.claims import paper
from dissect.report.claims.claim import claim, numbers
from dissect.report.claims.evidence import Evidence
from dissect.report.claims.parts import Between, Difference, Part
from dissect.report.claims.verdict import NotTestable

ANSWERS, ENTITIES = "question answering", "token classification"  # tasks; see `models.task`
MATTERS = 0.05  # of a share, or of a correlation: how much would matter where the paper gives no number


def larger(of: dict[str, np.ndarray], term: str, where: str, layer: int | None, model: int = 0) -> list[Part]:
    """That a term is larger than each other one.

    Args:
        of: By term, (1, groups).
        term: The larger one.
        where: In words.
        layer: The same for the paper: from 1, -1 the last, None the mean over layers.
        model: The paper's, see `paper.share`.
    """
    others = [other for other in TERMS if other != term]
    return [
        Difference(
            f"{term} − {other}, {where}", of[term] - of[other], unit="",
            effect=abs(paper.share(term, layer, model) - paper.share(other, layer, model)),
        )
        for other in others
    ]  # fmt: skip


def at(of: dict[str, np.ndarray], layer: int) -> dict[str, np.ndarray]:
    """The terms in a layer, by its place."""
    return {term: x[layer] for term, x in of.items()}


def mean(of: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The terms in the mean over layers."""
    return {term: x.mean(0) for term, x in of.items()}


@claim("V1", "importance_groups")
def input_fades(run: Evidence) -> list[Part]:
    of, faded = run.importance(), numbers("V1")["faded"]
    last = Difference(
        f"{faded} − i, last layer", faded - of["i"][-1], unit="", effect=faded - paper.share("i", -1)
    )
    return [*larger(at(of, 0), "i", "layer 1", 1), last]


@claim("V2", "importance_groups")
def attention_over_bias(run: Evidence) -> list[Part]:
    of, times = mean(run.importance()), numbers("V2")["times"]
    h, c, where = paper.share("h"), paper.share("c"), "mean over layers"
    return [
        Between(
            Difference(f"h − c, {where}", of["h"] - of["c"], unit="", effect=h - c),
            Difference(
                f"{times:.0f} c − h, {where}", times * of["c"] - of["h"], unit="", effect=times * c - h
            ),
        )
    ]


@claim("V3", "importance_groups")
def feedforward_dominates(run: Evidence) -> list[Part]:
    of = run.importance()
    return [*larger(mean(of), "f", "mean over layers", None), *larger(at(of, -1), "f", "last layer", -1)]


@claim("V4", "importance_groups")
def bias_matters(run: Evidence) -> list[Part]:
    c, above = run.importance()["c"], numbers("V4")["above"]
    return [
        Difference(f"c − {above}, {where}", x - above, unit="", effect=paper.share("c", layer) - above)
        for where, x, layer in (("mean over layers", c.mean(0), None), ("last layer", c[-1], -1))
    ]


@claim("V5", "importance_groups")
def tuning_shrinks(run: Evidence) -> list[Part]:
    _, tuned = run.models()
    before = run.importance()
    return [
        Difference(
            f"{term} before − after, last layer, {name}", before[term][-1] - run.importance(n)[term][-1],
            unit="", effect=paper.share(term, -1) - paper.share(term, -1, model=1),
        )
        for n, name in enumerate(tuned, start=1)
        for term in "ic"
    ]  # fmt: skip


@claim("V6", "importance_groups")
def tuned_feedforward(run: Evidence) -> list[Part]:
    _, tuned = run.models()
    return [
        part
        for n, name in enumerate(tuned, start=1)
        for part in larger(at(run.importance(n), -1), "f", f"last layer, {name}", -1, model=1)
    ]


@claim("V7", "correlation_groups")
def tuning_moves_attention(run: Evidence) -> list[Part]:
    base, tuned = run.models()
    parts: list[Part] = []
    for name in tuned:
        of = mean(run.correlation(base, name))
        label = f"ρ of {{}} − that of h, {name}"
        parts += [
            Difference(label.format(term), of[term] - of["h"], unit="", effect=MATTERS)
            for term in of
            if term != "h"
        ]
    return parts


@claim("V8", "correlation_groups")
def tasks_differ(run: Evidence) -> list[Part]:
    _, tuned = run.models()
    below = numbers("V8")["below"]
    last = {
        pair: np.mean([x[-1] for x in run.correlation(*pair).values()], axis=0)
        for pair in combinations(tuned, 2)
    }
    apart = [x for (a, b), x in last.items() if tuned[a] != tuned[b]]
    alike = [x for (a, b), x in last.items() if tuned[a] == tuned[b]]
    if not apart:
        raise NotTestable("the claim needs models fine-tuned on two tasks")
    between = np.mean(apart, axis=0)
    parts: list[Part] = [
        Difference(f"{below} − ρ between tasks, last layer", below - between, unit="", effect=below)
    ]
    if alike:
        ceiling = np.mean(alike, axis=0)
        label = "ρ between seeds of one task − ρ between tasks, last layer"
        parts.append(Difference(label, ceiling - between, unit="", effect=MATTERS))
    return parts


@claim("V9", "correlation_groups")
def departs_earlier(run: Evidence) -> list[Part]:
    base, tuned = run.models()
    lower = {
        task: np.mean([of_lower_half(run.correlation(base, name)["h"]) for name in names], axis=0)
        for task in (ANSWERS, ENTITIES)
        if (names := [name for name, of in tuned.items() if of == task])
    }
    if len(lower) < 2:
        raise NotTestable(
            "the claim needs a model fine-tuned on question answering, and one on named entities"
        )
    label = "ρ of h, named entities − question answering, lower half of the layers"
    return [Difference(label, lower[ENTITIES] - lower[ANSWERS], unit="", effect=MATTERS)]


def of_lower_half(x: np.ndarray) -> np.ndarray:
    """The mean over the lower half of the layers: (layers, 1, groups) -> (1, groups)."""
    return x[: max(1, len(x) // 2)].mean(0)
