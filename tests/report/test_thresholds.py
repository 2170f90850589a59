"""Claims at the edges of their criteria: one step on this side is not what one step on that side is."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from dissect.decomposition.parts import subsets
from dissect.report.answers import H_FOR_F
from dissect.report.claims.chapter5 import F_ADDED, expected_range
from tests.report.made_up import LAYERS, MODELS, NAMES, SEEDS, World
from tests.report.test_claims import as_claimed, said, tables

YES, NO, MIXED, OPEN = "replicated", "contradicted", "mixed", "undecided"
STILL = 1e-6  # noise of numbers that leave no doubt
TUNED = tuple(NAMES)


@pytest.fixture
def world():
    return World(0, STILL)


# ---- chapter 1 ----


def r2(*adjusted, pieces=10**9):
    table = pd.DataFrame({"model": "m", "layer": range(1, 1 + len(adjusted)), "r2": 0.999})
    return table.assign(adjusted_r2=adjusted, pieces=pieces)


def test_a_feedforward_is_linear_from_99_hundredths_of_adjusted_r2_on():
    found = [
        said({"feedforward_r2": r2(*of)}, "L1")["verdict"]
        for of in [(0.9, 0.9899), (0.9, 0.9901), (0.991, 0.991)]
    ]
    assert found == [YES, MIXED, NO]
    assert said({"feedforward_r2": r2(0.98999, pieces=500)}, "L1")["verdict"] == OPEN


def test_terms_depend_on_one_another_from_a_tenth_on():
    def judged(most, pieces=10**9):
        table = pd.DataFrame({"source": ["i", "h"], "target": ["h", "i"], "r2": [most, 0.0]})
        return said({"dependence": table, "feedforward_r2": r2(0.5, pieces=pieces)}, "L2")["verdict"]

    assert [judged(0.101), judged(0.099), judged(0.101, 500)] == [YES, NO, OPEN]


def test_the_largest_of_twelve_by_chance_shows_no_dependence():
    """All at the bound, but for what a sample of them leaves: the largest alone would be above it, surely."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        drawn = 0.1 + 2 * 0.1**0.5 * 0.9 / 5000**0.5 * rng.standard_normal(12)
        table = pd.DataFrame({"source": "i", "target": "h", "r2": drawn})
        found.append(said({"dependence": table, "feedforward_r2": r2(0.5, pieces=5000)}, "L2")["verdict"])
    assert np.mean([one == OPEN for one in found]) >= 0.92  # 0.95, but for what 200 leave open


# ---- chapter 2 ----


def of_importance(world, name, models=("pretrained",), **changes):
    """The verdict where importance is as claimed but for `changes`: a number by (model, layer), by term."""

    def share(model, layer, term):
        return changes[term](model, layer) if term in changes else as_claimed(model, layer, term)

    run = {"importance_groups": world.importance(share, models), "models": MODELS}
    return said(run, name)["verdict"]


def first(value, after):
    return lambda model, layer: value if layer == 1 else after


def last(value, before):
    return lambda model, layer: value if layer == LAYERS else before


def test_input_leads_the_first_layer_and_fades_below_a_tenth_of_the_last(world):
    found = [of_importance(world, "V1", i=last(value, 0.6)) for value in (0.0999, 0.1001)]
    assert found == [YES, MIXED]
    highest = max(as_claimed(0, 1, term) for term in "hfc")
    found = [of_importance(world, "V1", i=first(highest + step, 0.01)) for step in (0.001, -0.001)]
    assert found == [YES, MIXED]


@pytest.mark.parametrize(("ratio", "verdict"), [(0.99, NO), (1.01, YES), (2.99, YES), (3.01, NO)])
def test_attention_is_above_the_biases_and_up_to_three_times_them(world, ratio, verdict):
    found = of_importance(world, "V2", h=lambda *_: ratio * 0.1, c=lambda *_: 0.1)
    assert found == verdict


def test_feedforward_leads_in_the_mean_over_layers_and_in_the_last(world):
    others = dict.fromkeys("ihc", lambda *_: 0.2)
    found = [
        of_importance(world, "V3", **others, f=last(*of))
        for of in [(0.201, 0.201), (0.199, 0.199), (0.199, 0.3), (0.9, 0.0)]
    ]
    assert found == [YES, NO, MIXED, MIXED]


def test_biases_matter_from_a_twentieth_on_in_the_mean_and_in_what_is_returned(world):
    """MiniLM's c is 0.06 in the mean over layers, and 0.01 in the last."""
    found = [
        of_importance(world, "V4", c=last(*of))
        for of in [(0.0501, 0.0501), (0.0499, 0.0499), (0.01, 0.07), (-0.001, 0.09)]
    ]
    assert found == [YES, NO, MIXED, MIXED]


def test_tuning_shrinks_both_terms_of_the_last_layer_in_every_sibling(world):
    def shrinks(i, *c):
        """By how much i, and c of each sibling, are smaller in the last layer; elsewhere the other way."""
        return of_importance(
            world, "V5", TUNED[: 1 + len(c)],
            i=lambda model, layer: 0.5 - i * (model > 0) if layer == LAYERS else 0.1 + 0.1 * model,
            c=lambda model, layer: 0.5 - (0, *c)[model] if layer == LAYERS else 0.1 + 0.1 * model,
        )  # fmt: skip

    found = [
        shrinks(0.001, 0.001),
        shrinks(-0.001, -0.001),
        shrinks(0.001, -0.001),
        shrinks(0.001, 0.001, 0.0),
    ]
    assert found == [YES, NO, MIXED, OPEN]


def test_tuned_feedforward_leads_the_last_layer_of_every_sibling(world):
    def leads(*of_tuned):
        """f of each sibling in the last layer, where h has 0.5; elsewhere the other way."""
        return of_importance(
            world, "V6", TUNED[: 1 + len(of_tuned)],
            f=lambda model, layer: (0.2, *of_tuned)[model] if layer == LAYERS else 1 - (0, *of_tuned)[model],
            h=lambda *_: 0.5,
        )  # fmt: skip

    assert [leads(0.501), leads(0.501, 0.499)] == [YES, MIXED]


def of_correlation(world, name, rho, models=TUNED):
    run = tables(world) | {"correlation_groups": world.correlation(rho, models)}
    return said(run, name)["verdict"]


def test_attention_correlates_least_in_the_mean_over_layers_with_every_sibling(world):
    def least(step, layer_of_one=None):
        def rho(a, b, layer, term):
            return (
                0.7
                - step * (term == "h")
                + 0.5 * (term == "h" and b == "questions" and layer == layer_of_one)
            )

        return of_correlation(world, "V7", rho)

    assert [least(0.001), least(-0.001), least(0.001, 3)] == [YES, NO, MIXED]


@pytest.mark.parametrize(
    ("apart", "alike", "verdict"),
    [(0.299, 0.7, YES), (0.301, 0.7, MIXED), (0.299, 0.298, MIXED), (0.301, 0.3, NO)],
)
def test_tasks_differ_below_three_tenths_and_below_what_seeds_leave(world, apart, alike, verdict):
    """In the last layer; elsewhere the other way."""

    def rho(a, b, layer, term):
        pair = alike if {a, b} == {"names", "names 2"} else apart
        return pair if layer == LAYERS else 1 - pair

    assert of_correlation(world, "V8", rho) == verdict


def test_tags_that_are_no_entities_are_another_task(world):
    """Both are token classification to transformers; here "names 2" was tuned on parts of speech."""
    run = tables(world)
    assert said(run, "V8")["numbers"].count("seeds of one task") == 1
    siblings = pd.DataFrame({"model": ["names", "names 2", "questions"], "task": ["ner", "tags", "qa"]})
    assert "seeds of one task" not in said(run | {"siblings": siblings}, "V8")["numbers"]


def test_questions_depart_in_the_lower_half_and_not_in_the_upper(world):
    def departs(lower, upper):
        def rho(a, b, layer, term):
            off = lower if layer <= LAYERS // 2 else upper
            return 0.7 - off * (term == "h" and {a, b} == {"pretrained", "questions"})

        return of_correlation(world, "V9", rho)

    assert [departs(0.001, 0), departs(-0.001, 0.5), departs(0, 0.5)] == [YES, NO, OPEN]


# ---- scores ----


def masked(world, learned, whole):
    of = {
        ("learned", "accuracy"): world.scores(learned, 0.3),
        ("learned", "accuracy_masked"): world.scores({"": 0.05}, 0.3),
        ("pretrained", "accuracy"): world.scores(whole, 0.3, seeds=1),
        ("pretrained", "accuracy_masked"): world.scores({}, 0.3, seeds=1),
    }
    return tables(world, masked_words_groups=world.groups(of))


def test_a_learned_head_is_right_at_least_twice_as_often_and_above_the_baseline(world):
    found = [
        said(masked(world, {"f": f, "": baseline}, {"f": 0.2}), "M1")["verdict"]
        for f, baseline in [(0.401, 0.1), (0.399, 0.1), (0.401, 0.402), (0.399, 0.41)]
    ]
    assert found == [YES, MIXED, MIXED, NO]


@pytest.mark.parametrize("other", ["i", "h", "c"])
def test_f_has_to_beat_every_other_term(world, other):
    found = [
        said(masked(world, {"f": 0.4, other: 0.4 + step}, {}), "M3")["verdict"] for step in (-0.001, 0.001)
    ]
    assert found == [YES, MIXED]


def senses(world, means, predictors=("knn", "classifier"), others=None):
    of = {
        (name, "accuracy"): world.scores(
            means if name in predictors else others, 0.5, 1 if name == "knn" else SEEDS
        )
        for name in ("knn", "classifier")
    }
    return {"senses_documents_groups": world.groups(of)}


@pytest.mark.parametrize("against", ["knn", "classifier"])
def test_neighbours_and_probe_have_a_say_in_senses(world, against):
    """In MiniLM's first run f beat h by neighbours in four of four pairs, and the probe alone was asked."""
    ahead, behind = ({a: 0.5 + step for a, _ in H_FOR_F} for step in (0.01, -0.01))
    assert said(senses(world, ahead), "W1")["verdict"] == YES
    assert said(senses(world, behind, (against,), ahead), "W1")["verdict"] == MIXED
    for name, verdict in ((0.01, YES), (-0.01, NO)):
        run = senses(world, {"i+h+c": 0.5 + name})
        assert said(run, "W2")["verdict"] == verdict


@pytest.mark.parametrize("pair", H_FOR_F, ids="-".join)
def test_every_one_of_the_pairs_counts(world, pair):
    means = {a: 0.51 for a, _ in H_FOR_F} | {pair[0]: 0.49}
    assert said(senses(world, means), "W1")["verdict"] == MIXED


def test_the_expected_range_of_two_and_five_normal_numbers():
    """2/√π, and Tippett's table."""
    assert expected_range(2) == pytest.approx(2 / np.pi**0.5)
    assert expected_range(5) == pytest.approx(2.32593, abs=1e-5)


def entities(world, means=None, apart=0.0):
    """Scores whose seeds lie evenly around their mean, with the deviation `apart`; the baseline with none."""
    even = np.linspace(-1, 1, SEEDS)
    even = apart * even / even.std(ddof=1)
    of = {
        (name, "macro_f1"): {
            terms: pseudo + even[:, None] * bool(terms)
            for terms, pseudo in world.scores({"": 0.1} | (means or {})).items()
        }
        for name in ("base", "finetuned")
    }
    return {"entities_groups": world.groups(of)}


def test_runs_vary_from_three_points_on(world):
    edge = 0.03 / expected_range(5)
    found = [said(entities(world, apart=times * edge), "N1")["verdict"] for times in (1.01, 0.99)]
    assert found == [YES, NO]


@pytest.mark.parametrize("pair", F_ADDED, ids="-".join)
def test_f_may_cost_up_to_two_points_in_every_pair(world, pair):
    found = [said(entities(world, {pair[0]: 0.5 + gain}), "N2")["verdict"] for gain in (0.0199, 0.0201, -0.1)]
    assert found == [YES, MIXED, YES]


def test_odd_ones_are_the_three_without_sublayers_for_both_predictors(world):
    for claim, table, kinds in (
        ("W3", "senses_documents_consistency", ("knn", "classifier")),
        ("N3", "entities_consistency", ("base", "finetuned")),
    ):
        assert said({table: world.consistency(kinds, less=0.001)}, claim)["verdict"] == YES
        for other in set(subsets()[1:]) - {"i", "c", "i+c"}:
            odd = {"i", "c", other}
            run = {table: world.consistency(kinds, odd, less=0.01)}
            assert said(run, claim)["verdict"] == NO


def test_the_lead_of_f_has_to_shrink_in_every_other_task(world):
    ahead = tables(World(0, 0.001))
    assert said(ahead, "H1")["verdict"] == YES
    for other in ("senses_documents_groups", "entities_groups"):
        table = ahead[other].copy()
        table.loc[table["terms"] == "f", "value"] += 0.8
        assert said(ahead | {other: table}, "H1")["verdict"] in (NO, MIXED)


@pytest.mark.parametrize("name", ["V1", "V2", "V3", "V4", "V5", "V6"])
def test_the_embedding_layer_counts_in_no_claim(world, name):
    run = {"importance_groups": world.importance(as_claimed, TUNED), "models": MODELS}
    expected = said(run, name)["numbers"]
    table = run["importance_groups"]
    below = table[table["layer"] == 1].assign(layer=0, value=9.0)
    assert said(run | {"importance_groups": pd.concat([below, table])}, name)["numbers"] == expected


def test_pairs_of_models_are_found_in_either_order(world):
    run = tables(world)
    table = run["correlation_groups"]
    turned = table.rename(columns={"model_a": "model_b", "model_b": "model_a"})
    assert len(list(combinations(TUNED, 2))) == len(table.groupby(["model_a", "model_b"]))
    for name in ("V7", "V8", "V9"):
        assert said(run | {"correlation_groups": turned}, name)["verdict"] == YES
