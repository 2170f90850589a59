"""Answers to the exercises on finer parts."""

from tests.teaching.answers import Table

COUNTS = """
from dissect.experiments.finer import word_in
word = word_in(given.loaded(), given.BAT, "bat")
layers, heads, hidden, units = 6, 12, 384, 1536
tokens = len(word.tokens)
answer = {"heads": layers * heads, "sources": layers * heads * tokens, "units": layers * units}
"""

HEADS = """
from dissect.experiments.finer import word_in
table = word_in(given.loaded(), given.CRANE, "crane").by_head()
by_size = table.sort_values("importance", ascending=False)
row = by_size.iloc[0]
layer, head = int(row["layer"]), int(row["head"])
answer = layer, head
"""

SOURCES = """
from dissect.experiments.finer import word_in
word = word_in(given.loaded(), given.BAT, "bat")
table = word.by_source()
others = table[~table["source"].isin(word.positions)]


def first(table):
    return table.groupby(["source", "token"])["importance"].sum().idxmax()[1]


answer = first(others)
"""

UNITS = """
from dissect.experiments.finer import word_in
word = word_in(given.loaded(), given.CRANE, "crane")
table = word.by_unit()
shares = np.sort(table["importance"])[::-1]
last = np.sort(table[table["layer"] == 6]["importance"])[::-1]


def half(x):
    return int((x.cumsum() < x.sum() / 2).sum()) + 1


answer = {"writing for": (shares > 0).sum(), "half": half(shares)}
"""

MISSING = (
    HEADS
    + """
model = given.loaded().model
at = word_in(given.loaded(), given.CRANE, "crane").positions
e = given.dissected().embedding[0, at].sum(0)


def without(layer, head):
    def silence(x):
        x = x.clone()
        x[..., (head - 1) * 32 : head * 32] = 0
        return x
    dense = model.encoder.layer[layer - 1].attention.output.dense
    return given.without(dense, silence)[at].sum(0)


def missing(layer, head):
    return (e @ (e - without(layer, head)) / (e @ e)).item()


other = without(layer, head)
answer = {"written": row["importance"], "missing": missing(layer, head)}
"""
)

TABLES = {
    "6.1": Table(
        before=COUNTS,
        right=[
            "",
            "answer = {name: float(count) for name, count in answer.items()}",
            "answer = {name: torch.tensor(count) for name, count in answer.items()}",
            "answer |= {'heads': len(word.by_head()), 'units': len(word.by_unit())}",
        ],
        wrong=[
            ("'heads' is one layer", "answer |= {'heads': heads}"),
            ("'sources' is one layer", "answer |= {'sources': heads * tokens}"),
            ("'units' is one layer", "answer |= {'units': units}"),
            ("'sources' does not tell heads apart", "answer |= {'sources': len(word.by_source())}"),
            ("special ones", "answer |= {'sources': layers * heads * (tokens - 2)}"),
            ("a word reads itself", "answer |= {'sources': layers * heads * (tokens - 1)}"),
            ("of 12 tokens", "answer |= {'sources': layers * heads * len(given.BAT.split())}"),
            ("of 12 tokens", "answer |= {'sources': layers * heads * heads}"),
            ("one alone is asked for", "answer |= {'sources': layers * heads * tokens * tokens}"),
            ("dimensions of the vector", "answer |= {'units': layers * hidden}"),
            ("of 6 tokens", "answer |= {'sources': heads * layers * layers}"),
            ("Off: sources", "answer |= {'sources': tokens}"),
            ("Off: heads", "answer |= {'heads': (layers + 1) * heads}"),
        ],
    ),
    "6.2": Table(
        before=HEADS,
        right=[
            "",
            "answer = [layer, head]",
            "answer = torch.tensor([layer, head])",
            "answer = row[['layer', 'head']]",
            "answer = np.array([layer, head])",
        ],
        wrong=[
            ("count from 0", "answer = layer - 1, head - 1"),
            ("count from 0", "answer = layer, head - 1"),
            ("count from 0", "answer = layer - 1, head"),
            ("The layer comes first", "answer = head, layer"),
            ("1 of the heads", "answer = tuple(by_size.iloc[1][['layer', 'head']])"),
            ("smallest share", "answer = tuple(by_size.iloc[-1][['layer', 'head']])"),
            ("no such layer", "answer = 99, 1"),
            ("two numbers", "answer = layer"),
            ("two numbers", "answer = f'{layer}.{head}'"),
        ],
    ),
    "6.3": Table(
        before=SOURCES,
        right=["", "answer = np.array([answer])[0]", "answer = answer.capitalize()"],
        wrong=[
            ("ahead in the last layer", "answer = first(others[others['layer'] == 6])"),
            ("ahead in the last layer", "answer = others.loc[others['importance'].idxmax()]['token']"),
            ("ahead in the last layer", "answer = first(others.assign(importance=others['importance'].abs()))"),
            ("ahead in some of the layers", "answer = first(others[others['layer'] == 1])"),
            (
                "ahead in some of the layers",
                "answer = others.loc[others.groupby('layer')['importance'].idxmax()]['token'].mode()[0]",
            ),
            ("the word itself", "answer = first(table)"),
            ("brought least", "answer = first(others.assign(importance=-others['importance']))"),
            ("a special token", "answer = '[CLS]'"),
            ("come before it", "answer = 'give'"),
            ("no such token", "answer = 'harbour'"),
            ("as a string", "answer = int(others.groupby('source')['importance'].sum().idxmax())"),
        ],
    ),
    "6.4": Table(
        before=UNITS,
        right=["", "answer = {name: float(count) for name, count in answer.items()}"],
        wrong=[
            ("write against", "answer |= {'writing for': (shares < 0).sum()}"),
            ("units of the last layer", "answer |= {'writing for': (last > 0).sum()}"),
            ("counts all units", "answer |= {'writing for': len(shares)}"),
            ("with a positive share", "answer |= {'writing for': 4000}"),
            ("without their signs", "answer |= {'half': half(np.sort(abs(shares))[::-1])}"),
            ("against it counts", "answer |= {'half': half(shares[shares > 0])}"),
            ("began with the units that write against", "answer |= {'half': half(shares[::-1])}"),
            ("the last layer alone", "answer |= {'half': half(last)}"),
            ("half of e", "answer |= {'half': int((shares.cumsum() < 0.5).sum()) + 1}"),
            ("and none after it", "answer |= {'half': answer['half'] - 1}"),
            ("and none after it", "answer |= {'half': answer['half'] + 1}"),
            ("from the largest share on", "answer |= {'half': 4000}"),
        ],
    ),
    "6.5": Table(
        before=MISSING,
        right=[
            "",
            "answer = {name: round(share, 2) for name, share in answer.items()}",
            "answer = {'written': torch.tensor(row['importance'], requires_grad=True), 'missing': e @ (e - other) / (e @ e)}",
        ],
        wrong=[
            ("run the model without the head", "answer |= {'missing': answer['written']}"),
            ("what is left", "answer |= {'missing': 1 - answer['missing']}"),
            ("the sign is turned", "answer |= {'missing': -answer['missing']}"),
            ("not on what is left of it", "answer |= {'missing': other @ (e - other) / (other @ other)}"),
            ("a ratio of lengths", "answer |= {'missing': (e - other).norm() / e.norm()}"),
            ("the layer below", "answer |= {'missing': missing(layer - 1, head)}"),
            ("next to nothing", "answer |= {'missing': missing(layer, head - 1)}"),
            ("next to nothing", "answer |= {'missing': missing(layer, head + 1)}"),
            ("next to nothing", "answer |= {'missing': 0}"),
            ("'missing' is off: set the head's columns", "answer |= {'missing': 0.7}"),
            ("a percentage", "answer |= {'written': 100 * answer['written']}"),
            ("'written' is what is missing", "answer = {'written': answer['missing'], 'missing': answer['written']}"),
            ("all of h", "answer |= {'written': table['importance'].sum()}"),
            ("'written' is off: it is the share", "answer |= {'written': 0.5}"),
        ],
    ),
}  # fmt: skip
