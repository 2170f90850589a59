"""Numbers read off a run's tables, each in one place: chapters, scorecard, pages and prose all tell these.

Nothing is rounded here; whoever tells a number rounds it, once.
"""

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from dissect.decomposition import TERMS, subsets
from dissect.models import AFTERWARDS, KINDS, PRETRAINED
from dissect.tables import CONTROL

WITH_F = [name for name in subsets() if "f" in name]
WITH_H_WITHOUT_F = [name for name in subsets() if "h" in name and "f" not in name]

# The learned head for whole embeddings, where chapter 3 reads subsets with it; no table has it.
LEARNED_FOR_WHOLE = "learned for whole embeddings"

# What a reader calls predictors, models and scores, by their names in tables.
CALLED = {
    "knn": "kNN", "classifier": "probe", "learned": "learned head", PRETRAINED: f"{PRETRAINED} head",
    AFTERWARDS: f"head {AFTERWARDS}", LEARNED_FOR_WHOLE: f"head {LEARNED_FOR_WHOLE}",
    "base": "pretrained model", "finetuned": "fine-tuned model",
    "macro_f1": "macro-F1", "cross_entropy": "cross-entropy", "entity_f1": "entity F1",
}  # fmt: skip


def called(name: str) -> str:
    """What a reader calls a predictor or a score of a table."""
    return CALLED.get(name, str(name).replace("_", " "))


# ---- scores: predictor, terms, seed, and a column a score ----


def means(scores: pd.DataFrame, predictor: str, score: str) -> pd.Series:
    """A predictor's mean over seeds by subset, from 0 to 1 (cross-entropy in nats); the baseline is "".

    Seeds without a number (NaN) are left out; empty where the table has no such predictor.

    Args:
        scores: Predictor, terms, seed, and a column a score.
        predictor: Its name in the table.
        score: The name of the score's column.

    Raises:
        KeyError: The table has no such score.
    """
    return scores[scores["predictor"] == predictor].groupby("terms")[score].mean()


def by_seed(scores: pd.DataFrame, predictor: str, score: str) -> pd.DataFrame:
    """A predictor's scores in percent.

    Args:
        scores: Predictor, terms, seed, and a column a score.
        predictor: Its name in the table.
        score: The name of the score's column.

    Returns:
        A row a seed, a column a subset; NaN where a seed has no number.

    Raises:
        ValueError: A seed has two.
    """
    part = scores[scores["predictor"] == predictor]
    return 100 * part.pivot(index="seed", columns="terms", values=score)


def percent(scores: pd.DataFrame, predictor: str, score: str = "accuracy") -> pd.Series:
    """`means` in percent.

    Args:
        scores: Predictor, terms, seed, and a column a score.
        predictor: Its name in the table.
        score: The name of the score's column.
    """
    return 100 * means(scores, predictor, score)


def deviation(scores: pd.DataFrame, predictor: str, score: str) -> pd.Series:
    """A predictor's standard deviation over seeds by subset, in the unit of the score.

    As tables of intervals have it: of these seeds, not an estimate from them, so 0 of one. Seeds without a
    number (NaN) are left out.

    Args:
        scores: Predictor, terms, seed, and a column a score.
        predictor: Its name in the table.
        score: The name of the score's column.
    """
    return scores[scores["predictor"] == predictor].groupby("terms")[score].std(ddof=0)


def without_vectors(scores: pd.DataFrame, score: str = "accuracy") -> pd.Series:
    """Predictors that see no vector, which have the empty subset alone: mean over seeds in percent, by name.

    Args:
        scores: Predictor, terms, seed, and a column a score.
        score: The name of the score's column.
    """
    blind = scores.groupby("predictor", sort=False)["terms"].agg(lambda terms: set(terms) == {""})
    of_each = {name: percent(scores, str(name), score)[""] for name in blind[blind].index}
    return pd.Series(of_each, dtype=float)


def from_worst_to_best(scores: pd.DataFrame, predictor: str, score: str) -> pd.Series:
    """How far the seeds of each subset are apart, in points; the baseline, which has no terms, left out.

    Seeds without a number (NaN) are left out.

    Args:
        scores: Predictor, terms, seed, and a column a score.
        predictor: Its name in the table.
        score: The name of the score's column.
    """
    of_subsets = scores[(scores["predictor"] == predictor) & (scores["terms"] != "")]
    by_subset = of_subsets.groupby("terms")[score]
    return 100 * (by_subset.max() - by_subset.min())


def with_and_without_f(scores: pd.DataFrame, predictor: str, score: str) -> tuple[float, float]:
    """Means in percent over the eight subsets with f, and over the four with h and without f.

    Args:
        scores: Predictor, terms, seed, and a column a score.
        predictor: Its name in the table.
        score: The name of the score's column.
    """
    mean = percent(scores, predictor, score)
    return mean[WITH_F].mean(), mean[WITH_H_WITHOUT_F].mean()


def without_control(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of all predictors but the negative control.

    Args:
        table: With a column predictor.
    """
    return table[table["predictor"] != CONTROL]


def by_what_stood(stood: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Accuracy by what the model read at the target, mean over seeds; and how many targets of each there are.

    Args:
        stood: Predictor, terms, seed, stood, accuracy, targets.

    Returns:
        A row a predictor and subset, a column a kind of target; and the targets by kind.
    """
    means = stood.groupby(["predictor", "terms", "stood"], sort=False)["accuracy"].mean().unstack()
    targets = stood.groupby("stood", sort=False)["targets"].first()
    return means[list(targets.index)], {str(kind): int(count) for kind, count in targets.items()}


def head_guesses(stood: pd.DataFrame, predictor: str) -> bool:
    """Whether a head for whole embeddings guesses masked words, and does not only copy those it can read.

    On whole embeddings it has to be right more often than naming the most frequent piece is, at targets
    where the mask stands, by more than the 95 % error of a share of so many targets.

    Args:
        stood: Predictor, terms, seed, stood, accuracy, targets; "learned" is among the predictors.
        predictor: The head's name in the table.

    Raises:
        KeyError: The table has no such head, or no learned one.
    """
    means, targets = by_what_stood(stood)
    share, baseline = means.loc[(predictor, "i+h+f+c"), "mask"], means.loc[("learned", ""), "mask"]
    error = 1.96 * (share * (1 - share) / targets["mask"]) ** 0.5
    return bool(share - error > baseline)


def next_words(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Whether the words that a run's model guessed were next ones: of these no score is told at masks.

    Args:
        tables: Of the run, by name.
    """
    groups = tables.get("masked_words_groups")
    return groups is not None and not groups.empty and "accuracy_masked" not in set(groups["score"])


def whole_head(scores: pd.DataFrame) -> str | None:
    """The kind of the head for whole embeddings in a table of masked words; None where there is none."""
    return next((kind for kind in KINDS if kind in set(scores["predictor"])), None)


# ---- pairs and agreement: predictor, terms_a, terms_b, and numbers of the two ----


def of_pair(table: pd.DataFrame, predictor: str, a: str, b: str) -> pd.Series:
    """The row of two different subsets, in whichever order it has them.

    Args:
        table: Predictor, terms_a, terms_b, and numbers of the two.
        predictor: Its name in the table.
        a: One subset.
        b: The other.

    Raises:
        IndexError: There is none.
    """
    rows = table[(table["predictor"] == predictor) & (table["terms_a"] != table["terms_b"])]
    return rows[rows[["terms_a", "terms_b"]].isin([a, b]).all(axis=1)].iloc[0]


def difference(pairs: pd.DataFrame, predictor: str, score: str, a: str, b: str) -> tuple[float, float, float]:
    """How far one subset is above another, with its 95 % interval over test sentences.

    Raises what `of_pair` raises.

    Args:
        pairs: Predictor, score, terms_a, terms_b, difference, low, high.
        predictor: Its name in the table.
        score: That of the score.
        a: The subset that is compared.
        b: That which it is compared with.

    Returns:
        a less b, low and high, in points.
    """
    row = of_pair(pairs[pairs["score"] == score], predictor, a, b)
    sign = 100 if row["terms_a"] == a else -100
    low, high = sorted((sign * row["low"], sign * row["high"]))
    return sign * row["difference"], low, high


def of_control(pairs: pd.DataFrame) -> pd.DataFrame:
    """The negative control: how far a permuted term is above the baseline, score by score.

    Args:
        pairs: Predictor, score, terms_a, terms_b, difference, low, high, p.

    Returns:
        Score, terms, difference (of these terms less none), low, high, p; empty where there is no control.
    """
    rows = []
    for row in pairs[pairs["predictor"] == CONTROL].itertuples():
        sign = -1 if row.terms_a == "" else 1
        low, high = sorted((sign * row.low, sign * row.high))
        rows.append((row.score, row.terms_a or row.terms_b, sign * row.difference, low, high, row.p))
    return pd.DataFrame(rows, columns=["score", "terms", "difference", "low", "high", "p"])


def odd_ones(agreement: pd.DataFrame, predictor: str, count: int = 3) -> list[str]:
    """The subsets whose predictors agree least with all others, by the mean over these; the least first.

    Args:
        agreement: Predictor, terms_a, terms_b, agreement.
        predictor: Its name in the table.
        count: How many.
    """
    part = agreement[agreement["predictor"] == predictor]
    both = pd.concat(
        [part, part.rename(columns={"terms_a": "terms_b", "terms_b": "terms_a"})], ignore_index=True
    )
    return list(both.groupby("terms_a")["agreement"].mean().nsmallest(count).index)


# ---- importance, correlation, R² ----


def models_of(importance: pd.DataFrame) -> tuple[str, list[str]]:
    """The pretrained model of a table, which stands first, and the fine-tuned ones."""
    first, *tuned = dict.fromkeys(importance["model"])
    return first, tuned


def shares(importance: pd.DataFrame, model: str) -> pd.DataFrame:
    """Mean importance over word pieces, which adds up to 1.

    Args:
        importance: Model, layer, term, mean.
        model: Its name in the table.

    Returns:
        A row a layer from 1 on, a column a term; 0 where a layer has no row for a term.

    Raises:
        KeyError: A term has no row at all.
    """
    part = importance[(importance["model"] == model) & (importance["layer"] > 0)]
    return part.pivot(index="layer", columns="term", values="mean")[list(TERMS)].fillna(0)


def correlations(table: pd.DataFrame) -> tuple[dict[str, pd.Series], dict[str, pd.Series]]:
    """Spearman's correlation of the pretrained model with each fine-tuned one, term by term.

    Args:
        table: Model_a, model_b, layer, term, spearman.

    Returns:
        The mean over layers from 1 on, and that of the last layer, each by model. Layers that have no row
        for a term are left out of its mean.
    """
    with_base = table[(table["model_a"] == table["model_a"].iloc[0]) & (table["layer"] > 0)]
    means, last = {}, {}
    for name, part in with_base.groupby("model_b", sort=False):
        by_layer = part.pivot(index="layer", columns="term", values="spearman")
        by_layer = by_layer[[term for term in TERMS if term in by_layer]]
        means[str(name)], last[str(name)] = by_layer.mean(), by_layer.iloc[-1]
    return means, last


def lowest_highest(r2: pd.Series) -> tuple[float, float]:
    """The lowest and the highest R² over layers."""
    return r2.min(), r2.max()


def most_dependent(dependence: pd.DataFrame) -> pd.Series:
    """The row of the two terms of which one predicts the other best: source, target, r2."""
    return dependence.loc[dependence["r2"].idxmax()]


# ---- verdicts ----


def verdict_counts(verdicts: pd.DataFrame) -> Counter[str]:
    """How many claims have each verdict; of one that none has, 0."""
    return Counter(verdicts["verdict"])
