"""What this run found beside what the paper found: small tables, every number from the data."""

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from dissect.decomposition import TERMS, Parts
from dissect.models import AFTERWARDS, PRETRAINED
from dissect.report import intervals as uncertain
from dissect.report import published, readings
from dissect.report.readings import called, odd_ones, whole_head, without_control

# The same subset with h, and with f in its place.
H_FOR_F = [("h", "f"), ("i+h", "i+f"), ("h+c", "f+c"), ("i+h+c", "i+f+c")]
WITHOUT_SUBLAYERS = ["i", "c", "i+c"]
PAPER, HERE = "paper (BERT)", "this run"
WHOLE = "head for whole embeddings"  # pretrained, or trained afterwards


def compare(rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """A table with a question a row: the paper's answer and this run's."""
    return titled(pd.DataFrame(rows, columns=["question", PAPER, HERE]))


def titled(table: pd.DataFrame, **formats: str) -> pd.DataFrame:
    """The first column as row labels, its name at the head of the columns.

    Args:
        table: A table for a reader.
        **formats: How to write the numbers of a column, as in `share="{:.0%}"`.
    """
    for column, form in formats.items():
        table = table.assign(**{column: table[column].map(form.format)})
    table = table.set_index(table.columns[0]).rename_axis(columns=table.columns[0])
    return table.rename_axis(index=None)


def together(*tables: pd.DataFrame) -> pd.DataFrame:
    """Tables of several models, one above the other."""
    return pd.concat(tables, ignore_index=True)


def certainty(intervals: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds, standard deviation over seeds, and the 95 % interval over test sentences.

    Shares are shown in percent, cross-entropy in nats, with the digits that the intervals of the column
    give them. The negative control is left to `control`.

    Args:
        intervals: Predictor, score, terms, mean, std, low, high.

    Returns:
        "mean ± std [low, high]", without a deviation that is rounded to nothing, and "as none" where the
        predictor did what it does without terms; a row a subset, a column a predictor and score. A
        predictor that sees no vector has a row alone, and "–" in the others.
    """
    shown = without_control(intervals).assign(terms=lambda of: of["terms"].replace("", "none"))
    columns = {
        f"{called(predictor)}: {called(score)}": _column(part.set_index("terms"), score)
        for (predictor, score), part in shown.groupby(["predictor", "score"], sort=False)
    }
    return pd.DataFrame(columns).rename_axis(columns="terms").fillna("–")


def _column(part: pd.DataFrame, score: str) -> dict[str, str]:
    """A predictor's score by subset, as it is written.

    Args:
        part: Mean, std, low, high; a row a subset.
        score: Its name.
    """
    numbers = (1 if score == "cross_entropy" else 100) * part[["mean", "std", "low", "high"]]
    digits = uncertain.of_all(numbers["low"], numbers["high"])
    none = numbers.loc["none"] if "none" in numbers.index else None
    written = {}
    for terms, row in numbers.iterrows():
        mean, std, low, high = (uncertain.number(value, digits) for value in row)
        spread = f" ± {std}" if float(std) else ""
        same = none is not None and terms != "none" and row.equals(none)
        written[str(terms)] = "as none" if same else f"{mean}{spread} [{low}, {high}]"
    return written


def control(pairs: pd.DataFrame) -> pd.DataFrame:
    """The negative control: what a term seems to add to the baseline once it was permuted among the items.

    Args:
        pairs: Predictor, score, terms_a, terms_b, difference, low, high, p.

    Returns:
        A row a score, with the difference and its 95 % interval, in points or nats, p, and whether the
        interval leaves out 0, in words.
    """
    rows = []
    for row in readings.of_control(pairs).itertuples():
        factor, unit = (1, "nats") if row.score == "cross_entropy" else (100, "points")
        digits = uncertain.digits(factor * (row.high - row.low) / 2)
        shown = [
            uncertain.number(factor * value, digits, "+") for value in (row.difference, row.low, row.high)
        ]
        decided = "undecided" if row.low <= 0 <= row.high else "decided"
        rows.append(
            (f"permuted {row.terms} less none: {called(str(row.score))}",
             f"{shown[0]} [{shown[1]}, {shown[2]}] {unit}", f"{row.p:.3f}", decided)
        )  # fmt: skip
    return titled(pd.DataFrame(rows, columns=["negative control", "difference", "p", "the data say"]))


def by_what_stood(
    stood: pd.DataFrame, subsets: Sequence[str] = ("", "i", "h", "f", "i+h+f+c")
) -> pd.DataFrame:
    """Accuracy by what the model read at the target, mean over seeds, to the digits that so few targets give.

    Args:
        stood: Predictor, terms, seed, stood, accuracy, targets.
        subsets: Which are shown.

    Returns:
        A row a predictor and subset, a column a kind of target, with how many there are.
    """
    means, kinds = readings.by_what_stood(without_control(stood))
    # half of the widest interval of a share of so many, in points
    digits = {kind: uncertain.digits(98 / count**0.5) if count else 0 for kind, count in kinds.items()}
    rows = {}
    for predictor in dict.fromkeys(means.index.get_level_values("predictor")):
        for terms in subsets:
            shares = means.loc[(predictor, terms)]
            rows[f"{called(predictor)}: {terms or 'none'}"] = [
                f"{shares[kind]:.{digits[kind]}%}" if kinds[kind] else "no target" for kind in kinds
            ]
    columns = [f"{kind} ({count} targets)" for kind, count in kinds.items()]
    shown = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return shown.rename_axis(columns="read at the target")


def head_note(stood: pd.DataFrame | None) -> str:
    """Whether the head for whole embeddings guesses masked words, in words; "" where there is none.

    Args:
        stood: Accuracy by what stood at the target; None where next words were asked for.
    """
    if stood is None:
        return (
            "This model was asked for the next word, which it has not read: nothing is masked, nothing can "
            "be copied, and every target is a guess."
        )
    kind = whole_head(stood)
    if kind is None:
        return ""
    if readings.head_guesses(stood, kind):
        return f"At masked targets the head ({kind}) does better on whole embeddings than the baseline."
    return (
        f"At masked targets the head ({kind}) does no better on whole embeddings than the baseline: "
        "what it is right on is mostly what it could read, and nothing is concluded from it."
    )


def exactness(toy: float, parts: Parts, states: Sequence[Parts], routes: float) -> pd.DataFrame:
    """The checks of the derivation: compared, difference (the largest, relative).

    Args:
        toy: The difference in the layer of random numbers.
        parts: A decomposition.
        states: One at every layer.
        routes: The largest difference between terms computed backwards and forwards.
    """
    rows = [
        ("little Transformer: e and the formulas' sum (float64)", toy),
        (f"real model: e and i+h+f+c, last layer ({parts.embedding.dtype})", parts.error),
        ("real model: e and i+h+f+c, the worst of all layers", max(s.error for s in states)),
        ("real model: terms computed backwards and forwards", routes),
    ]
    return pd.DataFrame(rows, columns=["compared", "difference"])


def derivation(toy: float, parts: Parts, r2: pd.DataFrame, dependence: pd.DataFrame) -> pd.DataFrame:
    """Exactness, linearity and dependence.

    Args:
        toy: The difference in the layer of random numbers.
        parts: A decomposition.
        r2: As `measures.feedforward_r2` gives it.
        dependence: As `measures.term_dependence` gives it.
    """
    theirs = published.feedforward_r2()["r2"]
    between = readings.most_dependent(dependence)
    return compare(
        [
            ("Do the four terms add up to the embedding?", "yes, by derivation",
             f"yes; error {parts.error:.0e}, on the little Transformer {toy:.0e}"),
            ("Is a feed-forward a linear map? R² by layer", f"no: {_range(theirs)}",
             f"{'no' if r2['r2'].max() < 0.99 else 'nearly'}: {_range(r2['r2'])}"),
            ("Are the terms independent of one another?", "no",
             f"no: {between['source']} predicts {between['target']} with R² {between['r2']:.2f}"
             if between["r2"] > 0.05 else f"largest R² {between['r2']:.2f}"),
        ]
    )  # fmt: skip


def pieces_note(r2: pd.DataFrame) -> str:
    """How far the number of word pieces flatters R², in words."""
    pieces, worst = r2["pieces"].max(), (r2["r2"] - r2["adjusted_r2"]).max()
    return (
        f"The maps were fitted to {pieces:,} word pieces and scored on the same, as the paper's were. "
        f"That flatters them by at most {worst:.3f} here: the difference to the adjusted R²."
    )


def visualisation(table: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Figure 1 in words: first and last layers, before and after fine-tuning."""
    names = list(dict.fromkeys(table["model"]))
    theirs = {"base": "bert-base-uncased", "tuned": "dslim/bert-base-NER-uncased"}
    ours = {"base": names[0], "tuned": names[1]}

    def both(question, answer):
        return question, answer(paper, theirs), answer(table, ours)

    def last(data, model):
        return readings.shares(data, model).iloc[-1]

    def arrow(*values):
        return " → ".join(uncertain.number(value, 3) for value in values)

    def first_and_last(term):
        def answer(data, who):
            of = readings.shares(data, who["base"])[term]
            return arrow(of.iloc[0], of.iloc[-1])

        return answer

    def largest(who_key):
        def answer(data, who):
            of = last(data, who[who_key])
            return f"{of.idxmax()}, {of.max():.2f}"

        return answer

    def before_after(term):
        return lambda data, who: arrow(*(last(data, who[key])[term] for key in ("base", "tuned")))

    return compare(
        [
            both("i from the first to the last layer", first_and_last("i")),
            both("h from the first to the last layer", first_and_last("h")),
            both("f from the first to the last layer", first_and_last("f")),
            both("c from the first to the last layer", first_and_last("c")),
            both("The largest term in the last layer", largest("base")),
            both("The largest term in the last layer, fine-tuned", largest("tuned")),
            both("Last layer before and after fine-tuning: i", before_after("i")),
            both("Last layer before and after fine-tuning: c", before_after("c")),
        ]
    )


def tuning(correlation: pd.DataFrame) -> pd.DataFrame:
    """Which term's importance correlates least before and after fine-tuning, model by model."""
    rows = []
    for title, of in zip(("mean over layers", "last layer"), readings.correlations(correlation), strict=True):
        for name, rho in of.items():
            which = f", {name}" if len(of) > 1 else ""
            numbers = ", ".join(f"{term} {uncertain.number(value, 2)}" for term, value in rho.items())
            rows.append((f"Which term correlates least{which}, {title}?", "h", f"{rho.idxmin()} ({numbers})"))
    return compare(rows)


def heads_note(scores: pd.DataFrame) -> str:
    """Which readers the chapter on hidden words shows, in words."""
    notes = {
        PRETRAINED: "The checkpoint has the head that it was pretrained with to guess hidden words: both "
        "readers are shown.",
        AFTERWARDS: "The head for whole embeddings was trained afterwards to guess hidden words, and is not "
        "the one that the model was pretrained with: both readers are shown.",
        None: "This checkpoint has no head that guesses hidden words: only learned heads are shown.",
    }
    return notes[whole_head(scores)]


NEXT_WORDS = (
    "The paper asks BERT for masked words, and this run asked its model for the next ones. That is a "
    "question of the same kind and not the same: no claim of the paper's is judged by it."
)


def masked_words(scores: pd.DataFrame, intervals: pd.DataFrame) -> pd.DataFrame:
    """f under both heads, the best single term, and what c is worth to the head for whole embeddings.

    Args:
        scores: Predictor, terms, seed, accuracy.
        intervals: Predictor, score, low, high, by which numbers are rounded.
    """
    told = _digits(intervals, "learned", "accuracy")
    learned = readings.percent(scores, "learned")
    kind = whole_head(scores)
    whole = readings.percent(scores, str(kind))
    single = learned[list(TERMS)]
    rows = [
        ("Accuracy of f alone, learned head", f"{published.F_ALONE_LEARNED_HEAD} %",
         f"{learned['f']:.{told}f} % (baseline {learned['']:.{told}f} %)"),
        ("The best single term, learned head", "f", f"{single.idxmax()}, {single.max():.{told}f} %"),
    ]  # fmt: skip
    none = "the model has no such head"
    f_alone = none if whole.empty else f"{whole['f']:.{told}f} % ({kind})"
    rows.insert(
        0, (f"Accuracy of f alone, {WHOLE}", f"{published.F_ALONE_PRETRAINED_HEAD} % ({PRETRAINED})", f_alone)
    )
    if whole.empty:
        hurts = none
    else:
        with_c = ["f+c", "i+f+c", "h+f+c", "i+h+f+c"]
        without = [name.removesuffix("+c") for name in with_c]
        worse = sum(whole[a] > whole[b] for a, b in zip(with_c, without, strict=True))
        hurts = f"in {worse} of {len(with_c)} subsets ({kind})"
    rows.append((f"Does taking c from a subset with f hurt, {WHOLE}?", f"yes ({PRETRAINED})", hurts))
    return compare(rows)


def word_senses(scores: pd.DataFrame, agreement: pd.DataFrame, intervals: pd.DataFrame) -> pd.DataFrame:
    """h against f in its place, the worth of f, the odd ones out, and what is right without a vector.

    Args:
        scores: Predictor, terms, seed, accuracy.
        agreement: Predictor, terms_a, terms_b, agreement.
        intervals: Predictor, score, low, high, by which numbers are rounded.
    """
    told = _digits(intervals, "classifier", "accuracy")
    paper = readings.percent(published.senses(), "classifier")
    probe, knn = (readings.percent(scores, predictor) for predictor in ("classifier", "knn"))
    rows = []
    for a, b in H_FOR_F:
        rows.append(
            (f"{a} against {b}, probe", f"{paper[a]:.1f} and {paper[b]:.1f} %",
             f"{probe[a]:.{told}f} and {probe[b]:.{told}f} %")
        )  # fmt: skip
    whole, less = "i+h+f+c", "i+h+c"
    rows += [
        (f"{less} against {whole}, probe", f"{paper[less]:.1f} and {paper[whole]:.1f} %",
         f"{probe[less]:.{told}f} and {probe[whole]:.{told}f} %"),
        ("h against f, kNN", "h higher", f"{knn['h']:.{told}f} and {knn['f']:.{told}f} %"),
        ("Who agrees least with the others, probe?",
         ", ".join(odd_ones(published.senses_agreement(), "classifier")),
         ", ".join(odd_ones(agreement, "classifier"))),
        ("Who agrees least with the others, kNN?",
         ", ".join(odd_ones(published.senses_agreement(), "knn")),
         ", ".join(odd_ones(agreement, "knn"))),
    ]  # fmt: skip
    rows += [
        (f"No vector: {name}", "–", f"{of:.{told}f} %")
        for name, of in readings.without_vectors(scores).items()
    ]
    return compare(rows)


def _digits(intervals: pd.DataFrame, predictor: str, score: str) -> int:
    """The digits that a predictor's intervals give its scores in percent."""
    of = intervals[(intervals["predictor"] == predictor) & (intervals["score"] == score)]
    return uncertain.of_all(100 * of["low"], 100 * of["high"])


def senses_by_split(splits: Mapping[str, pd.DataFrame], intervals: pd.DataFrame) -> pd.DataFrame:
    """Accuracy in percent with the same items parted in several ways, a column each.

    Rows are the baselines without vectors, and kNN and the probe on each term, on both sublayers' terms and
    on the whole.

    Args:
        splits: Predictor, terms, seed, accuracy; by the name of the split.
        intervals: Predictor, score, low, high of one of them, by which numbers are rounded.
    """
    columns = {}
    told = _digits(intervals, "classifier", "accuracy")
    for split, scores in splits.items():
        found = readings.without_vectors(scores).rename(lambda name: f"no vector: {name}").to_dict()
        for predictor, said in (("knn", "kNN"), ("classifier", "probe")):
            of = readings.percent(scores, predictor)
            found |= {f"{said} on {terms}": of[terms] for terms in (*TERMS, "h+f", "i+h+f+c")}
        columns[split] = pd.Series(found).map(f"{{:.{told}f}} %".format)
    return titled(pd.DataFrame(columns).rename_axis("accuracy").reset_index())


def overlap(table: pd.DataFrame) -> pd.DataFrame:
    """What test items share with training items, in percent, a row a split.

    Args:
        table: Split, items, same_sentence, same_document.
    """
    shown = table.rename(columns={
        "items": "items tested", "same_sentence": "in whose sentence an item is trained on",
        "same_document": "whose lemma is trained on in their document",
    })  # fmt: skip
    return titled(shown, **dict.fromkeys(shown.columns[2:], "{:.1%}"))


def overlap_note(table: pd.DataFrame) -> str:
    """Whether a predictor could profit from texts that it was trained on, in words.

    Args:
        table: Split, items, same_sentence, same_document.
    """
    if (table[["same_sentence", "same_document"]] == 0).all(axis=None):
        return (
            "In neither split has a test item its own sentence, or its lemma in its own document, among the "
            "training items: in this run there is nothing to be copied from the same text."
        )
    return (
        "Where a test item's sentence or document was trained on, its sense may be known from the text and "
        "not from its own context; how far that goes, the document's majority tells below."
    )


def named_entities(scores: pd.DataFrame, agreement: pd.DataFrame, intervals: pd.DataFrame) -> pd.DataFrame:
    """The spread over seeds, the worth of f, and the odd ones out, before and after fine-tuning.

    Args:
        scores: Predictor, terms, seed, macro_f1.
        agreement: Predictor, terms_a, terms_b, agreement.
        intervals: Predictor, score, low, high, by which numbers are rounded.
    """
    theirs = published.entities_agreement()
    rows = []
    for predictor in ("base", "finetuned"):
        spread = readings.from_worst_to_best(scores, predictor, "macro_f1")
        with_f, without = readings.with_and_without_f(scores, predictor, "macro_f1")
        told = _digits(intervals, predictor, "macro_f1")
        rows += [
            (f"From the worst to the best seed of a subset, {called(predictor)}", "wide",
             f"{spread.median():.1f} points (median), {spread.max():.1f} (largest)"),
            (f"Subsets with f and with h but no f, {called(predictor)}", "about the same",
             f"{with_f:.{told}f} and {without:.{told}f} %"),
            (f"Who agrees least with the others, {called(predictor)}?",
             ", ".join(odd_ones(theirs, predictor)), ", ".join(odd_ones(agreement, predictor))),
        ]  # fmt: skip
    return compare(rows)


def _range(values: pd.Series) -> str:
    return " to ".join(uncertain.number(value, 2) for value in readings.lowest_highest(values))


def largest_sources(by_source: pd.DataFrame, count: int = 4) -> pd.DataFrame:
    """The tokens that attention read most from, over all layers, a row a sentence."""
    total = by_source.groupby(["sentence", "source", "token"], sort=False)["importance"].sum().reset_index()
    rows = []
    for sentence, part in total.groupby("sentence", sort=False):
        most = part.nlargest(count, "importance")
        rows.append((sentence, ", ".join(f"{row.token} {row.importance:.1%}" for row in most.itertuples())))
    return titled(pd.DataFrame(rows, columns=["sentence", "read most from"]))


def units_apart(by_unit: pd.DataFrame, count: int = 8) -> pd.DataFrame:
    """The feed-forward units whose importance differs most between two sentences."""
    (_, one), (_, two) = by_unit.groupby("sentence", sort=False)
    both = one.merge(two, on=["layer", "unit"], suffixes=("_first", "_second"))
    both["difference"] = both["importance_first"] - both["importance_second"]
    order = both["difference"].abs().sort_values(ascending=False).index[:count]
    columns = {"importance_first": "first sentence", "importance_second": "second sentence"}
    table = both.loc[order].rename(columns=columns)[["layer", "unit", *columns.values(), "difference"]]
    return titled(table, **dict.fromkeys([*columns.values(), "difference"], "{:.4f}"))


def finer(by_layer: pd.DataFrame, by_source: pd.DataFrame, own: Collection[str]) -> pd.DataFrame:
    """Each sentence's shares: attention, feed-forward, the last layer, and what was read from the word.

    Args:
        by_layer: Sentence, term, layer, importance.
        by_source: Sentence, layer, source, token, importance.
        own: The word's pieces.
    """
    shares = by_layer.groupby(["sentence", "term"], sort=False)["importance"].sum().unstack()
    last = by_layer[by_layer["layer"] == by_layer["layer"].max()]
    shares["written in the last layer"] = last.groupby("sentence")["importance"].sum()
    word = by_source[by_source["token"].isin(own)]
    shares["h read from the word itself"] = word.groupby("sentence")["importance"].sum()
    shares = shares.reset_index().rename_axis(columns=None)
    return titled(shares, **dict.fromkeys(shares.columns[1:], "{:.1%}"))
