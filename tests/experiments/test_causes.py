"""What the sum does not say: causes, what a head reads, cosines, the order of layers."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from dissect import corpora
from dissect.decomposition import Decomposer
from dissect.experiments import ablation, controls, cosines, head_reads, layer_order, reading
from dissect.experiments.interventions import changed, instead, mean_additions
from dissect.experiments.masked_words import MaskedTargets
from dissect.experiments.reading import WHOLE
from dissect.features import Features, tokenized
from dissect.tables.schema import conform

SENTENCES = [
    "A crane lifted the steel beam.", "She sat on the river bank, and wrote to her bank.", "Rain fell.",
    "The old crane stood in shallow water and waited for a small frog.", "The frog sat still.",
]  # fmt: skip


@pytest.fixture(scope="module")
def masked(minilm):
    sentences = corpora.text("teaching", 60)
    task = controls.masked_task(minilm, sentences, 2)
    return task, reading.masked_text(minilm, sentences, 2, task)


@pytest.fixture(scope="module")
def senses(minilm):
    corpus = corpora.senses("teaching", 80)
    task = controls.senses_task(minilm, corpus)
    return task, reading.sense_text(minilm, corpus, task)


# ---- embeddings of targets, and reading altered ones ----


def test_embeddings_are_the_sums_of_terms_masked_or_of_several_pieces(minilm, masked, senses):
    for task, text in (masked, senses):
        found = reading.vectors_at(minilm, text, Decomposer(minilm.model).embedding)
        assert torch.allclose(found, task.items.features.subset("i+h+f+c"), atol=1e-4)
        some = reading.vectors_at(minilm, text.of([7, 3]), Decomposer(minilm.model).embedding)
        assert torch.allclose(some, found[[7, 3]], atol=1e-4)


def test_what_is_not_altered_is_read_as_ever_and_noise_is_not(senses, masked):
    for task, _ in (senses, masked):
        x = task.items.features.subset("i+h+f+c")[task.split.test]
        noise = torch.randn_like(x)
        found = reading.read(task, {"same": x, "noise": noise, "again": x}, 1)
        mean = found.groupby(["predictor", "score", "altered"])["value"].mean().unstack()
        ever = controls.scored(task, ["i+h+f+c"], 1).groupby(["predictor", "score"])["value"].mean()
        assert mean["same"].to_numpy() == pytest.approx(ever.to_numpy())
        assert mean["again"].to_numpy() == pytest.approx(ever.to_numpy())
        if task is senses[0]:  # of so few masked words a head learns no more than their frequency
            assert (mean["noise"] != mean["same"]).all()


# ---- causes ----


def test_contents_add_up_to_the_terms_and_their_means_are_over_all_tokens(minilm, senses):
    task, text = senses
    written, mean = ablation.contents(minilm, text)
    for term in "hf":
        total = sum(x for (name, _), x in written.items() if name == term)
        assert torch.allclose(total, task.items.features.subset(term), atol=1e-4)
    parts = [Decomposer(minilm.model)(by="layer", input_ids=torch.tensor([row])) for row in text.ids]
    by_hand = torch.cat([of.split["h"][2, 0] for of in parts]).mean(0)
    several = [len(positions) for _, positions in text.targets]
    assert max(several) > 1
    for n in (several.index(1), several.index(max(several))):
        assert torch.allclose(mean["h", 3][n], several[n] * by_hand, atol=1e-5)


def test_causes_are_those_of_the_model_with_the_mean_put_there(minilm, senses):
    task, text = senses
    some = text.of(range(5))
    found = ablation.ablated(minilm, some)
    decomposer = Decomposer(minilm.model)
    means = mean_additions(decomposer, reading.in_batches(minilm, some))
    for name, replaced in ((("f", 2), [("f", 2)]), (("h", 0), [("h", n) for n in range(1, 7)])):
        with changed(decomposer, {one: instead(means[one]) for one in replaced}):
            by_hand = [
                decomposer.embedding(input_ids=torch.tensor([some.ids[s]]))[0, positions].sum(0)
                for s, positions in some.targets
            ]
        assert torch.allclose(found["cause"][name], torch.stack(by_hand), atol=1e-4)
    # nothing comes after the last sublayer but its norm, which makes the same of it up to its scale
    last = torch.cosine_similarity(found["cause"]["f", 6], found["content"]["f", 6], dim=-1)
    early = torch.cosine_similarity(found["cause"]["f", 1], found["content"]["f", 1], dim=-1)
    assert last.min() > 0.9 and early.mean() < last.mean()


def test_a_loss_is_what_is_missing_whatever_the_score_counts():
    told = [("accuracy", "", 0.8), ("accuracy", "0", 0.5), ("cross_entropy", "", 2.0)]
    rows = [
        ("senses", "knn", score, altered, 0, group, value + group / 10)
        for group in (0, 1)
        for score, altered, value in [*told, ("cross_entropy", "0", 2.5)]
    ]
    columns = ["experiment", "predictor", "score", "altered", "seed", "group", "value"]
    found = ablation.lost(pd.DataFrame(rows, columns=columns), [("cause", "h", 3)])
    cause = found[found["effect"] == "cause"]
    assert cause.groupby("score")["value"].mean().to_dict() == pytest.approx(
        {"accuracy": 0.3, "cross_entropy": 0.5}
    )
    assert set(cause["term"]) == {"h"} and set(cause["layer"]) == {3}
    whole = found[found["effect"] == "intact"].groupby("score")["value"].mean()
    assert whole.to_dict() == pytest.approx({"accuracy": 0.85, "cross_entropy": 2.05})


@pytest.mark.slow
def test_causes_have_every_sublayer_and_their_tables(minilm, senses):
    task, text = senses
    knn = replace(task, predictors=lambda items: {"knn": controls.of_senses(items)["knn"]})
    measured = ablation.causes(minilm, [(knn, text)], [0])
    conform("causes_groups", measured.groups)
    conform("causes", measured.table())
    kinds = {
        (effect, term, layer)
        for effect, term, layer in measured.groups[["effect", "term", "layer"]].itertuples(index=False)
    }
    asked = set(itertools.product(("cause", "content"), "hf", range(7))) | {("intact", "", 0)}
    assert kinds == asked


# ---- what a head reads ----


def toy_targets(x, c, labels):
    """Masked targets whose embedding is f + c."""
    nothing = torch.zeros_like(x)
    features = Features([torch.stack([nothing, nothing, x, c])], torch.arange(len(x)), 0)
    return MaskedTargets(features, labels, list(range(len(x))))


def test_what_is_taken_away_is_taken_away():
    torch.manual_seed(0)
    x = torch.randn(200, 6) * torch.tensor([1, 2, 3, 4, 5, 60.0])
    targets = toy_targets(x, torch.ones_like(x), torch.zeros(200, dtype=torch.long))
    task = controls.Task("masked words", None, None, targets, targets.split(0))
    found = head_reads.alterations(task)
    e = (x + 1)[task.split.test]
    assert torch.equal(found["nothing"], e) and torch.allclose(found["c"], x[task.split.test])
    assert found["length"].norm(dim=-1).std() < 1e-3
    assert torch.allclose(torch.cosine_similarity(found["length"], e), torch.ones(len(e)))
    seen = (x + 1)[task.split.train]
    rms = seen.square().mean(0).sqrt()
    assert torch.allclose(found["scale"] * rms / rms.mean(), e, rtol=1e-4)
    x[:, 0], dead = 0, torch.full_like(x, 0.0)
    dead[:, 0] = 1e-9 * torch.randn(200)
    targets = toy_targets(x, dead, torch.zeros(200, dtype=torch.long))
    still = head_reads.alterations(replace(task, items=targets))["scale"]
    assert still[:, 0].abs().max() < 1e-8 and still[:, 1:].abs().max() > 1  # rounding is not blown up
    assert seen.norm(dim=-1).mean() == pytest.approx(found["length"].norm(dim=-1).mean().item(), rel=1e-5)


def test_words_of_a_change_are_counted_in_closed_cases():
    weights = torch.tensor([[1.0, 1, 1, 1, 0, 0], [0, 5, 0, 0, 0, 0], [3, 3, 3, 3, 3, 3]])
    assert head_reads.perplexity(weights).tolist() == pytest.approx([4, 1, 6])


def test_the_divergence_is_that_of_torch_and_nothing_moves_nothing():
    torch.manual_seed(0)
    head = nn.Linear(4, 9)
    e, less = torch.randn(7, 4), torch.randn(7, 4)
    divergence, _ = head_reads.moved(head, e, less)
    p, q = torch.distributions.Categorical(logits=head(e)), torch.distributions.Categorical(logits=head(less))
    assert torch.allclose(divergence, torch.distributions.kl_divergence(p, q), atol=1e-5)
    assert head_reads.moved(head, e, e)[0].abs().max() < 1e-6


def test_a_head_learned_to_be_read_with_is_the_learned_head(masked):
    task, _ = masked
    x = task.items.features.subset("i+h+f+c")[task.split.test]
    head = head_reads.learned_head(task, 2)
    types = torch.unique(task.items.labels[task.split.train])
    predicted = types[head(x).argmax(-1)]
    said = task.predictors(task.items)["learned"](task.items, [WHOLE], task.split, seed=2)[WHOLE]["predicted"]
    assert (predicted == said).double().mean() > 0.97


def test_a_head_that_has_learned_is_read_with_as_it_learned():
    """Where each label has a direction of its own, beside a dimension that is large for all."""
    torch.manual_seed(0)
    labels = torch.randint(0, 8, (2000,))
    x = torch.cat([torch.eye(8)[labels] + 0.1 * torch.randn(2000, 8), 50 + torch.randn(2000, 1)], 1)
    targets = toy_targets(x, torch.zeros_like(x), labels)
    task = controls.Task("masked words", None, controls.of_masked_words, targets, targets.split(0))
    test = task.split.test
    head = head_reads.learned_head(task, 0)
    predicted = head(x[test]).argmax(-1)  # types are numbered as labels are
    said = task.predictors(targets)["learned"](targets, [WHOLE], task.split, seed=0)[WHOLE]["predicted"]
    assert (predicted == labels[test]).double().mean() > 0.95
    assert (predicted == said).double().mean() > 0.99
    noise = head(torch.randn(len(test), 9)).argmax(-1)
    assert (noise == labels[test]).double().mean() < 0.5


@pytest.mark.slow
def test_tables_of_heads_are_whole_with_a_head_and_without(minilm, masked):
    task, text = masked
    own = nn.Linear(384, len(minilm.tokenizer))
    for head, kinds in ((None, {"learned"}), (own, {"learned", "pretrained"})):
        found = head_reads.rescaled(task, [0], head)
        assert set(found.groups["predictor"]) == kinds
        conform("rescaled_groups", found.groups)
        assert set(found.table()["altered"]) == {"nothing", "c", "length", "scale"}
        moves = head_reads.updates(minilm, task, text, [0], head)
        conform("updates_groups", moves.groups)
        table = conform("updates", moves.table())
        assert set(table["predictor"]) == kinds
        assert (table["mean"][table["quantity"] == "divergence"] >= 0).all()
        assert len(table) == len(kinds) * (1 + 2 * 2 * 7)


# ---- layers ----


@pytest.mark.slow
def test_layers_that_change_places_have_their_tables(minilm, masked):
    task, text = masked
    found = layer_order.layer_order(minilm, task, text, [0], nn.Linear(384, len(minilm.tokenizer)))
    conform("layer_order_groups", found.groups)
    table = conform("layer_order", found.table())
    away = table[table["score"] == "cosine_distance"].set_index(["change", "first", "second"])["mean"]
    assert away["none", 0, 0] == pytest.approx(0, abs=1e-6) and (away.drop(("none", 0, 0)) > 1e-4).all()
    assert set(table["predictor"]) == {"learned", "pretrained", "embedding"}
    swapped = {(first, second) for change, first, second in away.index if change == "swap"}
    assert swapped == {(n, n + apart) for apart in (1, 3, 5) for n in range(1, 7 - apart)}


@torch.no_grad()
def test_what_is_added_twice_is_doubled(minilm):
    decomposer = Decomposer(minilm.model)
    given = {"input_ids": torch.tensor([tokenized(minilm, SENTENCES)[0]])}
    before = {(term, n): x for term, n, x in decomposer.additions(**given)}
    with layer_order.made(decomposer, ("f twice", 2, 2)):
        after = {(term, n): x for term, n, x in decomposer.additions(**given)}
    assert torch.allclose(after["h", 2], before["h", 2]) and not torch.allclose(after["h", 3], before["h", 3])
    assert torch.allclose(after["f", 2], 2 * before["f", 2], atol=1e-5)


# ---- cosines ----


def test_the_mean_cosine_is_that_of_all_pairs(minilm):
    found = cosines.anisotropy(minilm, SENTENCES, ["i+h+f+c", "i+h+f"])
    vectors: dict = {}
    for sentence in SENTENCES:
        encoded = minilm.tokenizer(sentence, return_tensors="pt")
        for layer, parts in enumerate(Decomposer(minilm.model).each_layer(**encoded)):
            for name in ("i+h+f+c", "i+h+f"):
                vectors.setdefault((layer, name), []).append(parts[name][0, 1:-1])
    table = found.table().set_index(["layer", "terms"])["mean"]
    for key, of in vectors.items():
        x = torch.nn.functional.normalize(torch.cat(of).double(), dim=-1)
        cosine = (x @ x.T).numpy()
        pairs = cosine[~np.eye(len(cosine), dtype=bool)]
        assert table[key] == pytest.approx(pairs.mean(), abs=1e-5)
    conform("anisotropy_groups", found.groups)
    # without one group: the same, of the other sentences
    groups = found.groups["group"].nunique()
    assert groups == len(SENTENCES)


def test_opposite_vectors_and_equal_ones_are_the_ends_of_the_scale():
    one = torch.tensor([1.0, 0])
    assert cosines.mean_cosine(5 * one, torch.tensor(5.0)) == 1
    assert cosines.mean_cosine(0 * one, torch.tensor(2.0)) == -1


def test_the_nearest_piece_is_found_as_by_a_search_through_all(minilm):
    found = cosines.word_types(minilm, SENTENCES)
    vectors, ids, where = [], [], []
    for n, sentence in enumerate(SENTENCES):
        encoded = minilm.tokenizer(sentence, return_tensors="pt")
        layers = [parts["h+f+c"][0, 1:-1] for parts in Decomposer(minilm.model).each_layer(**encoded)]
        vectors.append(torch.stack(layers))
        ids += encoded["input_ids"][0, 1:-1].tolist()
        where += [n] * layers[0].shape[0]
    table = found.table().set_index(["layer", "terms"])["mean"]
    x = torch.cat(vectors, 1)
    for layer in (1, 6):
        hits, chances = [], []
        for a in range(len(ids)):
            others = [b for b in range(len(ids)) if where[b] != where[a]]
            alike = [b for b in others if ids[b] == ids[a]]
            if alike:
                cosine = torch.cosine_similarity(x[layer, a], x[layer, others], dim=-1)
                hits.append(ids[others[int(cosine.argmax())]] == ids[a])
                chances.append(len(alike) / len(others))
        assert table[layer, "h+f+c"] == pytest.approx(np.mean(hits))
        assert table[layer, ""] == pytest.approx(np.mean(chances))
    conform("word_types_groups", found.groups)
    assert table[0, "i+h+f+c"] > 0.9  # before any layer a word's vector is little but its type's


def test_no_more_pieces_are_compared_than_asked_for(minilm):
    some = cosines.first(minilm, SENTENCES, 22)
    lengths = [len(minilm.tokenizer(s, add_special_tokens=False)["input_ids"]) for s in SENTENCES]
    assert sum(lengths[: len(some)]) <= 22 < sum(lengths[: len(some) + 1])
