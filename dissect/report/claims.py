"""The paper's claims, each with a criterion that data decides, and the verdicts on a run.

The claims are those of `data/published/claims.yaml`, which are the words of the paper's readers,
shortened here where they name figures. Their criteria were fixed before any run was judged by them;
tests hold them against made-up data in which a claim is true, and false, and against the published
figures.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import ttest_rel

from dissect.decomposition import TERMS
from dissect.errors import DissectError
from dissect.report import readings
from dissect.report.answers import H_FOR_F, WITHOUT_SUBLAYERS
from dissect.report.readings import correlations, models_of, odd_ones, shares, whole_head

VERDICTS = ("replicated", "partly", "not replicated", "not testable")
DEPARTED = 0.9  # a model whose term correlates less with the pretrained one has departed from it
Tables = Mapping[str, pd.DataFrame]  # a run's tables by name, as `results` keeps them


@dataclass(frozen=True)
class Verdict:
    """What a run says of a claim, and the numbers behind it, in words."""

    verdict: str  # one of `VERDICTS`
    numbers: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper."""

    name: str  # as in claims.yaml
    chapter: str  # where its evidence is
    text: str
    criterion: str  # when it counts as replicated, and when as partly so
    needs: tuple[str, ...]  # tables
    judge: Callable[..., Verdict]
    wants: tuple[str, ...] = ()  # tables that sharpen the judgement where a run has them; else None


CLAIMS: list[Claim] = []


def claim(name: str, chapter: str, text: str, criterion: str, *needs: str, wants: tuple[str, ...] = ()):
    """Put a function that judges, given the tables it needs and wants, into `CLAIMS`.

    Its docstring, where it has none, is the claim and its criterion.
    """

    def put(judge: Callable[..., Verdict]) -> Callable[..., Verdict]:
        judge.__doc__ = judge.__doc__ or f"{name}: {text}\n\n{criterion}"
        CLAIMS.append(Claim(name, chapter, text, criterion, needs, judge, wants))
        return judge

    return put


def verdicts(tables: Tables) -> pd.DataFrame:
    """The verdict on every claim: claim, chapter, text, criterion, verdict, numbers.

    Raises `DissectError` when a table lacks what a claim compares.
    """
    rows = []
    for one in CLAIMS:
        missing = [name for name in one.needs if name not in tables]
        if missing:
            said = Verdict("not testable", f"this run has no table {', '.join(missing)}")
        else:
            try:
                said = one.judge(*(tables.get(name) for name in one.needs + one.wants))
            except (KeyError, IndexError, ValueError, TypeError) as error:
                raise DissectError(
                    f"the table {one.needs[0]} lacks what claim {one.name} compares "
                    f"({type(error).__name__}): run chapter {one.chapter} again"
                ) from error
        rows.append((one.name, one.chapter, one.text, one.criterion, said.verdict, said.numbers))
    return pd.DataFrame(rows, columns=["claim", "chapter", "text", "criterion", "verdict", "numbers"])


def named(name: str) -> Claim:
    """The claim of that name."""
    return next(one for one in CLAIMS if one.name == name)


def verdict(conditions: Iterable[object], numbers: str) -> Verdict:
    """Replicated when all of the conditions hold, partly when some do."""
    holds = [bool(condition) for condition in conditions]
    return Verdict(VERDICTS[0] if all(holds) else VERDICTS[1] if any(holds) else VERDICTS[2], numbers)


# ---- limitations ----


@claim(
    "L1", "1-derivation", "A linear map cannot fully reproduce the feed-forward; R² stays below 1.",
    "R², adjusted for the number of inputs where it is known, is below 0.99 in every layer; partly: in some.",
    "feedforward_r2",
)  # fmt: skip
def linear_map(table: pd.DataFrame) -> Verdict:
    known = "adjusted_r2" in table
    r2 = table["adjusted_r2" if known else "r2"]
    low, high = readings.lowest_highest(r2)
    return verdict(r2 < 0.99, f"{'adjusted ' * known}R² {low:.2f} to {high:.2f}")


@claim(
    "L2", "1-derivation", "The four terms are not independent of one another.",
    "A linear map from some term to another has an R² above 0.1.",
    "dependence",
)  # fmt: skip
def dependent(table: pd.DataFrame) -> Verdict:
    most = readings.most_dependent(table)
    return verdict([most["r2"] > 0.1], f"{most['source']} predicts {most['target']} with R² {most['r2']:.2f}")


# ---- visualisation; the first model of the table is the pretrained one, the others are fine-tuned ----


@claim(
    "V1", "2-visualisation", "The input term i dominates the first layers and fades towards the last.",
    "i is the largest term in layer 1, and below 0.1 in the last layer; partly: one of the two.",
    "importance",
)  # fmt: skip
def input_fades(table: pd.DataFrame) -> Verdict:
    of = shares(table, models_of(table)[0])
    first, last = of["i"].iloc[0], of["i"].iloc[-1]
    holds = [of.iloc[0].idxmax() == "i", last < 0.1]
    return verdict(holds, f"i from {first:.2f} in layer 1 to {last:.3f} in the last")


@claim(
    "V2", "2-visualisation", "The attention term h is larger than the bias term c, but not strikingly so.",
    "The mean of h over layers is above that of c, and at most three times it; partly: only the first.",
    "importance",
)  # fmt: skip
def attention_over_bias(table: pd.DataFrame) -> Verdict:
    mean = shares(table, models_of(table)[0]).mean()
    larger = mean["h"] > mean["c"]
    holds = [larger, larger and mean["h"] <= 3 * mean["c"]]
    return verdict(holds, f"means over layers: h {mean['h']:.2f}, c {mean['c']:.2f}")


@claim(
    "V3", "2-visualisation", "The feed-forward term f is the dominant one.",
    "f has the largest mean over layers, and is the largest in more than half of them; "
    "partly: one of the two.",
    "importance",
)  # fmt: skip
def feedforward_dominates(table: pd.DataFrame) -> Verdict:
    of = shares(table, models_of(table)[0])
    leads = int((of.idxmax(axis=1) == "f").sum())
    holds = [of.mean().idxmax() == "f", leads > len(of) / 2]
    return verdict(holds, f"mean of f {of['f'].mean():.2f}; largest in {leads} of {len(of)} layers")


@claim(
    "V4", "2-visualisation", "The bias term c is not small enough to neglect.",
    "The mean of c over layers is at least 0.05; partly: it is so in some layer.",
    "importance",
)  # fmt: skip
def bias_matters(table: pd.DataFrame) -> Verdict:
    c = shares(table, models_of(table)[0])["c"]
    holds = [c.mean() >= 0.05, c.max() >= 0.05]
    return verdict(holds, f"mean of c {c.mean():.2f}, largest {c.max():.2f}, last layer {c.iloc[-1]:.3f}")


@claim(
    "V5", "2-visualisation", "Fine-tuned models give i and c a smaller share of the last layer.",
    "In every fine-tuned model both i and c are smaller in the last layer than in the pretrained one; "
    "partly: some of these.",
    "importance",
)  # fmt: skip
def tuning_shrinks(table: pd.DataFrame) -> Verdict:
    base, tuned = models_of(table)
    if not tuned:
        return Verdict("not testable", "there is no fine-tuned model")
    before = shares(table, base).iloc[-1]
    after = {name: shares(table, name).iloc[-1] for name in tuned}
    holds = [last[term] < before[term] for last in after.values() for term in "ic"]
    numbers = "; ".join(
        f"{term} {before[term]:.3f} → {', '.join(f'{last[term]:.3f}' for last in after.values())}"
        for term in "ic"
    )
    return verdict(holds, numbers)


@claim(
    "V6", "2-visualisation", "In fine-tuned models f dominates the last layer.",
    "f is the largest term of the last layer in every fine-tuned model; partly: in some.",
    "importance",
)  # fmt: skip
def tuned_feedforward(table: pd.DataFrame) -> Verdict:
    _, tuned = models_of(table)
    if not tuned:
        return Verdict("not testable", "there is no fine-tuned model")
    last = {name: shares(table, name).iloc[-1] for name in tuned}
    numbers = "; ".join(f"{of.idxmax()} {of.max():.2f}" for of in last.values())
    return verdict([of.idxmax() == "f" for of in last.values()], numbers)


@claim(
    "V7", "2-visualisation", "Between the pretrained and a fine-tuned model the importance of h "
    "correlates least.",
    "h has the lowest mean Spearman correlation over layers, for every fine-tuned model; "
    "partly: for some, or in the last layer.",
    "correlation",
)  # fmt: skip
def tuning_moves_attention(table: pd.DataFrame) -> Verdict:
    means, last = correlations(table)
    lowest = [of.idxmin() == "h" for of in means.values()]
    numbers = "; ".join(
        ", ".join(f"{term} {of[term]:.2f}" for term in TERMS if term in of) for of in means.values()
    )
    if all(lowest):
        return Verdict("replicated", numbers)
    some = any(lowest) or any(of.idxmin() == "h" for of in last.values())
    return Verdict("partly" if some else "not replicated", numbers)


@claim(
    "V8", "2-visualisation", "Two models fine-tuned on different tasks do not correlate with each other.",
    "Between two fine-tuned models the mean correlation of the last layer's terms is below 0.3.",
    "correlation",
)  # fmt: skip
def tasks_differ(table: pd.DataFrame) -> Verdict:
    base = table["model_a"].iloc[0]
    part = table[(table["model_a"] != base) & (table["layer"] == table["layer"].max())]
    if part.empty:
        return Verdict("not testable", "it takes two fine-tuned models")
    mean = part["spearman"].mean()
    return verdict([mean < 0.3], f"mean correlation {mean:.2f}")


ANSWERS, ENTITIES = "question answering", "token classification"  # tasks; see `models.task`


@claim(
    "V9", "2-visualisation", "For h the question-answering model departs in earlier layers than the "
    "NER model.",
    f"The first layer in which the correlation of h with the pretrained model is below {DEPARTED} is an "
    "earlier one; partly: it is the same, and the correlation there is lower.",
    "correlation", "models",
)  # fmt: skip
def departs_earlier(table: pd.DataFrame, models: pd.DataFrame) -> Verdict:
    base = table["model_a"].iloc[0]
    task = models.set_index("model")["task"]
    h = table[(table["model_a"] == base) & (table["term"] == "h")]
    first: dict[str, tuple[float, float]] = {}
    for name, part in h.groupby("model_b", sort=False):
        gone = part[part["spearman"] < DEPARTED].nsmallest(1, "layer")
        layer, rho = gone[["layer", "spearman"]].iloc[0] if len(gone) else (float("inf"), 1.0)
        first.setdefault(task.get(name, ""), (layer, rho))
    if not {ANSWERS, ENTITIES} <= set(first):
        return Verdict("not testable", "it takes a model fine-tuned on question answering, and one on NER")
    (early, low), (late, high) = first[ANSWERS], first[ENTITIES]
    numbers = f"below {DEPARTED} from layer {early:.0f} (question answering) and {late:.0f} (NER)"
    if early < late:
        return Verdict("replicated", numbers)
    return Verdict("partly" if early == late and low < high else "not replicated", numbers)


# ---- masked words ----


@dataclass(frozen=True)
class Scores:
    """The scores of one predictor, in percent: a row a seed, a column a subset; means; and its `pairs`."""

    table: pd.DataFrame
    means: pd.Series
    pairs: pd.DataFrame | None

    @classmethod
    def of(cls, predictor: str, score: str, table: pd.DataFrame, pairs: pd.DataFrame | None) -> "Scores":
        if pairs is not None:
            pairs = pairs[(pairs["predictor"] == predictor) & (pairs["score"] == score)]
        by_seed = readings.by_seed(table, predictor, score)
        return cls(by_seed, readings.percent(table, predictor, score), pairs)

    def beats(self, a: str, b: str) -> tuple[bool, float]:
        """Whether a is higher on average, and how likely such a difference is by chance.

        The larger p of two paired tests: a t test over seeds and, where the run has it, a bootstrap
        over test sentences. With neither to be had, as with one seed, it counts as undecided (1).
        """
        first, second = self.table[a], self.table[b]
        chances = []
        if len(first) > 1:
            chances.append(float(np.nan_to_num(ttest_rel(first, second).pvalue, nan=1.0)))
        if self.pairs is not None:
            row = self.pairs[self.pairs[["terms_a", "terms_b"]].isin([a, b]).all(axis=1)]
            chances += row["p"].to_list()
        return bool(self.means[a] > self.means[b]), float(max(chances, default=1.0))

    def surely(self, pairs: Sequence[tuple[str, str]], level: float = 0.05) -> list[bool]:
        """Of each pair whether the first is higher, significantly for so many pairs (Bonferroni)."""
        return [up and chance * len(pairs) < level for up, chance in (self.beats(a, b) for a, b in pairs)]

    def compared(self, pairs: Sequence[tuple[str, str]], level: float = 0.05) -> Verdict:
        """The first of every pair is to be higher; corrected for the number of pairs (Bonferroni).

        Replicated: all are higher, and significantly; partly: some are higher.
        """
        found = [self.beats(a, b) for a, b in pairs]
        higher = sum(up for up, _ in found)
        numbers = "; ".join(
            f"{a or 'none'} {self.means[a]:.1f}, {b or 'none'} {self.means[b]:.1f} "
            f"(p {min(1, chance * len(pairs)):.3f})"
            for (a, b), (_, chance) in zip(pairs, found, strict=True)
        )
        if all(self.surely(pairs, level)):
            return Verdict("replicated", numbers)
        return Verdict("partly" if higher else "not replicated", numbers)


NO_HEAD = Verdict("not testable", "the model has no head for whole embeddings")


@claim(
    "M1", "3-mlm", "f alone scores badly with the pretrained head, and well with a head learned for it.",
    "The learned head is right on f alone at least twice as often as the pretrained head, and above the "
    "baseline; partly: one of the two.",
    "masked_words",
)  # fmt: skip
def learned_head(table: pd.DataFrame) -> Verdict:
    kind = whole_head(table)
    if kind is None:
        return NO_HEAD
    whole, of_learned = readings.percent(table, kind)["f"], readings.percent(table, "learned")
    learned, baseline = of_learned["f"], of_learned[""]
    holds = [learned >= 2 * whole, learned > baseline]
    return verdict(holds, f"f: head {kind} {whole:.1f} %, learned {learned:.1f} %, baseline {baseline:.1f} %")


@claim(
    "M2", "3-mlm", "With the pretrained head, taking c away from a subset that has f and c hurts.",
    "In all four such subsets accuracy falls, significantly; partly: in some it falls.",
    "masked_words", wants=("masked_words_pairs",),
)  # fmt: skip
def bias_needed(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    kind = whole_head(table)
    if kind is None:
        return NO_HEAD
    with_c = ("f+c", "i+f+c", "h+f+c", "i+h+f+c")
    said = Scores.of(kind, "accuracy", table, pairs).compared([(a, a.removesuffix("+c")) for a in with_c])
    return replace(said, numbers=f"head {kind}: {said.numbers}")


@claim(
    "M3", "3-mlm", "Of the single terms f predicts masked words best, better than h.",
    "With learned heads f is more accurate than each other term, significantly; partly: than some.",
    "masked_words", wants=("masked_words_pairs",),
)  # fmt: skip
def feedforward_predicts(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    return Scores.of("learned", "accuracy", table, pairs).compared([("f", t) for t in "hic"])


# ---- word senses and named entities ----


@claim(
    "W1", "4-wsd", "Subsets with h beat the same subsets with f in its place.",
    "The two-layer probe is more accurate with h in all four pairs, significantly; partly: in some.",
    "senses", wants=("senses_pairs",),
)  # fmt: skip
def attention_tells_senses(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    return Scores.of("classifier", "accuracy", table, pairs).compared(H_FOR_F)


@claim(
    "W2", "4-wsd", "i+h+c beats i+h+f+c: f does not help word sense disambiguation.",
    "The two-layer probe is more accurate on i+h+c, significantly; partly: it is higher, or not "
    "significantly lower.",
    "senses", wants=("senses_pairs",),
)  # fmt: skip
def feedforward_no_help(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    scores = Scores.of("classifier", "accuracy", table, pairs)
    said = scores.compared([("i+h+c", "i+h+f+c")])
    _, chance = scores.beats("i+h+c", "i+h+f+c")
    undecided = said.verdict == "not replicated" and chance >= 0.05
    return Verdict("partly", said.numbers) if undecided else said


def odd_ones_are(table: pd.DataFrame) -> Verdict:
    """Whether i, c and i+c are the three that agree least, for every predictor."""
    odd = {name: odd_ones(table, name) for name in dict.fromkeys(table["predictor"])}
    holds = [name in WITHOUT_SUBLAYERS for names in odd.values() for name in names]
    numbers = "; ".join(f"{predictor}: {', '.join(names)}" for predictor, names in odd.items())
    return verdict(holds, numbers)


@claim(
    "W3", "4-wsd", "Predictors built on i, c and i+c agree least with the others.",
    "They are the three with the lowest mean agreement, for kNN and the probe; partly: some of them.",
    "senses_agreement",
)  # fmt: skip
def senses_odd_ones(table: pd.DataFrame) -> Verdict:
    return odd_ones_are(table)


@claim(
    "N1", "5-ner", "Scores vary widely from run to run; the corpus is small.",
    "From the worst to the best run of a subset there are 3 points of macro-F1 or more, in the median over "
    "subsets, base and fine-tuned; partly: in one of them.",
    "entities",
)  # fmt: skip
def entities_vary(table: pd.DataFrame) -> Verdict:
    spread = {}
    for name in dict.fromkeys(table["predictor"]):
        if table.loc[table["predictor"] == name, "seed"].nunique() < 2:
            return Verdict("not testable", "there is one run only")
        spread[name] = readings.from_worst_to_best(table, name, "macro_f1").median()
    numbers = "; ".join(f"{name} {points:.1f} points" for name, points in spread.items())
    return verdict([points >= 3 for points in spread.values()], numbers)


F_ADDED = [("h+f", "h"), ("i+h+f", "i+h"), ("h+f+c", "h+c"), ("i+h+f+c", "i+h+c")]


@claim(
    "N2", "5-ner", "Subsets without f do as well as those with it.",
    "The mean macro-F1 of subsets with h and no f is at most 2 points below that of subsets with f, base "
    "and fine-tuned; partly: in one of them. "
    "Told beside it: in how many of the four subsets with h adding f is a significant gain.",
    "entities", wants=("entities_pairs",),
)  # fmt: skip
def feedforward_not_needed(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    behind, gains = {}, {}
    for name in dict.fromkeys(table["predictor"]):
        with_f, without = readings.with_and_without_f(table, name, "macro_f1")
        behind[name] = with_f - without
        gains[name] = sum(Scores.of(name, "macro_f1", table, pairs).surely(F_ADDED))
    numbers = "; ".join(
        f"{name} {-points:+.1f} points without f, a significant gain by f in {gains[name]} of {len(F_ADDED)}"
        for name, points in behind.items()
    )
    return verdict([points <= 2 for points in behind.values()], numbers)


@claim(
    "N3", "5-ner", "Predictors built on i, c and i+c agree least with the others, before and "
    "after fine-tuning.",
    "They are the three with the lowest mean agreement, base and fine-tuned; partly: some of them.",
    "entities_agreement",
)  # fmt: skip
def entities_odd_ones(table: pd.DataFrame) -> Verdict:
    return odd_ones_are(table)
