"""What the book tells a class to do works, and what it says that will happen does."""

import json
import re
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dissect import Decomposer, corpora
from dissect.corpora import SenseItem
from dissect.experiments import finer, measures, probes
from dissect.experiments.masking import mask_text
from dissect.experiments.named_entities import WordTerms, named_entities, tagged_terms
from dissect.experiments.probes import Training
from dissect.experiments.word_senses import sense_terms, word_senses
from dissect.models.loading import Loaded
from dissect.places import ROOT
from dissect.report import figures
from dissect.teaching.exercises import materials

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
QUICK = Training(epochs=1)


def cells(chapter: Path, kind: str) -> list[str]:
    notebook = json.loads(chapter.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def little(before: str = "", old: str = "", new: str = "") -> dict[str, Any]:
    """The first chapter's little Transformer after its cells were run, as far as they go.

    before: code before the line that calls `encode`; old, new: what is written in the place of what.
    """
    space: dict[str, Any] = {"torch": torch, "figures": figures, "seed": 0}
    code = cells(NOTEBOOKS[0], "code")
    first, last = (next(n for n, c in enumerate(code) if word in c) for word in ("d, heads", "toy_error ="))
    assert any(old in cell for cell in code[first : last + 1])
    for cell in code[first : last + 1]:
        cell = cell.replace(old, new) if old else cell
        try:
            exec(cell.replace("e, m, s, inputs =", f"{before}\ne, m, s, inputs ="), space)
        except AssertionError:
            space["stopped"] = True
    return space


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" - m[lam] * P(lam)", ""),
        ('(w["b_V"] @ w["M"] + w["b_M"])', 'w["b_M"]'),
        (' + P(2 * l) * w["b_W2"]', ""),
        ("range(first, last + 1)", "range(first + 1, last + 1)"),
        ("P(2 * l - 1) * h_tilde(l)", "P(2 * l) * h_tilde(l)"),
        ("P(lam + 1) * b[lam]", "P(lam) * b[lam]"),
    ],
)
def test_a_broken_formula_stops_at_the_assert_and_its_error_can_be_seen(old: str, new: str) -> None:
    broken = little(old=old, new=new)
    assert broken["stopped"]
    assert broken["toy_error"] > 0.01
    assert little()["toy_error"] < 1e-13


def test_a_large_value_bias_changes_all_terms_and_the_direction_of_two() -> None:
    text = cells(NOTEBOOKS[0], "markdown")[-2]
    line = re.search(r"`(weights\[-1\].+?)`", text)
    assert line is not None
    before, after = little(), little(before=line[1])
    assert after["toy_error"] < 1e-13
    kept = set()
    for term in "ihfc":
        x, y = before[term], after[term]
        assert (y - x).norm() > 0.2 * x.norm()
        if torch.cosine_similarity(x, y, dim=-1).min() > 1 - 1e-9:
            kept.add(term)
    assert kept == {"i", "h"}


def test_occurrences_of_a_word_can_be_compared(minilm: Loaded) -> None:
    inputs = minilm.tokenizer(["The crane saw a crane."], padding=True, return_tensors="pt")
    parts = Decomposer(minilm.model)(**inputs)
    at = [n for n, t in enumerate(inputs.tokens()) if t == "crane"]
    assert len(at) == 2
    assert all((x[0, at[0]] - x[0, at[1]]).norm() > 0 for x in (parts.i, parts.h))


def test_importance_of_a_sentence_has_its_word_pieces_in_order(minilm: Loaded) -> None:
    sentence = "Unputdownable, she said of the long book, and rightly!"
    values = measures.importance(minilm, [sentence])
    assert values.shape[-1] == len(minilm.tokenizer.tokenize(sentence))
    parts = Decomposer(minilm.model)(**minilm.tokenizer([sentence], return_tensors="pt"))
    assert np.abs(values[-1] - parts.importance()[:, 0, 1:-1].numpy()).max() < 1e-4


def test_labels_of_masked_words_are_word_pieces(minilm: Loaded) -> None:
    labels = mask_text(minilm, corpora.text(limit=40), times=1).labels
    most = Counter(labels).most_common(3)
    assert all(isinstance(minilm.tokenizer.convert_ids_to_tokens(label), str) for label, _ in most)


@pytest.mark.slow
def test_senses_can_be_asked_about_item_by_item_with_any_k_and_with_own_items(minilm: Loaded) -> None:
    corpus = deepcopy(corpora.senses())
    items = [item for item in corpus.items if item.lemma in ("bank.noun", "crane.noun")]
    corpus.items[:] = items
    for n in range(12):
        text = f"Number {n} craned her neck, and the crane of it hurt."
        corpus.sentences.append(text)
        start = text.index("crane of")
        corpus.items.append(
            SenseItem(len(corpus.sentences) - 1, start, start + 5, "crane.noun", "crane.noun.neck")
        )
    terms = sense_terms(minilm, corpus)
    assert Counter(terms.senses)["crane.noun.neck"] == 12
    split = terms.split(0)
    named = {
        term: probes.nearest_neighbours(terms.features.subset(term), terms.senses, terms.lemmas, split)
        for term in "hf"
    }
    assert len(named["h"]) == len(named["f"]) == len(split.test)
    assert set(named["h"]) <= set(terms.senses)
    accuracy = [
        word_senses(terms, [0], k=k, training=QUICK).scores.query("predictor == 'knn'")["accuracy"].to_numpy()
        for k in (1, 11)
    ]
    assert (accuracy[0] != accuracy[1]).any()


@pytest.fixture(scope="module")
def tagged(minilm: Loaded) -> WordTerms:
    return tagged_terms(minilm, corpora.entities(limit=12))


def test_words_can_be_tagged_one_by_one_and_types_without_beginnings(tagged: WordTerms) -> None:
    names, labels = tagged.numbered()
    x = probes.vectors_of(tagged.features, "h", tagged.split.train)
    said = probes.two_layer(x, labels, len(names), tagged.split, QUICK, seed=0)["predicted"]
    assert said.shape == labels[tagged.split.test].shape
    merged = replace(tagged, tags=[tag.replace("B-", "I-") for tag in tagged.tags])
    assert not any(tag.startswith("B-") for tag in merged.tags)
    scores = named_entities({"base": merged}, [0], QUICK).scores
    assert scores[["macro_f1", "entity_f1"]].notna().all(axis=None)


def test_a_model_without_its_upper_layers_gives_the_middle_one(minilm: Loaded) -> None:
    inputs = minilm.tokenizer([materials.CRANE], return_tensors="pt")
    middle = Decomposer(minilm.model).layers(**inputs)[3]
    cut = replace(minilm, model=deepcopy(minilm.model))
    cut.model.encoder.layer = cut.model.encoder.layer[:3]
    assert torch.allclose(Decomposer(cut.model)(**inputs).terms, middle.terms, atol=1e-5)
    assert tagged_terms(cut, corpora.entities(limit=3)).features.shape[-1] == 384


def test_a_bank_can_be_read_and_units_tried_on_words_of_the_corpus(minilm: Loaded) -> None:
    sources = finer.word_in(minilm, "She paid the money into the bank.", "bank").by_source()
    assert "money" in set(sources["token"])
    corpus = corpora.senses()
    for item in corpus.items[:3]:
        text = corpus.sentences[item.sentence]
        units = finer.word_in(minilm, text, text[item.start : item.end]).by_unit(layers=[6])
        assert len(units) == 1536


# ---- formulas ----


def inputs_of(model: Any, inputs: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """What the attentions and the feed-forwards of a BERT read, and its attention weights, layer by layer."""
    read: dict[str, list[Tensor]] = {"attention": [], "intermediate": []}
    hooks = [
        getattr(layer, name).register_forward_pre_hook(lambda _, x, name=name: read[name].append(x[0][0]))
        for layer in model.encoder.layer
        for name in read
    ]
    try:
        with torch.no_grad():
            attentions = model(**inputs, output_attentions=True).attentions
    finally:
        for hook in hooks:
            hook.remove()
    return read["attention"], read["intermediate"], [a[0] for a in attentions]


@torch.no_grad()
def test_the_sum_over_finer_parts_as_it_is_displayed(minilm: Loaded) -> None:
    """Chapter 6: by layer, head and source, and by layer and unit; a factor for each kind of sublayer."""
    model: Any = deepcopy(minilm.model)
    model.set_attn_implementation("eager")
    inputs = minilm.tokenizer([materials.CRANE], return_tensors="pt")
    reads_h, reads_f, attentions = inputs_of(model, inputs)
    P = [torch.ones_like(reads_h[0])]
    for norm in reversed(materials.norms(materials.CRANE)):
        P.insert(0, P[0] * norm.gain / norm.deviation)
    L, H = model.config.num_hidden_layers, model.config.num_attention_heads
    h, f, one_factor = (torch.zeros_like(P[0]) for _ in range(3))
    for n, layer in enumerate(model.encoder.layer, start=1):
        V = layer.attention.self.value.weight.T.split(model.config.hidden_size // H, dim=1)
        M = layer.attention.output.dense.weight.T.split(model.config.hidden_size // H, dim=0)
        a = attentions[n - 1]
        h += P[2 * n - 1] * sum(a[k] @ reads_h[n - 1] @ V[k] @ M[k] for k in range(H))
        units = torch.nn.functional.gelu(layer.intermediate.dense(reads_f[n - 1]))
        f += P[2 * n] * (units @ layer.output.dense.weight.T)
        one_factor += P[2 * n - 1] * (units @ layer.output.dense.weight.T)
    parts = materials.dissected(materials.CRANE)
    assert len(P) == 2 * L + 2
    for term, formula in (("h", h), ("f", f)):
        assert (parts[term][0] - formula).norm() < 1e-4 * formula.norm()
    assert (parts["f"][0] - one_factor).norm() > 0.1 * f.norm()


def test_formulas_of_the_derivation_as_they_are_displayed() -> None:
    """Chapter 1, on its little Transformer: a norm of a sum, the value bias, and the constant part."""
    toy = little()
    x, y, p, w = toy["inputs"][0], toy["x0"], toy["norms"][1], toy["weights"][0]
    out, m, s = toy["norm"](x + y, p)
    assert torch.allclose(out, p["g"] / s * x + p["g"] / s * y - m / s * p["g"] + p["b"])
    values = x @ w["V"]
    constant = w["b_V"] @ w["M"] + w["b_M"]
    mixed = toy["mix"](toy["mixtures"](x, w), values) @ w["M"]
    assert torch.allclose(toy["attention"](x, w), mixed + constant)
    assert torch.allclose(toy["mixtures"](x, w).sum(-1), torch.ones(()).double())
    assert torch.allclose(toy["P"](toy["last"] + 1), torch.ones(()).double())


# ---- what c is ----


def test_the_bias_term_is_another_for_each_word_and_nothing_says_otherwise(minilm: Loaded) -> None:
    parts = Decomposer(minilm.model)(**minilm.tokenizer([materials.CRANE], return_tensors="pt"))
    c = parts.c[0, 1:-1]
    assert (c - c.mean(0)).norm(dim=-1).mean() > 0.2 * c.norm(dim=-1).mean()
    pages = [ROOT / "README.md", *(ROOT / "book").glob("*.md"), *(ROOT / "dissect/data/exercises").glob("*")]
    texts = {page.name: page.read_text(encoding="utf-8") for page in pages}
    texts |= {chapter.name: "\n".join(cells(chapter, "markdown")) for chapter in NOTEBOOKS}
    constant = re.compile(
        r"there for every input|the same for (every input|all words)|every (input|vector) alike"
    )
    for name, text in texts.items():
        for sentence in re.split(r"(?<=[.?:])\s", text):
            said = constant.search(sentence)
            assert not said or re.search(r"\bbiases\b|\bnot the same|\bnearly", sentence), (
                f"{name}: {sentence}"
            )
