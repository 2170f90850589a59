"""The charts of the page Explore, in Vega-Lite: drawn in the page, and as still pictures without scripts.

Vega-Altair writes them down, and vl-convert has the scripts that draw them, and draws the still ones: so
nothing comes from elsewhere, neither when the site is built nor when it is read. In the page the rows are
named data, which its script fills in, and so are the parameters.
"""

import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import altair as alt
import vl_convert

from dissect.decomposition import TERMS, subsets
from dissect.report import figures

Layered = alt.LayerChart | alt.FacetChart  # as Altair types what it lays on one another
Rows = list[dict[str, Any]]
Grid = Sequence[Sequence[float | None]]
SUBSET = "S"  # the sum of the terms that were picked, where it is drawn as one
GREY = "#7f8794"
SERIES = ("#7a5cc4", "#c0522d")  # left and right; 3 : 1 at least on white and on the dark theme
SHAPES = {"i": "circle", "h": "square", "f": "diamond", "c": "cross"}
NAMES = {"i": "i, input", "h": "h, attention", "f": "f, feed-forward", "c": "c, biases"}
BAR = 22  # pixels
FAINT = 0.35  # what was not picked
NARROW = 0.1  # of the axis: a bar below this has no room for its letter
LINE = "#8888"  # grids and axes, in either theme
CONFIG: dict[str, Any] = {
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 110,
        "gridColor": LINE, "domainColor": LINE, "tickColor": LINE,
    },
    "legend": {"labelFontSize": 12, "symbolSize": 90, "labelLimit": 260},
    "point": {"size": 55, "opacity": 1},
}  # fmt: skip
WITHOUT_NUMBER = "slice(datum.label, indexof(datum.label, ' ') + 1)"  # tokens recur, so they are numbered


def bars(rows: Rows | None = None, low: float = 0, high: float = 1) -> Layered:
    """Bars of one sentence in one layer, a token a row.

    Args:
        rows: Each with place, token ("2 crane"), term or `SUBSET`, value, whether it is picked, and for the
            pointer the names of its terms.
        low: Where the axis begins.
        high: Where it ends.
    """
    order = [*TERMS, SUBSET]
    colours = [*figures.COLOURS.values(), GREY]
    scale = alt.Scale(domainMin=alt.expr("low"), domainMax=alt.expr("high"), nice=False)
    axis = alt.Axis(orient="top", tickCount=4, format=".2~f", grid=False)
    by_place = alt.EncodingSortField("place", op="min")  # else a token that comes new would come last
    token = alt.Y("token:N", sort=by_place, title=None, axis=alt.Axis(labelExpr=WITHOUT_NUMBER, ticks=False))
    picked = alt.condition("datum.picked", alt.value(1), alt.value(FAINT))
    base = alt.Chart().transform_calculate(order=f"indexof({order}, datum.term)").encode(y=token)
    drawn = base.mark_bar(cursor="pointer").encode(
        x=alt.X("value:Q", title=None, stack="zero", scale=scale, axis=axis),
        color=alt.Color("term:N", scale=alt.Scale(domain=order, range=colours), legend=None),
        order=alt.Order("order:Q"),
        opacity=picked,
        tooltip=["token:N", "terms:N", alt.Tooltip("value:Q", format=".3f")],
    )
    room = f"datum.picked && datum.term != '{SUBSET}' && abs(datum.value) > {NARROW} * (high - low)"
    letters = base.mark_text(fontSize=11, color="black", fontStyle="italic").encode(
        x=alt.X("value:Q", stack="zero", bandPosition=0.5),
        order=alt.Order("order:Q"),
        text="term:N",
        opacity=alt.condition(room, alt.value(1), alt.value(0)),
    )
    zero = alt.Chart(alt.InlineData([{}])).mark_rule(color=GREY).encode(x=alt.datum(0))
    limits = alt.param(name="low", value=low), alt.param(name="high", value=high)
    height = BAR * len({row["token"] for row in rows or ()})  # in the page its script sets it
    return layered([drawn, letters, zero], rows).add_params(*limits).properties(height=height)


def lines(rows: Rows | None = None, now: int = 0) -> Layered:
    """A token of each of two sentences, layer by layer.

    Args:
        rows: Each with layer, value, and series, which names the sentence and the token.
        now: The layer that is looked at.
    """
    series: dict[str, Any] = {"shorthand": "series:N", "sort": None, "legend": None}
    chart = (
        alt.Chart()
        .mark_line(point=True)
        .encode(
            x=alt.X("layer:Q", axis=alt.Axis(tickMinStep=1, format="d", grid=False)),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=5, format=".2~f")),
            color=alt.Color(**series, scale=alt.Scale(range=list(SERIES))),
            strokeDash=alt.StrokeDash(**series, scale=alt.Scale(range=[[1, 0], [6, 4]])),
            shape=alt.Shape(**series, scale=alt.Scale(range=["circle", "triangle-up"])),
            tooltip=["series:N", "layer:Q", alt.Tooltip("value:Q", format=".3f")],
        )
    )
    here = alt.Chart(alt.InlineData([{}])).transform_calculate(layer="now")
    rule = here.mark_rule(color=GREY, strokeDash=[2, 3]).encode(x="layer:Q")
    return layered([rule, chart], rows).add_params(alt.param(name="now", value=now)).properties(height=200)


def importance(rows: Rows | None = None, low: float = 0, high: float = 1) -> Layered:
    """Importance of the terms by layer in one model, with one standard deviation.

    Args:
        rows: Each with layer, term, mean, std.
        low: Where the axis begins.
        high: Where it ends.
    """
    scale = alt.Scale(domainMin=alt.expr("low"), domainMax=alt.expr("high"), nice=False)
    colour = alt.Color(
        "term:N", legend=None, scale=alt.Scale(domain=list(TERMS), range=list(figures.COLOURS.values()))
    )
    base = alt.Chart().encode(
        x=alt.X("layer:Q", axis=alt.Axis(tickMinStep=1, format="d", grid=False)), color=colour
    )
    band = (
        base.transform_calculate(low="datum.mean - datum.std", high="datum.mean + datum.std")
        .mark_area(opacity=0.16, clip=True)
        .encode(y=alt.Y("low:Q", title=None, scale=scale), y2="high:Q")
    )
    shape = alt.Shape(
        "term:N", legend=None, scale=alt.Scale(domain=list(TERMS), range=[SHAPES[term] for term in TERMS])
    )
    line = base.mark_line().encode(y="mean:Q")
    told = ["term:N", "layer:Q", *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("mean", "std"))]
    points = base.mark_point(filled=True).encode(
        y="mean:Q", shape=shape, tooltip=["term:N", "layer:Q", *told]
    )
    limits = alt.param(name="low", value=low), alt.param(name="high", value=high)
    return layered([band, line, points], rows).add_params(*limits).properties(height=230)


def layered(parts: Sequence[alt.Chart], rows: Rows | None) -> Layered:
    """Charts on one another: of the rows that are given, or of those that the page's script fills in."""
    data = alt.NamedData("rows") if rows is None else alt.InlineData(rows)
    return alt.layer(*parts, data=data)


def specifications() -> dict[str, dict[str, Any]]:
    """The charts that the page's script fills, as Vega-Lite, as wide as the page has room."""
    live = {"bars": bars(), "lines": lines(), "importance": importance()}
    return {
        name: chart.properties(width="container").configure(**CONFIG).to_dict()
        for name, chart in live.items()
    }


# ---- still pictures ----


def agreement(above: Sequence[Sequence[float | None]], below: Sequence[Sequence[float | None]]) -> Layered:
    """Agreement of subsets by subsets, in percent: one predictor above the diagonal, one below."""
    names = subsets()[1:]
    rows = [
        {"row": a, "column": b, "percent": (above if column > row else below)[row][column]}
        for row, a in enumerate(names)
        for column, b in enumerate(names)
    ]
    base = alt.Chart().encode(
        x=alt.X("column:N", sort=names, title=None, axis=alt.Axis(orient="top", labelAngle=-90)),
        y=alt.Y("row:N", sort=names, title=None),
    )
    known = [row for row in rows if row["percent"] is not None]
    middle = sum(min_max(known)) / 2
    shade = alt.Color("percent:Q", scale=alt.Scale(scheme="teals", domain=min_max(known)), legend=None)
    dark = alt.condition(f"datum.percent > {middle}", alt.value("white"), alt.value("black"))
    numbers = base.mark_text(fontSize=10).encode(text=alt.Text("percent:Q", format=".0f"), color=dark)
    return layered([base.mark_rect().encode(color=shade), numbers], known).properties(
        width=alt.Step(30), height=alt.Step(24)
    )


def min_max(rows: Rows) -> list[float]:
    """The lowest and the highest percentage."""
    percents = [row["percent"] for row in rows]
    return [min(percents), max(percents)]


def key() -> Layered:
    """What the four colours and shapes stand for, in a row of its own."""
    rows = [{"term": term, "name": NAMES[term]} for term in TERMS]
    chart = alt.Chart(alt.InlineData(rows)).encode(x=alt.X("term:N", sort=None, axis=None))
    shape = alt.Shape("term:N", scale=alt.Scale(domain=list(TERMS), range=list(SHAPES.values())), legend=None)
    colour = alt.Color(
        "term:N", scale=alt.Scale(domain=list(TERMS), range=list(figures.COLOURS.values())), legend=None
    )
    marks = chart.mark_point(filled=True, size=90).encode(shape=shape, color=colour)
    words = chart.mark_text(align="left", dx=10, fontSize=12).encode(text="name:N")
    return alt.layer(marks, words).properties(width=alt.Step(130), height=20)


def title(text: str) -> alt.TitleParams:
    """What stands over a chart of a still picture."""
    return alt.TitleParams(text, fontSize=12, fontWeight="normal")


def titled(chart: Layered, text: str, width: int = 330) -> Layered:
    """A chart among others on a still picture.

    Args:
        chart: Of one sentence or model.
        text: Its title.
        width: In pixels.
    """
    return chart.properties(width=width, title=title(text))


def still(charts: Sequence[Layered], columns: int = 2, with_key: bool = True) -> str:
    """Charts as one picture, in SVG, on white.

    Args:
        charts: As many as there are.
        columns: Of them side by side.
        with_key: Whether it says what the four colours stand for.
    """
    grid = alt.concat(*charts, columns=columns).resolve_scale(color="independent", shape="independent")
    whole = alt.vconcat(key(), grid) if with_key else grid
    text = io.StringIO()
    whole.configure(**CONFIG | {"background": "white"}).save(text, format="svg")
    return text.getvalue()


@cache
def script() -> str:
    """The scripts that draw the charts in a page, in one: Vega, Vega-Lite and Vega-Embed.

    In a scope of their own, since they call things by names that Sphinx's scripts have too.
    """
    bundle = vl_convert.javascript_bundle(
        "window.vegaEmbed = vegaEmbed;", vl_version=alt.SCHEMA_VERSION.rsplit(".", 1)[0]
    )
    return f"(() => {{\n{bundle}\n}})();\n"
