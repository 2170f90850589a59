"""Verdicts in worlds in which the truth is known: every claim true, every claim false, and pure noise."""

import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from dissect.decomposition.parts import subsets
from dissect.errors import DissectError
from dissect.experiments.certainty import estimate
from dissect.report import claims, published
from dissect.report.answers import H_FOR_F
from dissect.report.claims import CLAIMS, VERDICTS, operating, verdicts
from dissect.report.claims.claim import VERSION, VERSIONS, WORDS, in_order
from dissect.report.claims.parts import NO_EFFECT, OPPOSITE, PAPERS, Difference, Draws, Equivalence
from dissect.report.claims.reported import NO_FIGURE, NUMBERS, reported
from dissect.report.claims.verdict import NotTestable, decided, judged
from dissect.report.judge import score
from dissect.runs.chapters import CHAPTERS
from dissect.site.scorecard import characteristics, criteria, first, of_chapter, page
from tests.report.made_up import LAYERS, MODELS, NAMES, SEEDS, World

TUNED = tuple(NAMES)
WORD = {2: "twice", 3: "three", 5: "five"}
WITH_F = {name: 0.0 for name in subsets() if "f" in name}


def as_claimed(model, layer, term):
    """Importance as the paper found it: by the model's place, layer and term."""
    if model:  # fine-tuned
        return {"i": 0.01, "h": 0.3, "f": 0.66, "c": 0.03}[term]
    i = 0.6 * 0.5 ** (layer - 1)
    return {"i": i, "h": 0.12 + 0.02 * layer, "f": 0.45 if layer > 1 else 0.15, "c": 0.12}[term]


def otherwise(model, layer, term):
    """The opposite: i last and not first, h below c, which is small, f below all; tuned with more i and c."""
    if model:
        return {"i": 0.5, "h": 0.1, "f": 0.05, "c": 0.35}[term]
    if layer == 1:
        return {"i": -0.1, "h": 0.02, "f": 0.01, "c": 0.03}[term]
    return {"i": 0.4, "h": 0.02, "f": 0.01, "c": 0.03}[term]


def rho(h, apart, answers):
    """Correlations: of h with the pretrained model; between tasks; of h in lower layers, for questions."""

    def of(a, b, layer, term):
        if a != "pretrained":
            return 0.7 if {a, b} == {"names", "names 2"} else apart
        if b == "questions" and term == "h" and layer <= LAYERS // 2:
            return answers
        return h if term == "h" else 0.7

    return of


def tables(world, claimed=True, **changes):
    """All tables of a run in which every claim is true, or false."""
    sign = 1 if claimed else -1
    sense = {name: 0.6 + 0.05 * sign for pair in H_FOR_F for name in pair[:1]}
    sense["i+h+f+c"] = sense["i+h+c"] - 0.05 * sign
    learned = {"f": 0.6, "h": 0.3, "i": 0.2, "c": 0.1, "": 0.05} if claimed else {"f": 0.1, "": 0.3, "h": 0.6}
    whole = {name: 0.3 + 0.1 * sign * name.endswith("f+c") for name in subsets()} | {
        "f": 0.1 if claimed else 0.5
    }
    entity = dict(WITH_F) | {name: 0.5 if claimed else 0.6 for name in WITH_F}
    entity |= {"f": 0.4 if claimed else 0.7, "": 0.1}
    odd = ("i", "c", "i+c") if claimed else ("h", "f", "h+f")
    spread = World(1, 0.3 if claimed else 0.02)
    r2 = 0.6 if claimed else 0.998
    return {
        "feedforward_r2": pd.DataFrame(
            {"model": "m", "layer": [1, 2], "r2": r2, "adjusted_r2": r2, "pieces": 20_000}
        ),
        "dependence": pd.DataFrame(
            {"source": ["i", "h"], "target": ["h", "i"], "r2": [0.5 if claimed else 0.02, 0.0]}
        ),
        "models": MODELS,
        "importance_groups": world.importance(as_claimed if claimed else otherwise, TUNED),
        "correlation_groups": world.correlation(
            rho(0.3, 0.1, 0.2) if claimed else rho(0.8, 0.9, 0.95), TUNED
        ),
        "masked_words": pd.DataFrame({"predictor": ["learned", "pretrained"], "terms": "", "accuracy": 0.1}),
        "masked_words_groups": world.groups({
            ("learned", "accuracy"): world.scores(learned),
            ("learned", "accuracy_masked"): world.scores(learned),
            ("pretrained", "accuracy"): world.scores(whole, seeds=1),
            ("pretrained", "accuracy_masked"): world.scores({}, 0.5, seeds=1),
        }),
        "senses_documents_groups": world.groups({
            ("knn", "accuracy"): world.scores(sense, 0.6, seeds=1),
            ("classifier", "accuracy"): world.scores(sense, 0.6),
        }),
        "senses_documents_consistency": world.consistency(["knn", "classifier"], odd),
        "entities_groups": world.groups({
            (name, "macro_f1"): {
                terms: pseudo + spread.rng.normal(0, 0.03 if claimed else 0.0, (SEEDS, 1))
                for terms, pseudo in world.scores(entity, 0.5).items()
            }
            for name in ("base", "finetuned")
        }),
        "entities_consistency": world.consistency(["base", "finetuned"], odd),
        **causes(world, sign),
    } | changes  # fmt: skip


def causes(world, sign):
    """The tables of what the deck says and the paper does not measure: true with 1, false with -1."""

    def of(**keys):
        rows = [
            {**dict(zip(keys["names"], key, strict=True)), "seed": 0, "group": group, "value": value}
            for key, mean in keys["means"].items()
            for group, value in enumerate(mean + world.pseudo(1)[0])
        ]
        return pd.DataFrame(rows)

    whole, middle = "i+h+f+c", LAYERS // 2
    lower = {layer: 0.5 + 0.2 * sign * (1 if layer <= middle else -1) for layer in range(1, LAYERS + 1)}
    return {
        "anisotropy_groups": of(
            names=("layer", "terms"), means={(LAYERS, whole): 0.3, (LAYERS, "i+h+f"): 0.3 - 0.1 * sign}
        ),
        "word_types_groups": of(
            names=("layer", "terms"),
            means={(n, whole): 0.9 for n in lower} | {(n, "h+f+c"): 0.9 - cost for n, cost in lower.items()},
        ),
        "rescaled_groups": of(
            names=("predictor", "score", "altered"),
            means={("pretrained", "accuracy", name): 0.4 - 0.1 * sign * (name != "nothing")
                   for name in ("nothing", "c", "scale", "length")},
        ),
        "updates_groups": of(
            names=("predictor", "quantity", "term", "layer"),
            means={("pretrained", quantity, term, n): 2.0 + sign * (term == "f")
                   for quantity in ("divergence", "words") for term in "fh" for n in (1, 2)},
        ),
        "layer_order_groups": of(
            names=("predictor", "score", "change", "first", "second"),
            means={("embedding", "cosine_distance", "swap", a, b): 0.15 + sign * (0.1 if b > a + 1 else -0.1)
                   for a in (1, 2) for b in (a + 1, a + 2)},
        ),
    }  # fmt: skip


def said(of, name):
    return verdicts(of).set_index("claim").loc[name]


QUIET = 0.005  # noise that leaves no doubt


@pytest.mark.parametrize(("claimed", "verdict"), [(True, "replicated"), (False, "contradicted")])
def test_a_world_in_which_all_claims_hold_and_one_in_which_none_does(claimed, verdict):
    """Each is said by its own reading. That entities vary is one claim, that f is not missed another."""
    found = verdicts(tables(World(0, QUIET), claimed)).set_index("claim").drop("N2" if claimed else [])
    other = found[found["verdict"] != verdict]
    assert other.empty, other["numbers"].to_dict()
    assert found["reading"].to_dict() == {name: CLAIMS[name].readings[verdict] for name in found.index}


def test_f_is_not_missed_where_scores_are_sure_enough_to_say_so():
    steady = World(0, QUIET)
    scores = {(name, "macro_f1"): steady.scores({"": 0.1}) for name in ("base", "finetuned")}
    assert said({"entities_groups": steady.groups(scores)}, "N2")["verdict"] == "replicated"
    for of in scores.values():
        of["h+f"] = of["h+f"] - 0.1  # f harms: it is not missed, either
    assert said({"entities_groups": steady.groups(scores)}, "N2")["verdict"] == "replicated"
    noisy = World(0, 0.2)
    unsure = noisy.groups({key: noisy.scores({"": 0.1}) for key in scores})
    assert said({"entities_groups": unsure}, "N2")["verdict"] == "undecided"


def test_some_for_and_some_against_is_mixed_and_some_for_alone_undecided():
    world = World(0, QUIET)
    means = {"h": 0.6, "i+h": 0.4}
    of = {("knn", "accuracy"): world.scores(means, seeds=1), ("classifier", "accuracy"): world.scores({})}
    assert said({"senses_documents_groups": world.groups(of)}, "W1")["verdict"] == "mixed"
    of["knn", "accuracy"]["i+h"] = of["knn", "accuracy"]["i+f"]
    unsure = said({"senses_documents_groups": world.groups(of)}, "W1")
    assert unsure["verdict"] == "undecided"
    assert re.search(r"it could have seen \d+\.\d points$", unsure["numbers"])


COMPARED = ["V3", "V5", "V6", "V7", "V9", "M2", "M3", "W1", "W2", "W3", "N3", "H1"]


@pytest.mark.slow
def test_noise_is_seldom_said_to_replicate_or_contradict_a_claim():
    """Tables in which no subset, term or model differs from another, drawn anew fifty times."""
    found = Counter()
    trials = 50
    for seed in range(trials):
        world = World(seed, 0.02)
        flat = {("knn", "accuracy"): world.scores({}, seeds=1), ("classifier", "accuracy"): world.scores({})}
        heads = {
            ("learned", "accuracy"): world.scores({}),
            ("learned", "accuracy_masked"): world.scores({"": 0.1}),
            ("pretrained", "accuracy"): world.scores({}, seeds=1),
            ("pretrained", "accuracy_masked"): world.scores({}, seeds=1),
        }
        entity = {(name, "macro_f1"): world.scores({}) for name in ("base", "finetuned")}
        noise = tables(
            World(0, QUIET),
            importance_groups=world.importance(models=TUNED),
            correlation_groups=world.correlation(lambda *which: 0.5, TUNED),
            masked_words_groups=world.groups(heads),
            senses_documents_groups=world.groups(flat),
            senses_documents_consistency=world.consistency(["knn", "classifier"], less=0),
            entities_groups=world.groups(entity),
            entities_consistency=world.consistency(["base", "finetuned"], less=0),
        )
        told = verdicts(noise).set_index("claim")["verdict"]
        found.update((name, told[name]) for name in COMPARED)
    wrong = {name: trials - found[name, "undecided"] for name in COMPARED}
    assert sum(wrong.values()) <= 0.05 * trials * len(COMPARED), wrong
    assert max(wrong.values()) <= 8, wrong  # one in a thousand has more at 0.05


@pytest.fixture(scope="module")
def characteristic():
    """How often each criterion says what, at this size and noise."""
    table = operating(tables(World(0, 0.02)), runs=200)
    return table.set_index(["claim", "world", "verdict"])["share"].to_dict()


@pytest.mark.parametrize("name", CLAIMS)
def test_without_an_effect_a_verdict_is_wrong_one_time_in_twenty_at_most(characteristic, name):
    """Made-up runs at the bound of each claim: of 200 one in a thousand has 20 at a rate of 0.05."""
    of = {verdict: characteristic[name, NO_EFFECT, verdict] for verdict in VERDICTS[:-1]}
    assert of["replicated"] + of["contradicted"] + of["mixed"] < 0.1
    assert sum(of.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_true_claim_is_not_contradicted_and_a_false_one_not_replicated(characteristic, name):
    assert characteristic[name, PAPERS, "contradicted"] <= 0.02
    assert characteristic[name, OPPOSITE, "replicated"] <= 0.02
    assert characteristic[name, PAPERS, "replicated"] >= characteristic[name, NO_EFFECT, "replicated"]
    assert characteristic[name, OPPOSITE, "contradicted"] >= characteristic[name, NO_EFFECT, "contradicted"]


def test_made_up_runs_vary_and_hang_together_as_the_run_does():
    """Scores that rise and fall together: their difference hardly varies, in made-up runs neither."""
    world = World(0, 0.05)
    shared = world.pseudo()
    pseudo = np.stack([shared + 0.1 * world.pseudo() for _ in range(2)])
    noise = Draws(4000, np.random.default_rng(0)).like(pseudo)
    means = noise.mean((-2, -1))
    assert noise.shape == (4000, 2, SEEDS, 40) and abs(means.mean()) < 0.001
    assert means[:, 0].std() == pytest.approx(estimate(pseudo[0]).error, rel=0.15)
    assert (means[:, 0] - means[:, 1]).std() == pytest.approx(estimate(pseudo[0] - pseudo[1]).error, rel=0.15)


def test_what_cannot_be_tested_says_what_it_takes():
    nothing = verdicts({})
    assert set(nothing["verdict"]) == {"not testable"} and nothing["numbers"].str.len().min() > 10
    whole = tables(World(0, QUIET))
    learned = whole | {"masked_words": whole["masked_words"].iloc[:1]}
    assert "dissect tune --task mlm" in said(learned, "M1")["numbers"]
    lone = whole | {"models": MODELS.iloc[:2], "importance_groups": World().importance(models=TUNED[:2])}
    assert "two tasks" in said(lone, "V8")["numbers"] and "question answering" in said(lone, "V9")["numbers"]
    alone = whole | {"importance_groups": World().importance()}
    assert "dissect tune" in said(alone, "V5")["numbers"]


def test_what_takes_more_layers_than_a_model_has_is_not_tested():
    """None of layers is no number: the mean of nothing was compared, with a warning on the console."""
    run = tables(World(0, QUIET))
    order, types, updates = (run[f"{name}_groups"] for name in ("layer_order", "word_types", "updates"))
    few = run | {
        "layer_order_groups": order[order["first"].eq(1) & order["second"].eq(2)],
        "word_types_groups": types[types["layer"].eq(1)],
        "updates_groups": updates[updates["term"].eq("f")],
    }
    for name, takes in (("L3", "three layers"), ("V11", "two layers"), ("M5", "attention")):
        assert said(few, name)["verdict"] == "not testable" and takes in said(few, name)["numbers"]


def test_where_nothing_was_learned_there_is_nothing_to_compare():
    """All subsets at the baseline: a difference of 0.0 points "could have seen 0.0 points", it was said."""
    world = World(0, QUIET)
    same = world.pseudo()
    masked = {("learned", score): dict.fromkeys(subsets(), same) for score in ("accuracy", "accuracy_masked")}
    tagged = {(name, "macro_f1"): dict.fromkeys(subsets(), same) for name in ("base", "finetuned")}
    run = tables(world, masked_words_groups=world.groups(masked), entities_groups=world.groups(tagged))
    for name, why in (("M3", "the same for every item"), ("N2", "beat the baseline")):
        assert said(run, name)["verdict"] == "not testable" and why in said(run, name)["numbers"]


def test_what_nothing_can_be_learned_from_says_nothing_of_what_is_not_missed():
    """Every subset is as good as the baseline, give or take what seeds and sentences do."""
    world = World(0, QUIET)
    tagged = {(name, "macro_f1"): world.scores({}, 0.1) for name in ("base", "finetuned")}
    assert said(tables(world, entities_groups=world.groups(tagged)), "N2")["verdict"] == "not testable"


def test_by_holms_rule_no_part_is_decided_whose_smaller_p_is_not():
    """0.030 times two is too much; then 0.031 times one is not enough, either."""
    none, one = np.ones(1), np.array([0.030])
    of, against = decided([(one, none), (np.array([0.031]), none)])
    assert not of.any() and not against.any()
    of, _ = decided([(np.array([0.020]), none), (np.array([0.031]), none)])
    assert of.all()


def test_what_could_have_been_seen_is_decided_four_times_in_five():
    """A difference as large as was said, in worlds of the same noise."""
    world = World(0, 0.05)
    said_to_be_seen = np.mean([Difference("a", world.pseudo()).seen(0.95) for _ in range(300)])
    there = [Difference("a", world.pseudo() + said_to_be_seen) for _ in range(600)]
    assert 0.75 < np.mean([judged([part]).verdict == "replicated" for part in there]) < 0.86


def test_what_is_the_same_counts_for_nothing_beside_what_is_not():
    world = World(0, 0.05)
    open_, same = Difference("a", world.pseudo()), Difference("b", np.zeros((5, 40)))
    both, alone = judged([open_, same]), judged([open_, open_])
    assert both.verdict == "undecided" and both.seen == alone.seen
    with pytest.raises(NotTestable, match="the same for every item"):
        judged([Difference("a", world.pseudo() + 1), Equivalence("b", np.zeros((5, 40)), bound=0.02)])


def test_one_seed_of_a_probe_says_nothing_of_others():
    world = World(0, QUIET)
    of = {
        ("knn", "accuracy"): world.scores({}, seeds=1),
        ("classifier", "accuracy"): world.scores({}, seeds=1),
    }
    one = said({"senses_documents_groups": world.groups(of)}, "W1")
    assert one["verdict"] == "not testable" and "--seeds" in one["numbers"]


def test_a_head_that_copies_and_does_not_guess_is_no_test():
    """7.5 % right, by the tenth of the targets that is left as it was; 0.4 % where [MASK] stood."""
    world = World(0, QUIET)
    of = {
        ("learned", "accuracy"): world.scores({"f": 0.3, "": 0.05}, 0.2),
        ("learned", "accuracy_masked"): world.scores({"": 0.05}, 0.2),
        ("pretrained", "accuracy"): world.scores({"f": 0.02}, 0.075, seeds=1),
        ("pretrained", "accuracy_masked"): world.scores({}, 0.004, seeds=1),
    }
    run = tables(world, masked_words_groups=world.groups(of))
    for name in ("M1", "M2"):
        assert said(run, name)["verdict"] == "not testable" and "does not guess" in said(run, name)["numbers"]


def test_next_words_are_no_evidence_on_masked_ones():
    """With the same scores, in a table that has none of the targets at which a mask stood."""
    run = tables(World(0, QUIET))
    words = run["masked_words_groups"]
    run["masked_words_groups"] = words[words["score"] != "accuracy_masked"]
    for name in ("M1", "M2", "M3", "H1"):
        assert said(run, name)["verdict"] == "not testable" and "next word" in said(run, name)["numbers"]
    assert said(run, "W1")["verdict"] == "replicated"


def test_a_missing_number_is_not_an_open_question():
    run = tables(World(0, QUIET))
    table = run["entities_groups"]
    table.loc[table["terms"].eq("h") & table["group"].eq(3), "value"] = float("nan")
    assert said(run, "N2")["verdict"] == "not testable" and "nan" in said(run, "N2")["numbers"]


def test_a_table_of_other_columns_is_refused_by_name():
    with pytest.raises(DissectError, match="importance_groups.*run chapter 2-visualisation again"):
        verdicts({"importance_groups": pd.DataFrame({"a": [1]})})


# ---- words ----


def test_every_claim_of_the_list_is_there_once():
    assert [one.name for one in in_order()] == list(WORDS) and set(CLAIMS) == set(WORDS)


def test_what_the_list_says_beside_the_words_is_so():
    for words in WORDS.values():
        assert set(words) - {"short", "source", "data", "numbers"} == {
            "chapter", "title", "claim", "slide", "criteria", "readings",
        }  # fmt: skip
        assert words.get("short") != words["claim"] and words["chapter"] in CHAPTERS
        assert "data" not in words or (published.FOLDER / words["data"]).is_file()
        assert VERSION in words["criteria"] and set(words["criteria"]) <= set(VERSIONS)
        assert set(words["readings"]) == {"replicated", "contradicted"}
        for number in words.get("numbers", {}).values():
            assert re.search(rf"\b({number}|{WORD.get(number)})\b", words["criteria"][VERSION])


def test_versions_say_when_and_by_which_commit_they_were_fixed():
    for one in VERSIONS.values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", one.date) and one.note
        assert re.fullmatch(r"[0-9a-f]{7,}", one.commit)


# ---- pages ----


def test_the_page_shows_every_claim_with_its_verdict_and_reading():
    run = tables(World(0, 0.02))
    table = verdicts(run)
    text = page(table, run)
    assert all(f"| [{one.name}]{{#claim-{one.name.lower()}}} |" in text for one in CLAIMS.values())
    assert f"**{sum(table['verdict'] == 'replicated')} replicated" in text
    assert set(table["verdict"]) <= set(VERDICTS) and "made before" not in text
    assert all(one.criterion in criteria(table) for one in CLAIMS.values())
    ends = "".join(of_chapter(chapter, table) for chapter in CHAPTERS)
    assert all(f"**[{name}](#claim-{name.lower()}).**" in ends for name in CLAIMS)
    assert all(reading.rstrip(".") in ends for reading in table["reading"])
    assert "judges none of its claims" in of_chapter("6-finer", table)
    assert "<sentence>" in of_chapter("6-finer", table) and "<agreement>" in of_chapter("4-wsd", table)


def test_a_run_of_before_says_so_and_keeps_its_first_verdicts():
    text = page(verdicts({}), {"senses": pd.DataFrame()})
    assert "made before these criteria" in text
    assert "largest in 3 of 6 layers" in first().replace("\\", "")


def test_how_often_criteria_err_stands_beside_them():
    table = operating(tables(World(0, 0.02)), runs=20)
    text = characteristics(table)
    assert all(f"| {name} |" in text for name in CLAIMS)
    assert "no table" in characteristics(None)


def test_the_papers_column_tells_what_it_reports():
    """Never a verdict on its own claim; its numbers are computed from its figures."""
    assert reported("M1") == "f 1.36 % by the pretrained head, 53.77 % by a learned one"
    assert reported("L1") == "R² 0.39 to 0.71" and "i 0.62 in layer 1, 0.045" in reported("V1")
    assert "h − f +2.1" in reported("W1") and reported("W3").startswith("knn: i, c, i+c")
    assert reported("V9") == NO_FIGURE and set(NUMBERS) <= set(CLAIMS)


def test_judging_keeps_the_verdicts_and_how_often_they_err(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "RUNS", 5)
    table = score(tmp_path)
    kept = pd.read_parquet(tmp_path / "scorecard.parquet")
    assert kept["claim"].tolist() == table["claim"].tolist() == list(WORDS)
    assert pd.read_parquet(tmp_path / "operating.parquet").empty
