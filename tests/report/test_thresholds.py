"""Claims at the edges of their criteria: one step on this side is not what one step on that side is."""

import numpy as np
import pandas as pd
import pytest

from dissect.decomposition.parts import TERMS, subsets
from dissect.report.answers import H_FOR_F
from tests.report.test_claims import LAYERS, MODELS, agreement, correlation, importance, said, scores

pytestmark = pytest.mark.filterwarnings("ignore:Precision loss")  # runs that differ by little, on purpose
YES, PARTLY, NO = "replicated", "partly", "not replicated"


def test_a_feedforward_is_linear_from_99_hundredths_of_adjusted_r2_on():
    def judged(*adjusted):
        table = pd.DataFrame({"model": "m", "layer": [1, 2], "r2": 0.999, "adjusted_r2": adjusted})
        return said({"feedforward_r2": table}, "L1")["verdict"]

    assert [judged(0.9, 0.9899), judged(0.9, 0.9901), judged(0.9901, 0.9901)] == [YES, PARTLY, NO]


def test_terms_depend_on_one_another_from_a_tenth_on():
    def judged(most):
        table = pd.DataFrame({"source": ["i", "h"], "target": ["h", "i"], "r2": [most, 0.0]})
        return said({"dependence": table}, "L2")["verdict"]

    assert [judged(0.1001), judged(0.0999)] == [YES, NO]


# ---- importance ----


def of_importance(name, tuned=0, **changes):
    return said({"importance": importance(tuned, **changes)}, name)["verdict"]


def everywhere(value):
    return lambda model, layer: value


def first(value, after):
    return lambda model, layer: value if layer == 1 else after


def last(value, before):
    return lambda model, layer: value if layer == LAYERS else before


def test_input_fades_below_a_tenth_of_the_last_layer():
    found = [of_importance("V1", i=last(value, 0.6)) for value in (0.0999, 0.1001)]
    assert found == [YES, PARTLY]


def test_input_leads_the_first_layer_and_no_other():
    """f is 0.3 in the first layer and 0.45 in the others."""
    found = [of_importance("V1", i=first(value, 0.01)) for value in (0.301, 0.299)]
    assert found == [YES, PARTLY]
    assert of_importance("V1", i=last(0.2, 0.1)) == NO


def test_attention_is_above_the_biases_and_up_to_three_times_them():
    found = [
        of_importance("V2", h=everywhere(ratio * 0.1), c=everywhere(0.1))
        for ratio in (0.99, 1.01, 2.99, 3.01)
    ]
    assert found == [NO, YES, YES, PARTLY]


def test_feedforward_leads_in_more_than_half_of_the_layers():
    def leads(layers, elsewhere=0.0):
        flat = dict.fromkeys("ihc", everywhere(0.2))
        return of_importance("V3", **flat, f=lambda model, layer: 0.9 if layer <= layers else elsewhere)

    assert [leads(4), leads(3), leads(1)] == [YES, PARTLY, NO]
    assert leads(1, elsewhere=0.19) == PARTLY  # the largest mean, and not the most layers


def test_biases_matter_from_a_twentieth_on():
    found = [of_importance("V4", c=everywhere(value)) for value in (0.0501, 0.0499)]
    assert found == [YES, NO]
    found = [of_importance("V4", c=last(value, 0.0)) for value in (0.0501, 0.0499)]
    assert found == [PARTLY, NO]


def test_tuning_shrinks_what_is_smaller_in_the_last_layer_and_not_what_is_as_large():
    def shrinks(i, c):
        """Other layers go the other way."""
        return of_importance(
            "V5", 1,
            i=lambda model, layer: 0.5 - i * model if layer == LAYERS else 0.1 + 0.1 * model,
            c=lambda model, layer: 0.5 - c * model if layer == LAYERS else 0.1 + 0.1 * model,
        )  # fmt: skip

    assert [shrinks(0.001, 0.001), shrinks(0.001, 0), shrinks(0, 0.001), shrinks(0, 0)] == [
        YES,
        PARTLY,
        PARTLY,
        NO,
    ]


def test_tuned_feedforward_leads_the_last_layer_and_no_other():
    def leads(*of_tuned):
        """f of each fine-tuned model in the last layer, where h has 0.5; elsewhere the other way."""
        return of_importance(
            "V6", len(of_tuned),
            f=lambda model, layer: (0.2, *of_tuned)[model] if layer == LAYERS else 1 - (0, *of_tuned)[model],
            h=everywhere(0.5),
        )  # fmt: skip

    assert [leads(0.501), leads(0.499), leads(0.501, 0.499)] == [YES, NO, PARTLY]


@pytest.mark.parametrize("name", ["V1", "V2", "V3", "V4", "V5", "V6"])
def test_the_embedding_layer_counts_in_no_claim_and_the_first_layer_does(name):
    """In layer 0 the term that matters to the claim is all there is, or nothing."""
    table = importance()
    expected = said({"importance": table}, name)
    for only in TERMS:
        zero = pd.DataFrame(
            [(name, 0, term, float(term == only), 0.0) for name in table["model"].unique() for term in TERMS],
            columns=table.columns,
        )
        whole = pd.concat([zero, table]).sort_values(["model", "layer"], kind="stable", ignore_index=True)
        assert said({"importance": whole}, name).equals(expected)
    other = table.copy()
    other.loc[other["layer"] == 1, "mean"] = np.tile([0.05, 0.01, 0.9, 0.3], 2)
    if name not in ("V5", "V6"):  # which are on the last layer
        assert said({"importance": other}, name)["numbers"] != expected["numbers"]


# ---- correlation ----


def test_attention_correlates_least_by_any_margin_and_without_the_embedding_layer():
    def least(*of_tuned, zero=0.0):
        table = correlation(len(of_tuned))
        of = dict(zip([f"model {n + 1}" for n in range(len(of_tuned))], of_tuned, strict=True))
        mine = table["term"] == "h"
        table.loc[mine, "spearman"] = table["model_b"].map(of)[mine]
        table.loc[mine & (table["layer"] == 0), "spearman"] = zero
        return said({"correlation": table}, "V7")["verdict"]

    assert [least(0.699), least(0.701)] == [YES, NO]
    assert least(0.699, zero=1.0) == YES and least(0.701, zero=-1.0) == NO
    assert least(0.699, 0.701) == PARTLY


def test_attention_that_correlates_least_in_the_last_layer_alone_is_partly_so():
    table = correlation()
    table.loc[(table["term"] == "h") & (table["layer"] < LAYERS), "spearman"] = 0.9
    assert said({"correlation": table}, "V7")["verdict"] == PARTLY


def test_tasks_differ_below_three_tenths_in_the_last_layer():
    def differ(value):
        """Other layers, and the pretrained model, go the other way."""
        table = correlation(2)
        table["spearman"] = 0.9 if value < 0.3 else 0.1
        table.loc[(table["model_a"] == "model 1") & (table["layer"] == LAYERS), "spearman"] = value
        return said({"correlation": table}, "V8")["verdict"]

    assert [differ(0.299), differ(0.301)] == [YES, NO]


def test_a_model_departs_in_the_first_layer_below_nine_tenths():
    def departs(answers, tags):
        """Correlations of h in layers 1, 2 and 3; the embedding layer is all alike."""
        rows = [
            ("base", name, layer, "h", rho)
            for name, of in (("answers", answers), ("tags", tags))
            for layer, rho in enumerate([1.0, *of])
        ]
        table = pd.DataFrame(rows, columns=["model_a", "model_b", "layer", "term", "spearman"])
        return said({"correlation": table, "models": MODELS}, "V9")["verdict"]

    tags = [0.95, 0.85, 0.5]
    assert departs([0.8999, 0.95, 0.95], tags) == YES
    assert departs([0.9001, 0.8999, 0.1], tags) == NO
    assert departs([0.9001, 0.8, 0.95], tags) == PARTLY
    assert departs([0.9001, 0.8501, 0.1], tags) == NO
    assert departs([0.95, 0.95, 0.1], tags) == NO
    assert departs([0.95, 0.95, 0.95], tags) == NO


# ---- scores ----


def exactly(kind, kinds, score, means, seeds=5):
    return scores(kind, kinds, score, means, spread=0.0, seeds=seeds)


def test_a_learned_head_is_right_at_least_twice_as_often_and_above_the_baseline():
    def judged(f_of_other, f_learned=0.4, baseline=0.1):
        heads = [
            exactly("predictor", [name], "accuracy", {"f": f, "": baseline})
            for name, f in (("learned", f_learned), ("pretrained", f_of_other))
        ]
        return said({"masked_words": pd.concat(heads)}, "M1")["verdict"]

    assert [judged(0.1999), judged(0.2001)] == [YES, PARTLY]
    assert [judged(0.1, baseline=0.3999), judged(0.1, baseline=0.4001)] == [YES, PARTLY]
    assert judged(0.3, baseline=0.4001) == NO


def paired(kinds, score, pairs, p, difference=0.1):
    rows = [(kind, score, *sorted(pair), difference, 0.0, 0.2, p) for kind in kinds for pair in pairs]
    columns = ["predictor", "score", "terms_a", "terms_b", "difference", "low", "high", "p"]
    return pd.DataFrame(rows, columns=columns)


WITH_C = [("f+c", "f"), ("i+f+c", "i+f"), ("h+f+c", "h+f"), ("i+h+f+c", "i+h+f")]
ALL_PAIRS = {
    "M2": ("masked_words", "pretrained", WITH_C),
    "M3": ("masked_words", "learned", [("f", "h"), ("f", "i"), ("f", "c")]),
    "W1": ("senses", "classifier", H_FOR_F),
    "W2": ("senses", "classifier", [("i+h+c", "i+h+f+c")]),
}


def compared(name, p, behind=()):
    """The verdict where the first of each pair is ahead, but for those `behind`; p is the bootstrap's."""
    table, kind, pairs = ALL_PAIRS[name]
    ahead = {a for a, _ in pairs} - {pairs[n][0] for n in behind}
    means = {a: 0.6 for a in ahead} | {pairs[n][0]: 0.4 for n in behind}
    kinds = ["learned", "pretrained"] if table == "masked_words" else [kind]
    tables = {table: scores("predictor", kinds, "accuracy", means, spread=1e-4)}
    if p is not None:
        tables[f"{table}_pairs"] = paired([kind], "accuracy", pairs, p)
    return said(tables, name)


@pytest.mark.parametrize("name", ALL_PAIRS)
def test_all_pairs_together_are_wrong_in_at_most_one_of_twenty_runs(name):
    many = len(ALL_PAIRS[name][2])
    found = [compared(name, p / many)["verdict"] for p in (0.0499, 0.0501)]
    assert found == [YES, PARTLY]


@pytest.mark.parametrize("name", ["M2", "W1"])
def test_every_one_of_the_pairs_counts(name):
    many = range(len(ALL_PAIRS[name][2]))
    assert [compared(name, 0.001, [n])["verdict"] for n in many] == [PARTLY for _ in many]
    assert compared(name, 0.001, many)["verdict"] == NO


@pytest.mark.parametrize("other", ["h", "i", "c"])
def test_f_has_to_beat_every_other_term(other):
    means = {"f": 0.6, "h": 0.5, "i": 0.5, "c": 0.5} | {other: 0.7}
    table = scores("predictor", ["learned"], "accuracy", means, spread=1e-4)
    assert said({"masked_words": table}, "M3")["verdict"] == PARTLY


def test_f_does_not_help_where_it_hurts_or_nobody_can_say():
    found = [compared("W2", p, [0])["verdict"] for p in (0.0499, 0.0501)]
    assert found == [NO, PARTLY]


def test_one_run_without_a_bootstrap_is_sure_of_nothing():
    table = exactly("predictor", ["classifier"], "accuracy", {a: 0.9 for a, _ in H_FOR_F}, seeds=1)
    assert said({"senses": table}, "W1")["verdict"] == PARTLY


def test_either_test_can_take_the_certainty_away():
    assert compared("W1", 0.9)["verdict"] == PARTLY
    noise = scores("predictor", ["classifier"], "accuracy", {a: 0.51 for a, _ in H_FOR_F}, spread=0.3)
    tables = {"senses": noise, "senses_pairs": paired(["classifier"], "accuracy", H_FOR_F, 0.001)}
    assert said(tables, "W1")["verdict"] != YES


KINDS = ["base", "finetuned"]


def vary(spreads, empty=0.0):
    """Macro-F1 of two runs that are so many points apart, subset by subset."""
    apart = {name: spreads[n % len(spreads)] for n, name in enumerate(subsets()[1:])} | {"": empty}
    rows = [
        {"predictor": kind, "terms": name, "seed": seed, "macro_f1": 0.5 + seed * points / 100}
        for kind in KINDS for name, points in apart.items() for seed in (0, 1)
    ]  # fmt: skip
    return said({"entities": pd.DataFrame(rows)}, "N1")["verdict"]


def test_runs_vary_from_three_points_in_the_median_on():
    assert [vary([3.001]), vary([2.999])] == [YES, NO]
    assert vary([1.0] * 14 + [20.0]) == NO
    assert vary([20.0] * 8 + [1.0] * 7) == YES  # the eighth of fifteen
    assert vary([20.0] * 7 + [1.0] * 8) == NO


def test_the_empty_subset_has_no_say_in_how_much_runs_vary():
    assert vary([3.5] * 8 + [2.0] * 7, empty=0.0) == YES
    assert vary([3.5] * 7 + [2.9] * 8, empty=9.0) == NO


def needs_f(points, p=None, of_other_score=None, kinds=KINDS):
    """Subsets with f are so many points ahead of those with h and no f; the others are far behind."""
    means = {name: 0.5 + points / 100 if "f" in name else 0.5 if "h" in name else 0.0 for name in subsets()}
    tables = {"entities": scores("predictor", kinds, "macro_f1", means, spread=1e-6)}
    pairs = [("h+f", "h"), ("i+h+f", "i+h"), ("h+f+c", "h+c"), ("i+h+f+c", "i+h+c")]
    if p is not None:
        tables["entities_pairs"] = pd.concat(
            [paired(kinds, "macro_f1", pairs, p), paired(kinds, "entity_f1", pairs, of_other_score or p)]
        )
    return said(tables, "N2")


def test_subsets_without_f_do_as_well_up_to_two_points_behind():
    assert [needs_f(points)["verdict"] for points in (-5, 1.99, 2.01)] == [YES, YES, NO]


def test_gains_by_f_are_told_where_four_of_them_are_sure_together():
    assert "in 4 of 4" in needs_f(1, p=0.0124)["numbers"]
    assert "in 0 of 4" in needs_f(1, p=0.0126)["numbers"]


def test_the_other_score_has_no_say_in_what_is_sure():
    assert "in 4 of 4" in needs_f(1, p=0.001, of_other_score=0.9)["numbers"]


@pytest.mark.parametrize(("name", "kinds"), [("W3", ["knn", "classifier"]), ("N3", KINDS)])
def test_odd_ones_are_the_three_without_sublayers_for_both_predictors(name, kinds):
    table = {"W3": "senses_agreement", "N3": "entities_agreement"}[name]
    right, other = agreement(kinds[:1]), agreement(kinds[1:], ("i", "c", "h"))
    assert said({table: pd.concat([right, other])}, name)["verdict"] == PARTLY
    assert said({table: agreement(kinds)}, name)["verdict"] == YES
    assert said({table: agreement(kinds, ("h", "f", "h+f"))}, name)["verdict"] == NO
