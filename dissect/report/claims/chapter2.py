"""Chapter 2: how large each term is.

The first model of a table is the pretrained one, the others are fine-tuned.
"""

import pandas as pd

from dissect.decomposition import TERMS
from dissect.report.claims.claim import Verdict, claim, verdict
from dissect.report.readings import correlations, models_of, shares

DEPARTED = 0.9  # a model whose term correlates less with the pretrained one has departed from it
ANSWERS, ENTITIES = "question answering", "token classification"  # tasks; see `models.task`


@claim("V1", "importance")
def input_fades(table: pd.DataFrame) -> Verdict:
    of = shares(table, models_of(table)[0])
    first, last = of["i"].iloc[0], of["i"].iloc[-1]
    holds = [of.iloc[0].idxmax() == "i", last < 0.1]
    return verdict(holds, f"i from {first:.2f} in layer 1 to {last:.3f} in the last")


@claim("V2", "importance")
def attention_over_bias(table: pd.DataFrame) -> Verdict:
    mean = shares(table, models_of(table)[0]).mean()
    larger = mean["h"] > mean["c"]
    holds = [larger, larger and mean["h"] <= 3 * mean["c"]]
    return verdict(holds, f"means over layers: h {mean['h']:.2f}, c {mean['c']:.2f}")


@claim("V3", "importance")
def feedforward_dominates(table: pd.DataFrame) -> Verdict:
    of = shares(table, models_of(table)[0])
    leads = int((of.idxmax(axis=1) == "f").sum())
    holds = [of.mean().idxmax() == "f", leads > len(of) / 2]
    return verdict(holds, f"mean of f {of['f'].mean():.2f}; largest in {leads} of {len(of)} layers")


@claim("V4", "importance")
def bias_matters(table: pd.DataFrame) -> Verdict:
    c = shares(table, models_of(table)[0])["c"]
    holds = [c.mean() >= 0.05, c.max() >= 0.05]
    return verdict(holds, f"mean of c {c.mean():.2f}, largest {c.max():.2f}, last layer {c.iloc[-1]:.3f}")


@claim("V5", "importance")
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


@claim("V6", "importance")
def tuned_feedforward(table: pd.DataFrame) -> Verdict:
    _, tuned = models_of(table)
    if not tuned:
        return Verdict("not testable", "there is no fine-tuned model")
    last = {name: shares(table, name).iloc[-1] for name in tuned}
    numbers = "; ".join(f"{of.idxmax()} {of.max():.2f}" for of in last.values())
    return verdict([of.idxmax() == "f" for of in last.values()], numbers)


@claim("V7", "correlation")
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


@claim("V8", "correlation")
def tasks_differ(table: pd.DataFrame) -> Verdict:
    base = table["model_a"].iloc[0]
    part = table[(table["model_a"] != base) & (table["layer"] == table["layer"].max())]
    if part.empty:
        return Verdict("not testable", "it takes two fine-tuned models")
    mean = part["spearman"].mean()
    return verdict([mean < 0.3], f"mean correlation {mean:.2f}")


@claim("V9", "correlation", "models")
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
