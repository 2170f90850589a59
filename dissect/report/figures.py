"""Every plot of the chapters: one function each, given a data frame, returning a figure."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from matplotlib.transforms import ScaledTranslation

from dissect import reuse
from dissect.decomposition import TERMS, subsets

P = ParamSpec("P")

# Colours that colour-blind readers can tell apart, the same for a term everywhere.
COLOURS = {"i": "#0173b2", "h": "#de8f05", "f": "#029e73", "c": "#cc78bc"}
MARKERS = {"i": "o", "h": "s", "f": "D", "c": "X"}
NAMES = {"i": "$i$ input", "h": "$h$ attention", "f": "$f$ feed-forward", "c": "$c$ biases"}
TITLE: dict[str, Any] = {"fontsize": "medium", "parse_math": False}  # names may hold dollars
BASELINE = "none"  # how the empty subset is written in pictures

matplotlib.rcdefaults()  # whatever the user has set, as LaTeX for all text
sns.set_theme(context="notebook", style="whitegrid", rc={"figure.dpi": 110, "savefig.bbox": "tight"})


def drawn(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """A function that draws, timed as pictures; so is the figure whenever it becomes a picture."""
    timed = reuse.timed("pictures")

    @wraps(draw)
    def drawing(*args: P.args, **options: P.kwargs) -> Figure:
        figure = timed(draw)(*args, **options)
        figure.canvas.print_figure = timed(figure.canvas.print_figure)  # type: ignore[method-assign]
        return figure

    return drawing


@drawn
def importance_by_layer(table: pd.DataFrame, columns: int = 3) -> Figure:
    """Mean importance of each term by layer with a band of one standard deviation; a panel a model.

    Args:
        table: Model, layer, term, mean, std.
        columns: Panels side by side.
    """
    models = list(dict.fromkeys(table["model"]))
    figure, axes = _panels(len(models), columns, 3.4, "importance  $e·x\\,/\\,e·e$")
    for axis, model in zip(axes.flat, models, strict=False):
        for term in TERMS:
            line = table[(table["model"] == model) & (table["term"] == term)]
            style = {"color": COLOURS[term], "marker": MARKERS[term], "label": NAMES[term]}
            axis.plot(line["layer"], line["mean"], markersize=5, **style)
            low, high = line["mean"] - line["std"], line["mean"] + line["std"]
            axis.fill_between(line["layer"], low, high, color=COLOURS[term], alpha=0.15)
        axis.set(xlabel="layer")
        axis.set_title(model, **TITLE)
    _legend_below(figure, axes.flat[0])
    return figure


@drawn
def importance_correlation(table: pd.DataFrame, columns: int = 3) -> Figure:
    """Spearman's correlation of importance with the first model, by term and layer; a panel a model.

    Args:
        table: Model_a, model_b, layer, term, spearman.
        columns: Panels side by side.
    """
    first = table["model_a"].iloc[0]
    with_first = table[table["model_a"] == first]
    models = list(dict.fromkeys(with_first["model_b"]))
    figure, axes = _panels(len(models), columns, 3.2, "Spearman's ρ")
    lowest = min(-0.1, with_first["spearman"].min() - 0.05)
    for axis, model in zip(axes.flat, models, strict=False):
        pair = with_first[with_first["model_b"] == model]
        for term in TERMS:
            line = pair[pair["term"] == term]
            axis.plot(
                line["layer"], line["spearman"], color=COLOURS[term], marker=MARKERS[term], markersize=5,
                label=NAMES[term],
            )  # fmt: skip
        axis.axhline(0, color="grey", linewidth=0.8)
        axis.set(xlabel="layer", ylim=(lowest, 1.05))
        axis.set_title(f"{first} and {model}", **TITLE)
    _legend_below(figure, axes.flat[0])
    return figure


@drawn
def importance_between(table: pd.DataFrame) -> Figure:
    """Spearman's correlation of importance in the last layer between all pairs of models; a panel a term.

    Args:
        table: Model_a, model_b, layer, term, spearman.
    """
    models = list(dict.fromkeys([*table["model_a"], *table["model_b"]]))
    last = table[table["layer"] == table["layer"].max()]
    terms = [term for term in TERMS if term in set(last["term"])]
    size = 0.6 + 0.52 * max(len(models), 4)
    figure, axes = plt.subplots(
        2, 2, figsize=(2 * size + 1, 2 * size), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis, term in zip(axes.flat, terms, strict=False):
        grid = pd.DataFrame(np.nan, index=models, columns=models)
        for row in last[last["term"] == term].itertuples():
            grid.loc[str(row.model_a), str(row.model_b)] = grid.loc[str(row.model_b), str(row.model_a)] = (
                row.spearman
            )
        sns.heatmap(
            grid, annot=True, fmt=".2f", vmin=-1, vmax=1, cmap="vlag", square=True, cbar=False, ax=axis,
            annot_kws={"size": 8},
        )  # fmt: skip
        axis.set_facecolor("#eeeeee")
        axis.set_title(NAMES[term], fontsize="medium")
        axis.tick_params(axis="y", rotation=0)
        axis.grid(False)
        _slant(axis, 45)
    for axis in axes.flat[len(terms) :]:
        axis.set_visible(False)
    return figure


@drawn
def feedforward_r2(table: pd.DataFrame) -> Figure:
    """R² of the linear stand-in for each feed-forward, by layer; a line a model.

    Layers are set side by side by relative depth, since models differ.

    Args:
        table: Model, layer, r2.
    """
    table = table.assign(depth=table["layer"] / table.groupby("model")["layer"].transform("max"))
    figure, axis = plt.subplots(figsize=(6, 3.4))
    sns.lineplot(table, x="depth", y="r2", hue="model", style="model", markers=True, dashes=False, ax=axis)
    axis.set(xlabel="layer / number of layers", ylabel="$R^2$ of a linear map", ylim=(0, 1))
    sns.move_legend(axis, "best", title=None)
    return figure


@drawn
def senses_beside_paper(table: pd.DataFrame) -> Figure:
    """The probe's accuracy by subset, a run's filled and the paper's hollow; a panel a run.

    Subsets stand in the paper's order; those with h, with f, with both and with neither are told apart.

    Args:
        table: Run, terms, paper, here.
    """
    if table.empty:
        figure, axis = plt.subplots(figsize=(5, 1.2))
        axis.axis("off")
        axis.text(0.5, 0.5, "no run here has the chapter on word senses", ha="center", va="center")
        return figure
    looks = {
        "h, not f": (COLOURS["h"], MARKERS["h"]), "f, not h": (COLOURS["f"], MARKERS["f"]),
        "h and f": (COLOURS["i"], "^"), "neither": ("#555555", "v"),
    }  # fmt: skip
    kind_of = {
        (True, False): "h, not f", (False, True): "f, not h", (True, True): "h and f",
        (False, False): "neither",
    }  # fmt: skip
    kinds = [kind_of["h" in name, "f" in name] for name in table["terms"]]
    order = table.drop_duplicates("terms").sort_values("paper")["terms"].tolist()
    table = table.assign(has=kinds, row=table["terms"].map(order.index))
    runs = list(dict.fromkeys(table["run"]))
    figure, axes = plt.subplots(
        1, len(runs), figsize=(2.2 + 3.2 * len(runs), 4.8), squeeze=False, sharey=True
    )
    for axis, run in zip(axes.flat, runs, strict=True):
        part = table[table["run"] == run]
        axis.scatter(
            part["paper"], part["row"], s=46, facecolors="none", edgecolors="grey", label="BERT in the paper"
        )
        for kind, (colour, marker) in looks.items():
            of = part[part["has"] == kind]
            axis.scatter(of["here"], of["row"], s=40, color=colour, marker=marker, label=f"here: {kind}")
        axis.set_yticks(range(len(order)), order)
        axis.set(xlabel="accuracy (%)")
        axis.set_title(run, **TITLE)
    _legend_below(figure, axes.flat[0])
    return figure


@drawn
def along_runs(table: pd.DataFrame, by: str, label: str) -> Figure:
    """Numbers along a row of runs, each with its 95 % interval; a line a subset of the terms.

    A run without a number breaks the lines.

    Args:
        table: Run, value (where it stands), terms, mean, low, high.
        by: What the runs are in a row by.
        label: What the numbers are.
    """
    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    lines = list(dict.fromkeys(table["terms"]))
    apart = min(ASIDE, 4.5 / len(table))
    for terms, aside in _aside(figure, lines, apart, 0).items():
        of = table[table["terms"] == terms]
        axis.errorbar(
            of["value"], of["mean"], _reach(of), linestyle="-", linewidth=1.4, markersize=5,
            transform=axis.transData + aside, **_look(terms),
        )  # fmt: skip
    for end in ("mean", "low", "high"):  # an axis takes no notice of what is drawn aside
        axis.update_datalim(table[["value", end]].dropna().to_numpy(float))
    axis.autoscale_view()
    axis.set(xlabel=by, ylabel=label)
    _spread(axis, table["value"])
    _legend_below(figure, axis)
    return figure


@drawn
def runs_one_below_another(table: pd.DataFrame, label: str) -> Figure:
    """Numbers of runs that are in a row by nothing, each with its 95 % interval; a line of the picture a run.

    Args:
        table: Run, terms, mean, low, high.
        label: What the numbers are.
    """
    runs = list(dict.fromkeys(table["run"]))
    lines = list(dict.fromkeys(table["terms"]))
    table = table.assign(place=table["run"].map(runs.index))
    figure, axis = plt.subplots(figsize=(7.5, 1.2 + 0.34 * len(runs)))
    for terms, aside in _aside(figure, lines, 0, -ASIDE).items():
        of = table[table["terms"] == terms]
        axis.errorbar(
            of["mean"], of["place"], xerr=_reach(of), linestyle="none", markersize=4,
            transform=axis.transData + aside, **_look(terms),
        )  # fmt: skip
    for end in ("mean", "low", "high"):
        axis.update_datalim(table[[end, "place"]].dropna().to_numpy(float))
    axis.autoscale_view()
    axis.set(xlabel=label, ylim=(len(runs) - 0.4, -0.6))
    axis.set_yticks(range(len(runs)), runs, parse_math=False)
    _legend_below(figure, axis)
    return figure


def _look(terms: str) -> dict[str, Any]:
    """How a subset of the terms is drawn; i+h+f+c, which is no term, in grey."""
    return {
        "color": COLOURS.get(terms, "#555555"), "marker": MARKERS.get(terms, "v"), "elinewidth": 1,
        "label": NAMES.get(terms, terms),
    }  # fmt: skip


def _reach(of: pd.DataFrame) -> list[pd.Series]:
    """How far intervals reach to either side of their means."""
    return [of["mean"] - of["low"], of["high"] - of["mean"]]


def _aside(figure: Figure, lines: Sequence[str], x: float, y: float) -> dict[str, ScaledTranslation]:
    """Where each line is drawn: so many inches from the last, so that none hides another's interval."""
    middle = (len(lines) - 1) / 2
    return {
        line: ScaledTranslation(x * (n - middle), y * (n - middle), figure.dpi_scale_trans)
        for n, line in enumerate(lines)
    }


ASIDE = 0.04  # inches at most between the points of one run
LARGE = 10_000.0
WIDE = 20.0  # times as large as the smallest: then values are set out by their logarithms


def _spread(axis: Axes, values: pd.Series) -> None:
    """Set out what runs are in a row by: from some 10,000 on in k, M and G, of several orders logarithmic.

    On a logarithmic axis 0 stands at its beginning.
    """
    above = values[values > 0]
    if above.empty or (values < 0).any():
        return
    if above.max() / above.min() >= WIDE:
        zero = {"linthresh": float(above.min())} if (values == 0).any() else {}
        axis.set_xscale("symlog" if zero else "log", **zero)
    if above.max() >= LARGE:
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))


@drawn
def term_dependence(table: pd.DataFrame) -> Figure:
    """How far each term follows from another: a heat map, sources down and targets across."""
    grid = table.pivot(index="source", columns="target", values="r2").loc[list(TERMS), list(TERMS)]
    figure, axis = plt.subplots(figsize=(4.4, 3.6))
    sns.heatmap(grid, annot=True, fmt=".2f", vmin=0, vmax=1, cmap="crest", ax=axis, square=True)
    axis.set(xlabel="is predicted", ylabel="predicts")
    axis.grid(False)
    axis.tick_params(axis="y", rotation=0)
    return figure


@drawn
def scores_by_subset(table: pd.DataFrame, score: str, label: str, hue: str, percent: bool = True) -> Figure:
    """A score for every subset of the terms, a point a seed and a bar over the mean.

    A predictor that has the empty subset alone, since it sees no vector, is a line across.

    Args:
        table: Terms, seed, the column `score`, and the column `hue`.
        score: The column that is drawn.
        label: What its axis is called.
        hue: The column that tells predictors apart.
        percent: Whether the score is shown in percent.
    """
    table = table.assign(
        terms=table["terms"].replace("", BASELINE), value=table[score] * (100 if percent else 1)
    )
    order = [name or BASELINE for name in subsets() if (name or BASELINE) in set(table["terms"])]
    blind = table.groupby(hue, sort=False)["terms"].agg(lambda terms: set(terms) == {BASELINE})
    blind = blind & (len(order) > 1)
    lines = table[table[hue].isin(blind[blind].index)].groupby(hue, sort=False)["value"].mean()
    table = table[~table[hue].isin(lines.index)]
    kinds = list(dict.fromkeys(table[hue]))
    palette = dict(zip(kinds, ["#0173b2", "#de8f05", "#888888", "#029e73"], strict=False))
    figure, axis = plt.subplots(figsize=(9.5, 3.8))
    shared = {"x": "terms", "y": "value", "hue": hue, "order": order, "hue_order": kinds,
              "palette": palette, "ax": axis}  # fmt: skip
    sns.stripplot(table, dodge=True, alpha=0.5, size=4, legend=False, **shared)
    sns.pointplot(
        table, dodge=0.4 if len(kinds) > 1 else False, errorbar=None, linestyle="none",
        marker="_", markersize=14, markeredgewidth=2.5, **shared,
    )  # fmt: skip
    for (name, value), style in zip(lines.items(), (":", "--", "-."), strict=False):
        axis.axhline(value, color="#555555", linestyle=style, linewidth=1.2, label=str(name))
    axis.set(xlabel="terms given to the predictor", ylabel=label)
    _slant(axis, 45)
    axis.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(kinds) + len(lines), frameon=False, title=None
    )
    return figure


@drawn
def agreement(table: pd.DataFrame, above: str, below: str, title: str = "") -> Figure:
    """How far predictors agree, in percent: one above the diagonal, the other below it.

    Args:
        table: Predictor, terms_a, terms_b, agreement (0 to 1).
        above: The predictor above the diagonal.
        below: That below it.
        title: Of the figure.
    """
    names = [name for name in subsets() if name]
    grid = pd.DataFrame(np.nan, index=names, columns=names)
    for row in table.itertuples():
        first, second = sorted((row.terms_a, row.terms_b), key=names.index)
        if row.predictor == above:
            grid.loc[first, second] = 100 * row.agreement
        elif row.predictor == below:
            grid.loc[second, first] = 100 * row.agreement
    figure, axis = plt.subplots(figsize=(8.6, 7.2))
    sns.heatmap(
        grid, annot=True, fmt=".0f", cmap="crest", square=True, ax=axis, annot_kws={"size": 8},
        cbar_kws={"label": "agreement (F1, %)", "shrink": 0.8},
    )  # fmt: skip
    axis.set_facecolor("#eeeeee")
    axis.set_title(title or f"above the diagonal: {above}; below: {below}", **TITLE)
    axis.tick_params(axis="y", rotation=0)
    axis.grid(False)
    _slant(axis, 60)
    return figure


@drawn
def sentence_importance(table: pd.DataFrame) -> Figure:
    """One sentence, token by token: stacked importance of the four terms at the last layer.

    Args:
        table: Token, i, h, f, c; a row a token.
    """
    figure, axis = plt.subplots(figsize=(max(6, 0.55 * len(table)), 3.2))
    x = np.arange(len(table))
    width = 0.2
    for n, term in enumerate(TERMS):
        axis.bar(x + (n - 1.5) * width, table[term], width, color=COLOURS[term], label=NAMES[term])
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.set_xticks(x, table["token"], rotation=45, ha="right")
    axis.set_ylabel("importance")
    axis.grid(axis="x", visible=False)
    _legend_below(figure, axis)
    return figure


@drawn
def shares_by_layer(table: pd.DataFrame) -> Figure:
    """What each layer's sublayers wrote into one word's vector; a panel a sentence.

    Args:
        table: Sentence, term, layer, importance.
    """
    sentences = list(dict.fromkeys(table["sentence"]))
    figure, axes = plt.subplots(
        1, len(sentences), figsize=(4.6 * len(sentences), 3.2), sharey=True, squeeze=False
    )
    for axis, sentence in zip(axes.flat, sentences, strict=True):
        part = table[table["sentence"] == sentence]
        sns.barplot(part, x="layer", y="importance", hue="term", palette=COLOURS, ax=axis)
        axis.axhline(0, color="grey", linewidth=0.8)
        axis.set_title(_wrapped(sentence), fontsize="small", parse_math=False)
        axis.legend(title=None)
    axes[0, 0].set_ylabel("importance  $e·x\\,/\\,e·e$")
    figure.tight_layout()
    return figure


@drawn
def shares_by_head(table: pd.DataFrame) -> Figure:
    """What each attention head wrote: heads across, layers upward; a panel a sentence.

    Args:
        table: Sentence, layer, head, importance.
    """
    return _grids(table, "layer", "head", "head")


@drawn
def shares_by_source(table: pd.DataFrame) -> Figure:
    """Which token attention's contribution came from: tokens across, layers upward; a panel a sentence.

    Args:
        table: Sentence, layer, source, token, importance.
    """
    return _grids(table, "layer", "source", "", labels="token")


def _grids(table: pd.DataFrame, down: str, across: str, name: str, labels: str | None = None) -> Figure:
    sentences = list(dict.fromkeys(table["sentence"]))
    largest = table["importance"].abs().max()
    figure, axes = plt.subplots(len(sentences), 1, figsize=(8.5, 3 * len(sentences)), squeeze=False)
    for axis, sentence in zip(axes.flat, sentences, strict=True):
        part = table[table["sentence"] == sentence]
        grid = (
            100 * part.pivot_table(index=down, columns=across, values="importance", aggfunc="sum").iloc[::-1]
        )
        written = grid.map(lambda share: f"{share:.0f}" if abs(share) >= 0.5 else "")
        sns.heatmap(
            grid, cmap="vlag", center=0, vmin=-100 * largest, vmax=100 * largest, ax=axis,
            annot=written if grid.shape[1] <= 16 else None, fmt="", annot_kws={"size": 8},
            cbar_kws={"label": "importance (%)"}, xticklabels=1 if labels else "auto",
        )  # fmt: skip
        if labels:
            names = part.drop_duplicates(across).set_index(across)[labels]
            axis.set_xticklabels([names[n] for n in grid.columns])
            _slant(axis, 45)
        axis.set(xlabel=name, ylabel=down)
        axis.set_title(_wrapped(sentence, 80), fontsize="small", parse_math=False)
        axis.tick_params(axis="y", rotation=0)
        axis.grid(False)
    figure.tight_layout()
    return figure


@drawn
def units(table: pd.DataFrame) -> Figure:
    """How few feed-forward units write how much: the running sum over units, largest first.

    Args:
        table: Sentence, importance; a row a unit.
    """
    figure, axis = plt.subplots(figsize=(6, 3.2))
    for sentence, part in table.groupby("sentence", sort=False):
        running = part["importance"].sort_values(ascending=False).cumsum().to_numpy()
        axis.plot(np.arange(1, len(running) + 1), running, label=_wrapped(str(sentence), 40))
    axis.set(xscale="log", xlabel="feed-forward units, the largest first", ylabel="importance so far")
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.legend(fontsize="small")
    return figure


@drawn
def logits_by_layer(table: pd.DataFrame) -> Figure:
    """What each term of each layer says for the candidates: logits less their mean over candidates.

    Args:
        table: Term, layer, word, logit.
    """
    centred = table.assign(logit=table["logit"] - table.groupby(["term", "layer"])["logit"].transform("mean"))
    centred = centred.assign(
        part=centred["term"] + centred["layer"].astype(str).where(centred["layer"] > 0, "")
    )
    figure, axis = plt.subplots(figsize=(9, 3.4))
    sns.barplot(centred, x="part", y="logit", hue="word", ax=axis)
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.set(xlabel="term and layer", ylabel="logit, less the mean")
    _slant(axis, 60)
    return figure


@drawn
def cost_by_tokens(table: pd.DataFrame) -> Figure:
    """Seconds over tokens, both logarithmic, with the line of equal cost per token.

    Args:
        table: Tokens, seconds, batches (how they were made).
    """
    figure, axis = plt.subplots(figsize=(6, 3.4))
    sns.scatterplot(table, x="tokens", y="seconds", hue="batches", style="batches", s=70, ax=axis)
    first = table.iloc[0]
    ends = np.array([table["tokens"].min(), table["tokens"].max()])
    axis.plot(ends, ends * first["seconds"] / first["tokens"], color="grey", linewidth=0.8)
    axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel="seconds")
    axis.legend(title=None)
    return figure


@drawn
def trained_and_random(table: pd.DataFrame) -> Figure:
    """Mean importance by layer of a trained model, and of its architecture with random weights.

    Args:
        table: Weights, layer, term, mean, low, high.
    """
    kinds = list(dict.fromkeys(table["weights"]))
    figure, axes = plt.subplots(1, len(kinds), figsize=(4.4 * len(kinds), 3.4), sharey=True, squeeze=False)
    for axis, kind in zip(axes.flat, kinds, strict=True):
        of_kind = table[table["weights"] == kind]
        for term in TERMS:
            _line(axis, of_kind[of_kind["term"] == term], COLOURS[term], MARKERS[term], NAMES[term])
        axis.set(xlabel="layer", title=f"{kind} weights")
    axes[0, 0].set_ylabel("importance  $e·x\\,/\\,e·e$")
    _legend_below(figure, axes[0, 0])
    return figure


@drawn
def dots(
    table: pd.DataFrame, x: str, hue: str, panel: Sequence[str], label: str, factor: float = 100
) -> Figure:
    """Numbers with their 95 % intervals, side by side; a panel for each combination of some keys.

    Args:
        table: Keys, mean, low, high.
        x: The key along the axis; "" is written as the baseline.
        hue: The key told apart by colour.
        panel: The keys of which each combination has a panel.
        label: What the numbers are.
        factor: By which they are multiplied, 100 for percent.
    """
    kinds = list(dict.fromkeys(table[hue]))
    panels = list(table.groupby(list(panel), sort=False))
    wide = max(3.2, 0.62 * max(part[x].nunique() for _, part in panels))
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(wide * columns, 3.3 * rows), squeeze=False)
    for axis, (names, part) in zip(axes.flat, panels, strict=False):
        places = {name: n for n, name in enumerate(dict.fromkeys(part[x]))}
        for n, kind in enumerate(kinds):
            of = part[part[hue] == kind]
            if of.empty:
                continue
            beside = (n - (len(kinds) - 1) / 2) * 0.2
            places_of, mean = of[x].map(places).astype(float) + beside, factor * of["mean"]
            colour, marker = KINDS[n % len(KINDS)]
            axis.errorbar(
                places_of, mean, [mean - factor * of["low"], factor * of["high"] - mean],
                fmt=marker, color=colour, markersize=5, label=kind or BASELINE,
            )  # fmt: skip
        axis.set_xticks(list(places.values()), [name or BASELINE for name in places])
        axis.set_title(", ".join(name.replace("_", " ") for name in names), **TITLE)
        _slant(axis, 45)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    _legend_below(figure, *axes.flat[: len(panels)])
    return figure


@drawn
def causes(table: pd.DataFrame) -> Figure:
    """What scores lose by layer: full lines in the model, broken ones in the sum; a panel a score.

    Args:
        table: Experiment, predictor, score, effect, term, layer, mean, low, high; accuracies alone are drawn.
    """
    shown = table[(table["score"] == "accuracy") & (table["layer"] > 0)]
    panels = list(shown.groupby(["experiment", "predictor"], sort=False))
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3.4), squeeze=False)
    for axis, (names, part) in zip(axes.flat, panels, strict=True):
        for term, effect in part[["term", "effect"]].drop_duplicates().itertuples(index=False):
            of = part[(part["term"] == term) & (part["effect"] == effect)]
            style = "-" if effect == "cause" else "--"
            label = f"{NAMES.get(term, term)}, {effect}"
            _line(axis, of, COLOURS.get(term, "#555555"), MARKERS.get(term, "^"), label, style, 100)
        axis.axhline(0, color="grey", linewidth=0.8)
        axis.set_title(", ".join(names), **TITLE)
        axis.set(xlabel="layer")
    axes[0, 0].set_ylabel("accuracy lost (points)")
    _legend_below(figure, axes[0, 0])
    return figure


@drawn
def lines_by_layer(
    table: pd.DataFrame, key: str, label: str, names: Mapping[str, str], factor: float = 1
) -> Figure:
    """Numbers by layer with the band of their 95 % intervals, a line for each value of a key.

    Args:
        table: Layer, the column `key`, mean, low, high.
        key: What lines are told apart by.
        label: What the numbers are.
        names: What lines are called, by value; those left out are not drawn.
        factor: By which numbers are multiplied.
    """
    figure, axis = plt.subplots(figsize=(6, 3.4))
    for n, (value, name) in enumerate(names.items()):
        _line(axis, table[table[key] == value], *KINDS[n % len(KINDS)], name, factor=factor)
    axis.set(xlabel="layer", ylabel=label)
    _legend_below(figure, axis)
    return figure


@drawn
def updates(table: pd.DataFrame) -> Figure:
    """How far what a sublayer wrote moves the distribution over words, and over how many words, by layer.

    Args:
        table: Predictor, quantity, term, layer, mean, low, high.
    """
    shown = table[table["layer"] > 0]
    labels = {"divergence": "KL divergence (nats)", "words": "words that change"}
    panels = [(kind, name) for kind in dict.fromkeys(shown["predictor"]) for name in labels]
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3.3), squeeze=False)
    for axis, (predictor, quantity) in zip(axes.flat, panels, strict=True):
        part = shown[(shown["predictor"] == predictor) & (shown["quantity"] == quantity)]
        for term in dict.fromkeys(part["term"]):
            of = part[part["term"] == term]
            _line(axis, of, COLOURS.get(term, "#555555"), MARKERS.get(term, "^"), NAMES.get(term, term))
        axis.set(xlabel="layer", ylabel=labels[quantity])
        axis.set_title(f"{predictor} head", **TITLE)
    _legend_below(figure, axes[0, 0])
    return figure


@drawn
def layer_order(table: pd.DataFrame) -> Figure:
    """How far embeddings turn, and what accuracy is left, when layers change places or work twice.

    Args:
        table: Predictor, score, change, first, second, mean, low, high.
    """
    shown = table[table["score"].isin(["cosine_distance", "accuracy"])].copy()
    apart = (shown["second"] - shown["first"]).astype(str)
    shown["kind"] = shown["change"].where(shown["change"] != "swap", "swap, " + apart + " apart")
    panels = list(shown.groupby(["predictor", "score"], sort=False))
    figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.4), squeeze=False)
    kinds = [kind for kind in dict.fromkeys(shown["kind"]) if kind != "none"]
    for axis, ((predictor, score), part) in zip(axes.flat, panels, strict=True):
        for n, kind in enumerate(kinds):
            _line(axis, part[part["kind"] == kind], *KINDS[n % len(KINDS)], kind)
        none = part[part["kind"] == "none"]["mean"].mean()
        axis.axhline(none, color="grey", linewidth=0.8)
        axis.set(xlabel="first layer that is changed", ylabel=score.replace("_", " "))
        axis.set_title(predictor, **TITLE)
        if part["mean"].max() > 20 * part["mean"].median() > 0:
            axis.set_yscale("symlog", linthresh=float(part["mean"].median()))
    _legend_below(figure, axes[0, 0], columns=4)
    return figure


# Colours and markers of what is no term.
KINDS = [
    ("#0173b2", "o"),
    ("#de8f05", "s"),
    ("#029e73", "D"),
    ("#cc78bc", "X"),
    ("#555555", "v"),
    ("#ca9161", "^"),
]


def _line(
    axis: Axes, of: pd.DataFrame, colour: str, marker: str, label: str, style: str = "-", factor: float = 1
) -> None:
    """A line over layers with the band of its intervals."""
    where = of["layer"] if "layer" in of else of["first"]
    axis.plot(where, factor * of["mean"], style, color=colour, marker=marker, markersize=5, label=label)
    axis.fill_between(where, factor * of["low"], factor * of["high"], color=colour, alpha=0.15)


def _panels(count: int, columns: int, height: float, label: str) -> tuple[Figure, Any]:
    """Panels of one scale, so many side by side, with a label at the left; axes are (rows, columns)."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(4 * columns, height * rows), sharey=True, squeeze=False
    )
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    return figure, axes


def _wrapped(sentence: str, width: int = 45) -> str:
    return textwrap.fill(sentence, width)


def _slant(axis: Axes, degrees: int) -> None:
    """Turn the labels below the picture so that each ends under its own tick."""
    plt.setp(axis.get_xticklabels(), rotation=degrees, ha="right", rotation_mode="anchor")


def _legend_below(figure: Figure, *axes: Axes, columns: int = 0) -> None:
    """One legend for panels, of all that is drawn in any of these."""
    drawn = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.tight_layout()
    figure.legend(
        list(drawn.values()), list(drawn), loc="upper center", bbox_to_anchor=(0.5, 0),
        ncols=columns or len(drawn), frameon=False,
    )  # fmt: skip
