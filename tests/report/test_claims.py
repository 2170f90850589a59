"""Claims: on made-up data in which each is true, and false, and on the published figures."""

import re

import numpy as np
import pandas as pd
import pytest

from dissect.decomposition.parts import TERMS, subsets
from dissect.report import answers as findings
from dissect.report import published
from dissect.report.answers import H_FOR_F
from dissect.report.claims import CLAIMS, VERDICTS, verdicts
from dissect.report.claims.chapter2 import DEPARTED
from dissect.report.claims.claim import WORDS
from dissect.report.judge import score
from dissect.runs.chapters import CHAPTERS
from dissect.site.scorecard import criteria, page

LAYERS = 6


def importance(tuned=1, **changes):
    """Importance as the paper found it; changes: a function of (model, layer) by term."""
    shape = {
        "i": lambda model, layer: 0.6 * 0.5 ** (layer - 1) - 0.02 * (model > 0),
        "h": lambda model, layer: 0.06 + 0.02 * layer,
        "f": lambda model, layer: 0.3 if layer == 1 else 0.45,
        "c": lambda model, layer: 0.1 if model == 0 else 0.02 if layer == LAYERS else 0.1,
    } | changes
    rows = [
        (f"model {model}", layer, term, shape[term](model, layer), 0.0)
        for model in range(tuned + 1)
        for layer in range(1, LAYERS + 1)
        for term in TERMS
    ]
    return pd.DataFrame(rows, columns=["model", "layer", "term", "mean", "std"])


def correlation(tuned=1, h=0.2, between=0.1):
    rows = []
    for a in range(tuned + 1):
        for b in range(a + 1, tuned + 1):
            for layer in range(LAYERS + 1):
                for term in TERMS:
                    rho = between if a else h if term == "h" else 0.7
                    rows.append((f"model {a}", f"model {b}", layer, term, rho))
    return pd.DataFrame(rows, columns=["model_a", "model_b", "layer", "term", "spearman"])


def scores(kind, kinds, score_, means, spread=0.004, seeds=5):
    """Scores of every subset around a mean: `means` by subset, 0.5 where it says nothing."""
    noise = np.random.default_rng(0)
    rows = [
        {kind: name, "terms": subset, "seed": seed,
         score_: means.get(subset, 0.5) + spread * noise.standard_normal()}
        for name in kinds
        for subset in subsets()
        for seed in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def agreement(kinds, odd=("i", "c", "i+c")):
    rows = [
        (kind, a, b, 0.2 if {a, b} & set(odd) else 0.8)
        for kind in kinds
        for n, a in enumerate(subsets()[1:])
        for b in subsets()[n + 2 :]
    ]
    return pd.DataFrame(rows, columns=["predictor", "terms_a", "terms_b", "agreement"])


def masked(pretrained_f=0.02, learned_f=0.6, with_c=0.3, without_c=0.1):
    learned = scores(
        "predictor", ["learned"], "accuracy", {"f": learned_f, "h": 0.4, "i": 0.2, "c": 0.1, "": 0.05}
    )
    means = {name: with_c if name.endswith("f+c") else without_c for name in subsets()} | {"f": pretrained_f}
    return pd.concat([learned, scores("predictor", ["pretrained"], "accuracy", means)])


def r2(value):
    return pd.DataFrame({"model": "m", "layer": [1, 2], "r2": value, "adjusted_r2": value})


def dependence(value):
    return pd.DataFrame({"source": ["i", "h"], "target": ["h", "i"], "r2": [value, 0.0]})


def senses(better=0.06, whole=-0.04):
    means = {name: 0.5 + better for name in ("h", "i+h", "h+c", "i+h+c")}
    means["i+h+f+c"] = means["i+h+c"] + whole
    return scores("predictor", ["knn", "classifier"], "accuracy", means)


def entities(spread=0.05, f=0.0):
    means = {name: 0.5 + f * ("f" in name) for name in subsets()}
    return scores("predictor", ["base", "finetuned"], "macro_f1", means, spread)


MODELS = pd.DataFrame(
    {"model": ["base", "tags", "answers"], "task": ["", "token classification", "question answering"]}
)


def departing(answers, tags):
    """h stops to correlate with the pretrained model in these layers."""
    rows = [
        ("base", name, layer, "h", 0.95 if layer < gone else 0.5)
        for name, gone in (("tags", tags), ("answers", answers))
        for layer in range(LAYERS + 1)
    ]
    return pd.DataFrame(rows, columns=["model_a", "model_b", "layer", "term", "spearman"])


# claim: tables in which it is true, tables in which it is false
CASES = {
    "L1": ({"feedforward_r2": r2([0.5, 0.7])}, {"feedforward_r2": r2([0.995, 0.999])}),
    "L2": ({"dependence": dependence(0.5)}, {"dependence": dependence(0.02)}),
    "V1": ({"importance": importance()}, {"importance": importance(i=lambda model, layer: 0.2)}),
    "V2": ({"importance": importance()}, {"importance": importance(h=lambda model, layer: 0.01)}),
    "V3": ({"importance": importance()}, {"importance": importance(f=lambda model, layer: 0.01)}),
    "V4": ({"importance": importance()}, {"importance": importance(c=lambda model, layer: 0.01)}),
    "V5": (
        {"importance": importance()},
        {"importance": importance(i=lambda m, _: 0.1 * (m + 1), c=lambda m, _: 0.1 * (m + 1))},
    ),
    "V6": ({"importance": importance()}, {"importance": importance(f=lambda model, layer: 0.01)}),
    "V7": ({"correlation": correlation()}, {"correlation": correlation(h=0.9)}),
    "V8": ({"correlation": correlation(2)}, {"correlation": correlation(2, between=0.8)}),
    "V9": (
        {"correlation": departing(2, 4), "models": MODELS},
        {"correlation": departing(5, 3), "models": MODELS},
    ),
    "M1": ({"masked_words": masked()}, {"masked_words": masked(pretrained_f=0.6, learned_f=0.01)}),
    "M2": ({"masked_words": masked()}, {"masked_words": masked(pretrained_f=0.3, with_c=0.1, without_c=0.3)}),
    "M3": ({"masked_words": masked()}, {"masked_words": masked(learned_f=0.01)}),
    "W1": ({"senses": senses()}, {"senses": senses(-0.06)}),
    "W2": ({"senses": senses()}, {"senses": senses(whole=0.04)}),
    "W3": (
        {"senses_agreement": agreement(["knn", "classifier"])},
        {"senses_agreement": agreement(["knn", "classifier"], ("h", "f", "h+f"))},
    ),
    "N1": ({"entities": entities()}, {"entities": entities(0.001)}),
    "N2": ({"entities": entities()}, {"entities": entities(f=0.2)}),
    "N3": (
        {"entities_agreement": agreement(["base", "finetuned"])},
        {"entities_agreement": agreement(["base", "finetuned"], ("h", "f", "h+f"))},
    ),
}  # fmt: skip


def said(tables, name):
    return verdicts(tables).set_index("claim").loc[name]


@pytest.mark.parametrize("name", CASES)
def test_a_true_claim_is_replicated_and_a_false_one_is_not(name):
    true, false = CASES[name]
    assert said(true, name)["verdict"] == "replicated"
    assert said(false, name)["verdict"] == "not replicated"


def test_something_between_is_partly_replicated():
    half = {"senses": scores("predictor", ["classifier"], "accuracy", {"h": 0.6, "i+h": 0.4})}
    assert said(half, "W1")["verdict"] == "partly"
    noisy = {"senses": scores("predictor", ["classifier"], "accuracy", {"h": 0.501}, spread=0.1)}
    assert said(noisy, "W2")["verdict"] in ("partly", "not replicated")


def test_a_difference_that_other_test_sentences_could_undo_is_not_sure():
    """Five seeds agree, but the bootstrap over sentences does not: replicated without it only."""
    tables = {"senses": senses()}
    pairs = pd.DataFrame(
        [("classifier", "accuracy", *sorted(pair), 0.06, -0.1, 0.2, 0.4) for pair in H_FOR_F],
        columns=["predictor", "score", "terms_a", "terms_b", "difference", "low", "high", "p"],
    )
    assert said(tables, "W1")["verdict"] == "replicated"
    assert said(tables | {"senses_pairs": pairs.assign(p=0.002)}, "W1")["verdict"] == "replicated"
    unsure = said(tables | {"senses_pairs": pairs}, "W1")
    assert unsure["verdict"] == "partly" and "p 1.000" in unsure["numbers"]


@pytest.mark.parametrize(("p", "said_of_it"), [(0.012, "replicated"), (0.02, "partly")])
def test_p_is_corrected_for_the_number_of_pairs_that_a_claim_compares(p, said_of_it):
    """Four pairs, so 0.05 is asked of 4 p: either is sure by itself, and one of them among four."""
    pairs = pd.DataFrame(
        [("classifier", "accuracy", *sorted(pair), 0.06, 0.01, 0.2, p) for pair in H_FOR_F],
        columns=["predictor", "score", "terms_a", "terms_b", "difference", "low", "high", "p"],
    )
    assert said({"senses": senses(), "senses_pairs": pairs}, "W1")["verdict"] == said_of_it


def test_a_lead_that_other_seeds_take_back_is_not_sure():
    """On average h is ahead in every pair, but hardly so in more runs than not."""
    table = senses()
    swing = table["seed"].map(dict(enumerate([0.3, -0.25, 0.2, -0.2, 0.1])))
    table["accuracy"] += swing.where(table["terms"].isin([a for a, _ in H_FOR_F]), 0)
    unsure = said({"senses": table}, "W1")
    assert unsure["verdict"] == "partly"
    chances = [float(p) for p in re.findall(r"p ([\d.]+)", unsure["numbers"])]
    assert len(chances) == 4 and min(chances) > 0.05


def test_what_f_adds_to_h_is_told_beside_the_means():
    """f adds 20 points to every subset; or 20 to one, which takes nothing from the verdict."""
    four = re.findall(r"in (\d) of 4", said({"entities": entities(f=0.2)}, "N2")["numbers"])
    assert four == ["4", "4"]
    kinds = ["base", "finetuned"]
    table = scores("predictor", kinds, "macro_f1", {"h+f": 0.7})
    assert re.findall(r"in (\d) of 4", said({"entities": table}, "N2")["numbers"]) == ["1", "1"]
    unsure = pd.DataFrame(
        [(kind, "macro_f1", "h", "h+f", -0.2, -0.5, 0.1, 0.2) for kind in kinds],
        columns=["predictor", "score", "terms_a", "terms_b", "difference", "low", "high", "p"],
    )
    undone = said({"entities": table, "entities_pairs": unsure}, "N2")
    assert re.findall(r"in (\d) of 4", undone["numbers"]) == ["0", "0"]


def test_what_cannot_be_tested_says_why():
    nothing = verdicts({})
    assert set(nothing["verdict"]) == {"not testable"}
    assert nothing["numbers"].str.len().min() > 10
    learned = masked().query("predictor == 'learned'")
    assert "no head for whole embeddings" in said({"masked_words": learned}, "M1")["numbers"]
    assert "two fine-tuned" in said({"correlation": correlation(1)}, "V8")["numbers"]


@pytest.mark.parametrize("kind", ["pretrained", "trained afterwards"])
def test_claims_on_pretrained_heads_say_which_kind_they_rest_on(kind):
    table = masked().replace({"predictor": {"pretrained": kind}})
    for claim in ("M1", "M2"):
        assert said({"masked_words": table}, claim)["verdict"] == "replicated"
        assert f"head {kind}" in said({"masked_words": table}, claim)["numbers"]


def test_the_published_figures_carry_their_claims():
    tables = {
        "importance": published.importance(),
        "feedforward_r2": published.feedforward_r2(),
        "senses_agreement": published.senses_agreement(),
        "entities_agreement": published.entities_agreement(),
        "senses": published.senses_accuracy().rename(columns={"run": "seed"}).assign(predictor="classifier"),
    }
    tables["senses"]["accuracy"] /= 100
    table = verdicts(tables).set_index("claim")["verdict"]
    carried = ["L1", "V1", "V2", "V3", "V4", "V5", "V6", "W1", "W2", "W3", "N3"]
    assert table[carried].to_dict() == dict.fromkeys(carried, "replicated")
    assert set(table.drop(carried)) == {"not testable"}


def test_every_claim_of_the_list_is_there_once():
    listed = (published.FOLDER / "claims.yaml").read_text(encoding="utf-8")
    names = re.findall(r"^  (\w+):$", listed, re.MULTILINE)
    assert [one.name for one in CLAIMS] == names
    assert set(CASES) == set(names)


def test_what_the_list_says_beside_the_words_is_so():
    for words in WORDS.values():
        assert set(words) - {"short", "data"} == {"chapter", "claim", "criterion", "slide"}
        assert words.get("short") != words["claim"] and words["chapter"] in CHAPTERS
        assert "data" not in words or (published.FOLDER / words["data"]).is_file()
    assert f" below {DEPARTED} " in WORDS["V9"]["criterion"]


def test_the_page_shows_every_claim_with_its_verdict(tmp_path):
    importance().to_parquet(tmp_path / "importance.parquet")
    table = score(tmp_path)
    text = page(table)
    assert all(f"| {one.name} |" in text for one in CLAIMS)
    assert f"**{sum(table['verdict'] == 'replicated')} replicated" in text
    assert set(table["verdict"]) <= set(VERDICTS)
    assert all(one.criterion in criteria(table) for one in CLAIMS)
    assert pd.read_parquet(tmp_path / "verdicts.parquet")["claim"].tolist() == [one.name for one in CLAIMS]


def test_the_scorecard_and_the_chapter_tell_one_spread():
    """The baseline, whose runs vary otherwise here, is in neither."""
    table = entities(spread=0.0)
    for n, subset in enumerate(subsets()):  # of an even number of subsets the median lies between two
        table.loc[(table["terms"] == subset) & (table["seed"] == 0), "macro_f1"] = 0.5 + 0.01 * n
    table.loc[(table["terms"] == "") & (table["seed"] == 0), "macro_f1"] = 1.0
    chapter = findings.named_entities(table, agreement(["base", "finetuned"]))["this run"]
    told = chapter["From the worst to the best run of a subset, base"]
    assert told == "8.0 points (median), 15.0 (largest)"
    judged = verdicts({"entities": table}).set_index("claim")["numbers"]["N1"]
    assert judged == "base 8.0 points; finetuned 8.0 points"


def test_the_scorecard_and_the_chapter_tell_one_correlation():
    """Two models that were fine-tuned have a correlation with one another, which says nothing of tuning."""
    table = correlation(tuned=2, h=0.25, between=-0.75)
    judged = verdicts({"correlation": table}).set_index("claim")["numbers"]["V7"]
    told = findings.tuning(table)["this run"]
    assert len(told) == 4 and set(told) == {"h (i 0.70, h 0.25, f 0.70, c 0.70)"}
    assert judged == "; ".join(["i 0.70, h 0.25, f 0.70, c 0.70"] * 2)
