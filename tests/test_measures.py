"""Measures against numpy, scikit-learn and the published figures."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression

from dissect import Decomposer, DissectError, corpora, least_squares, measures, published
from dissect.least_squares import LeastSquares
from dissect.parts import TERMS
from tests.conftest import DEVICES, tiny

TEXT = [
    "The crane stood in the shallow river.",
    "Nobody saw the second crane lift the beam.",
    "It was cold, and the light was fading fast!",
] * 3


@pytest.mark.parametrize("deficient", [False, True])
def test_least_squares_in_one_pass_equals_scikit_learn(deficient):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 12)) @ rng.normal(size=(12, 12)) + 50
    if deficient:  # as after a layer norm: the columns add up to a constant
        x -= x.mean(1, keepdims=True)
    y = np.tanh(x @ rng.normal(size=(12, 5)) / 9) + rng.normal(size=(900, 5)) * 0.1
    fit = LeastSquares()
    for part in np.array_split(np.arange(900), 7):
        fit.add(torch.from_numpy(x[part]), torch.from_numpy(y[part]))
    expected = LinearRegression().fit(x, y).score(x, y)
    assert fit.r2() == pytest.approx(expected, abs=1e-8)


def test_too_few_rows_are_refused():
    fit = LeastSquares()
    fit.add(torch.randn(5, 8), torch.randn(5, 2))
    with pytest.raises(DissectError, match="more sentences"):
        fit.r2()


def test_adjusted_r2_of_unrelated_data_is_near_zero():
    rng = torch.Generator().manual_seed(0)
    fit = LeastSquares()
    fit.add(torch.randn(400, 100, generator=rng), torch.randn(400, 50, generator=rng))
    assert fit.r2() > 0.2
    assert abs(measures.adjusted(fit.r2(), 400, 100)) < 0.02


def test_importance_is_the_share_along_the_embedding(minilm):
    values = measures.importance(minilm, TEXT[:1])
    inputs = minilm.tokenizer(TEXT[0], return_tensors="pt")
    hidden = minilm.model(**inputs, output_hidden_states=True).hidden_states
    from dissect import Decomposer

    states = Decomposer(minilm.model).layers(**inputs)
    for layer, e in enumerate(hidden):
        e = e[0, 1:-1].detach().double().numpy()
        for n, term in enumerate(TERMS):
            x = states[layer][term][0, 1:-1].double().numpy()
            expected = (e * x).sum(-1) / (e * e).sum(-1)
            assert values[layer, n] == pytest.approx(expected, abs=1e-5)
    table = measures.importance_table({"m": values})
    row = table[(table["layer"] == 3) & (table["term"] == "f")].iloc[0]
    assert row["mean"] == pytest.approx(values[3, 2].mean(), abs=1e-6)
    assert row["std"] == pytest.approx(values[3, 2].std(), abs=1e-6)


def test_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4, 50))
    a[0, 1] = b[0, 1] = 0  # h at the embedding layer
    table = measures.importance_correlation({"a": a, "b": b})
    assert len(table) == 3 * 4 - 1
    row = table[(table["layer"] == 2) & (table["term"] == "c")].iloc[0]
    assert row["spearman"] == pytest.approx(spearmanr(a[2, 3], b[2, 3]).statistic)
    with pytest.raises(DissectError, match="not comparable"):
        measures.importance_correlation({"a": a, "b": b[..., :9]})


def test_micro_agreement_is_the_share_of_equal_answers():
    table = measures.agreement(
        {"i": np.array(list("aabb")), "h": np.array(list("abbb")), "f": np.array(list("aabb"))}, "micro"
    )
    found = {(r.terms_a, r.terms_b): r.agreement for r in table.itertuples()}
    assert found == {("i", "h"): 0.75, ("i", "f"): 1.0, ("h", "f"): 0.75}


def test_feedforward_r2_equals_a_fit_on_all_rows(minilm):
    text = [f"{a} {b}" for a in TEXT for b in TEXT] * 2
    text = [f"{n} {sentence}" for n, sentence in enumerate(text)]
    table = measures.feedforward_r2(minilm, text)
    layer = minilm.model.encoder.layer[2]
    xs, ys = [], []
    handles = [
        layer.intermediate.dense.register_forward_pre_hook(lambda m, a: xs.append(a[0][0])),
        layer.output.dense.register_forward_hook(lambda m, a, out: ys.append(out[0])),
    ]
    with torch.no_grad():
        for sentence in text:
            minilm.model(**minilm.tokenizer(sentence, return_tensors="pt"))
    for handle in handles:
        handle.remove()
    x, y = torch.cat(xs).double().numpy(), torch.cat(ys).double().numpy()
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    u = u[:, s > 1e-4 * s[0]]
    centred = y - y.mean(0)
    expected = (((u.T @ centred) ** 2).sum(0) / (centred**2).sum(0)).mean()
    assert table["r2"][2] == pytest.approx(expected, abs=1e-4)
    assert table["pieces"][2] == len(x)


def by_lstsq(x, y):
    """R² as numpy has it, in float64 and from all rows at once; and the rank of x."""
    a, b = (part.double().numpy() - part.double().numpy().mean(0) for part in (x, y))
    solved, _, rank, _ = np.linalg.lstsq(a, b, rcond=1e-6)
    return (1 - ((b - a @ solved) ** 2).sum(0) / (b**2).sum(0)).mean(), rank


def test_r2_of_real_feedforwards_equals_least_squares_to_the_eighth_digit(minilm):
    """Inputs after a norm are rank-deficient, which a plain solve does not survive."""
    decomposer, text = Decomposer(minilm.model), sorted(corpora.text("teaching", 600), key=len)
    fits: dict[int, LeastSquares] = {}
    found = []
    for some in range(0, len(text), 100):
        batch = minilm.tokenizer(text[some : some + 100], padding=True, return_tensors="pt")
        found.append(list(decomposer.feedforwards(**batch)))
        measures.fit_feedforwards(fits, found[-1])
    assert len(fits) == 6
    for layer, fit in fits.items():
        x, y = (torch.cat([batch[layer - 1][n] for batch in found]) for n in (1, 2))
        expected, rank = by_lstsq(x, y)
        assert rank == x.shape[1] - 1
        assert fit.single  # most rows were multiplied with y in float32
        assert fit.r2() == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("device", DEVICES)
def test_least_squares_where_the_rows_are(device):
    x = torch.randn(900, 6, generator=torch.Generator().manual_seed(0))
    y = torch.tanh(x @ torch.ones(6, 4)) + x[:, :4]
    fit = LeastSquares()
    for rows in range(0, 900, 300):
        fit.add(x[rows : rows + 300].to(device), y[rows : rows + 300].to(device))
    assert fit.xx.device.type == device
    assert fit.r2() == pytest.approx(by_lstsq(x, y)[0], abs=1e-8)


def test_float32_is_tried_again_where_the_first_rows_say_nothing():
    """Long sentences come first, and there may be few: ten rows over and over have no rank."""
    rng = torch.Generator().manual_seed(0)
    x = torch.cat([torch.randn(10, 40, generator=rng).repeat(20, 1), torch.randn(9000, 40, generator=rng)])
    y = torch.tanh(x @ torch.randn(40, 200, generator=rng))
    fit, formats = LeastSquares(), []
    for rows in range(0, len(x), 200):
        fit.add(x[rows : rows + 200], y[rows : rows + 200])
        formats.append(fit.single)
    assert not formats[0] and formats[-1]
    assert fit.r2() == pytest.approx(by_lstsq(x, y)[0], abs=1e-8)


def test_where_rounding_would_show_all_products_are_made_in_float64(monkeypatch):
    """Inputs that nearly follow from one another, of which y is what little they differ by."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(6000, 8, generator=rng)
    x[:, 1] = x[:, 0] + 1e-3 * x[:, 1]
    y = x[:, :1] - x[:, 1:2] + 5e-4 * torch.randn(6000, 3, generator=rng)

    def fitted():
        fit = LeastSquares()
        for rows in range(0, 6000, 500):
            fit.add(x[rows : rows + 500], y[rows : rows + 500])
        return fit

    expected = LinearRegression().fit(x.double(), y.double()).score(x.double(), y.double())
    fit = fitted()
    assert not fit.single
    assert fit.r2() == pytest.approx(expected, abs=1e-8)
    monkeypatch.setattr(least_squares, "ALLOWED", float("inf"))
    fit = fitted()
    assert fit.single
    assert abs(fit.r2() - expected) > 1e-8


@pytest.mark.parametrize("family", ["modernbert", "llama", "gemma2"])
def test_r2_in_one_pass_equals_least_squares_on_random_models(family):
    decomposer = Decomposer(tiny(family, dtype=torch.float32))
    fits: dict[int, LeastSquares] = {}
    batches = []
    for seed in range(8):
        ids = torch.randint(3, 64, (20, 20), generator=torch.Generator().manual_seed(seed))
        batches.append(list(decomposer.feedforwards(input_ids=ids)))
        measures.fit_feedforwards(fits, batches[-1])
    for layer, fit in fits.items():
        x, y = (torch.cat([batch[layer - 1][n] for batch in batches]) for n in (1, 2))
        assert fit.r2() == pytest.approx(by_lstsq(x, y)[0], abs=1e-8)


def test_published_figures_are_whole():
    table = published.importance()
    sums = table.groupby(["model", "layer"])["mean"].sum()
    assert len(sums) == 3 * 13
    assert np.allclose(sums, 1, atol=1e-4)
    assert len(published.feedforward_r2()) == 12
    assert published.senses_accuracy().groupby("terms").size().eq(5).all()
    for table, kinds in [
        (published.senses_agreement(), {"knn", "classifier"}),
        (published.entities_agreement(), {"base", "finetuned"}),
    ]:
        assert set(table["predictor"]) == kinds and len(table) == 210
        assert table["agreement"].between(0, 1).all()
