"""How a chapter opens: with what the run found, from its tables, in words that hold for any run."""

from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd

from dissect.decomposition import TERMS
from dissect.report import intervals, published, readings
from dissect.report.claims import VERDICTS
from dissect.site import scorecard
from dissect.site.markdown import markdown

Tables = Mapping[str, pd.DataFrame]
WHOLE = "+".join(TERMS)
FULL = {"i": "the input", "h": "attention", "f": "the feed-forwards", "c": "the biases"}
LINK = f"[each with its numbers](#{scorecard.SLUG})"
NOT_TOLD = "The tables of this run lack numbers that the finding of this chapter is read from."
OPENINGS: dict[str, tuple[tuple[str, ...], Callable[[Tables], str]]] = {}


def opening(chapter: str, *tables: str):
    """Put a function that tells a run's finding, in Markdown, among the `OPENINGS`.

    Args:
        chapter: Whose finding it is.
        *tables: Those that it is read from.
    """

    def put(tell: Callable[[Tables], str]) -> Callable[[Tables], str]:
        OPENINGS[chapter] = tables, tell
        return tell

    return put


def page(chapter: str, tables: Tables, verdicts: pd.DataFrame) -> str:
    """What stands below a chapter's title: the finding, and how its claims came out, in Markdown.

    Args:
        chapter: Its name.
        tables: The run's.
        verdicts: As `claims.verdicts` returns them.
    """
    counts = readings.verdict_counts(verdicts[verdicts["chapter"] == chapter])
    marks = [scorecard.chip(name, f"{counts[name]} {name}") for name in VERDICTS if counts[name]]
    claims = f"The paper's claims, judged by this run: {', '.join(marks)} ({LINK})." if marks else ""
    found = finding(chapter, tables)
    return "\n\n".join(filter(None, [f"{{.finding}}\n{found}" if found else "", claims]))


def finding(chapter: str, tables: Tables) -> str:
    """What a run found in a chapter, a paragraph of Markdown; "" where it lacks the chapter's tables.

    Args:
        chapter: Its name.
        tables: The run's.
    """
    needed, tell = OPENINGS.get(chapter, ((), None))
    if tell is None or any(name not in tables for name in needed):
        return ""
    try:
        return tell(tables)
    except (KeyError, IndexError, ValueError):  # rows that are missing: the folder may be somebody else's
        return NOT_TOLD


# ---- how numbers and differences are written ----


def percent(value: float, digits: int = 0) -> str:
    """A share in percent, of a number that is in percent."""
    return f"{intervals.number(value, digits)} %"


def share(value: float) -> str:
    """An importance: small ones with a digit more, as the paper has them.

    >>> share(0.6243), share(0.0452)
    ('0.62', '0.045')
    """
    return intervals.number(value, 3 if abs(value) < 0.1 else 2)


def bold(terms: str) -> str:
    r"""A subset of the terms as mathematics.

    >>> print(bold("h+f"))
    $\mathbf h + \mathbf f$
    """
    names = terms.split("+")
    if not set(names) <= set(TERMS):
        return markdown(terms)
    return "$" + " + ".join(rf"\mathbf {name}" for name in names) + "$"


def apart(points: float, low: float, high: float) -> str:
    """A difference with its interval, and whether that holds 0.

    Args:
        points: The difference.
        low: The lower end.
        high: The upper end.
    """
    digits = intervals.digits((high - low) / 2)
    value, lowest, highest = (intervals.number(x, digits, "+") for x in (points, low, high))
    holds = "holds" if low <= 0 <= high else "leaves out"
    return f"{value} points ({lowest} to {highest}), an interval that {holds} 0"


def rounded(of: pd.DataFrame, factor: float = 100) -> int:
    """The digits that a table's intervals give its numbers."""
    return intervals.of_all(factor * of["low"], factor * of["high"])


# ---- the chapters ----


@opening("1-derivation", "exactness", "dependence", "feedforward_r2")
def derivation(tables: Tables) -> str:
    """How exact the sum is, and both limits."""
    error = tables["exactness"]["difference"].max()
    between = readings.most_dependent(tables["dependence"])
    ends = readings.lowest_highest(tables["feedforward_r2"]["r2"])
    low, high = (intervals.number(r2, 2) for r2 in ends)
    source, target = bold(str(between["source"])), bold(str(between["target"]))
    digit, _, power = f"{error:.0e}".partition("e")
    largest = f"${digit}\\cdot 10^{{{int(power)}}}$"
    return (
        f"The four terms and the embedding differ by at most {largest} of its length, in every check. "
        "The most that one term tells of another, by a linear map, is "
        f"{percent(100 * between['r2'])} of its variance: {target} from {source}. "
        f"A linear map in the place of a feed-forward reaches an $R^2$ of {low} to {high}."
    )


@opening("2-visualisation", "importance", "correlation")
def visualisation(tables: Tables) -> str:
    """The input's way, the largest term at the end, and what fine-tuning moves most."""
    first, tuned = readings.models_of(tables["importance"])
    of = readings.shares(tables["importance"], first)
    paper = readings.shares(published.importance(), published.COUNTERPARTS["pretrained"])
    (begins, ends), (begun, ended) = ([share(one["i"].iloc[n]) for n in (0, -1)] for one in (of, paper))
    told = [
        f"{bold('i')}, the word itself, makes up {begins} of the embedding after the first layer and {ends} "
        f"after the last; in the paper's BERT it is {begun} and {ended}.",
        f"The largest term at the end is {_largest(of)}; in BERT it is {_largest(paper)}.",
    ]
    if tuned:
        means, _ = readings.correlations(tables["correlation"])
        rho = means[tuned[0]]
        (least, its), (next_one, that) = rho.nsmallest(2).items()
        its, that = (intervals.number(value, 2) for value in (its, that))
        told.append(
            f"Between the pretrained and the fine-tuned model (*{markdown(tuned[0])}*), the importance of "
            f"{bold(str(least))} correlates least: its mean ρ over layers is {its}, and the "
            f"next, that of {bold(str(next_one))}, is {that}. The paper names {bold('h')}."
        )
    return " ".join(told)


def _largest(shares: pd.DataFrame) -> str:
    last = shares.iloc[-1]
    return f"{bold(str(last.idxmax()))} with {share(last.max())}"


@opening("3-mlm", "masked_words", "masked_words_pairs", "masked_words_intervals")
def masked_words(tables: Tables) -> str:
    """The best single term, and f under both readers."""
    scores = tables["masked_words"]
    learned = readings.percent(scores, "learned")
    single = learned[list(TERMS)]
    digits = rounded(tables["masked_words_intervals"].query("predictor == 'learned' and score == 'accuracy'"))
    best, second = map(str, single.nlargest(2).index)
    words = "next" if readings.next_words(tables) else "masked"
    lead = readings.difference(tables["masked_words_pairs"], "learned", "accuracy", best, second)
    told = [
        f"Of single terms, {bold(best)} tells a learned head most here: "
        f"{percent(single.max(), digits)} of the {words} words, where the whole embedding gives "
        f"{percent(learned[WHOLE], digits)} and no vector at all {percent(learned[''], digits)}.",
        f"Its lead over {bold(second)} is {apart(*lead)}.",
    ]
    kind = readings.whole_head(scores)
    if kind is not None:
        whole = readings.percent(scores, str(kind))
        told.append(
            f"On {bold('f')} alone the head for whole embeddings ({markdown(str(kind))}) reaches "
            f"{percent(whole['f'], digits)} and a learned one {percent(learned['f'], digits)}."
        )
    if words == "masked":
        theirs = published.F_ALONE_LEARNED_HEAD, published.F_ALONE_PRETRAINED_HEAD
        told.append(
            f"In the paper's BERT the best is {bold('f')}: from it a learned head names {theirs[0]} %, and "
            f"the pretrained one {theirs[1]} %."
        )
    return " ".join(told)


@opening("4-wsd", "senses_documents", "senses_documents_pairs", "senses_documents_intervals")
def word_senses(tables: Tables) -> str:
    """h against f with documents held out, the whole, and what takes no vector."""
    scores = tables["senses_documents"]
    probe = readings.percent(scores, "classifier")
    digits = rounded(tables["senses_documents_intervals"].query("predictor == 'classifier'"))
    difference = readings.difference(tables["senses_documents_pairs"], "classifier", "accuracy", "h", "f")
    blind = readings.without_vectors(scores)
    without = f", and the best baseline without vectors {percent(blind.max(), digits)}" if len(blind) else ""
    paper = readings.percent(published.senses(), "classifier")
    return (
        f"With whole documents held out, the probe names {percent(probe['h'], digits)} of the senses from "
        f"{bold('h')} alone and {percent(probe['f'], digits)} from {bold('f')} alone: {apart(*difference)}. "
        f"From the whole embedding it names {percent(probe[WHOLE], digits)}{without}. "
        f"The paper, with items split at random, has {paper['h']:.1f} % for {bold('h')} and "
        f"{paper['f']:.1f} % for {bold('f')}."
    )


@opening("5-ner", "entities", "entities_intervals", "entities_pairs")
def named_entities(tables: Tables) -> str:
    """What f is worth beside h, before fine-tuning and after."""
    means, gains = [], []
    for predictor in ("base", "finetuned"):
        of = tables["entities_intervals"].query("predictor == @predictor and score == 'macro_f1'")
        both = readings.with_and_without_f(tables["entities"], predictor, "macro_f1")
        means += [percent(value, rounded(of)) for value in both]
        difference = readings.difference(tables["entities_pairs"], predictor, "macro_f1", "h+f", "h")
        gains.append(apart(*difference))
    return (
        f"Subsets with {bold('f')} reach {means[0]} macro-F1 on average, and those with {bold('h')} but no "
        f"{bold('f')} {means[1]}; after fine-tuning it is {means[2]} and {means[3]}. "
        f"To add {bold('f')} to {bold('h')} is worth {gains[0]}; after fine-tuning {gains[1]}. "
        f"In the paper, subsets without {bold('f')} do as well as those with it."
    )


@opening("6-finer", "finer_layers")
def finer(tables: Tables) -> str:
    """Where two sentences' vectors of one word differ most, and what of each the last layer wrote."""
    by_layer = tables["finer_layers"]
    one, two = dict.fromkeys(by_layer["sentence"])
    wide = 100 * by_layer.pivot(index=["term", "layer"], columns="sentence", values="importance")
    term, layer = (wide[one] - wide[two]).abs().idxmax()
    largest = wide.loc[(term, layer)]
    last = wide.xs(by_layer["layer"].max(), level="layer").sum()
    return (
        f"The word's vectors in the two sentences differ most in what {FULL[term]} of layer {layer} wrote: "
        f"{percent(largest[one], 1)} of the first and {percent(largest[two], 1)} of the second. "
        f"The last layer alone wrote {percent(last[one])} and {percent(last[two])} of them. "
        "This is one word in two sentences, and claims no more."
    )


@opening("7-controls", "controls_scores", "controls_selectivity")
def controls(tables: Tables) -> str:
    """What the whole embedding scores with random weights, and which term is the most selective."""
    told, best = [], []
    keys = ["experiment", "predictor"]
    scores = tables["controls_scores"].query("terms == @WHOLE and score in ('accuracy', 'macro_f1')")
    for names, of in scores.groupby(keys, sort=False):
        digits, mean = rounded(of), 100 * of.set_index("weights")["mean"]
        trained, drawn = (percent(mean[weights], digits) for weights in ("trained", "random"))
        told.append(f"{_named(names)}: {trained} with trained weights, {drawn} with random ones")
    of_labels = tables["controls_selectivity"].query("labels == 'difference' and terms in @TERMS")
    for names, of in of_labels.groupby(keys, sort=False):
        most = of.loc[of["mean"].idxmax()]
        digits = intervals.digits(100 * (most["high"] - most["low"]) / 2)
        points = [intervals.number(100 * most[name], digits) for name in ("mean", "low", "high")]
        best.append(
            f"{bold(str(most['terms']))}, {points[0]} points ({points[1]} to {points[2]}; {_named(names)})"
        )
    return (
        f"Scores of the whole embedding: {'; '.join(told)}. "
        "The score that is furthest above that on random labels, of single terms, is that of "
        f"{' and of '.join(best)}."
    )


def _named(names: tuple[str, ...]) -> str:
    """An experiment and a predictor."""
    return ", ".join(markdown(readings.called(name)) for name in names)


@opening("8-causes", "causes")
def causes(tables: Tables) -> str:
    """What is lost without all attentions or all feed-forwards, in the model and in the sum."""
    of = tables["causes"].query("layer == 0 and score == 'accuracy' and effect != 'intact'")
    told = []
    for names, part in of.groupby(["experiment", "predictor"], sort=False):
        digits, lost = rounded(part), 100 * part.set_index(["term", "effect"])["mean"]
        numbers = lost.map(partial(intervals.number, digits=digits))
        terms = [
            f"{numbers[term, 'cause']} for {bold(term)} ({numbers[term, 'content']} in the sum)"
            for term in ("h", "f")
        ]
        told.append(f"{_named(names)}: {' and '.join(terms)}")
    return (
        "Points of accuracy lost when all attentions, or all feed-forwards, are replaced by their means: "
        f"{'; '.join(told)}. Where the two numbers differ, what a term holds is not what it causes."
    )
