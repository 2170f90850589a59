"""Measures against numpy, scikit-learn and the published figures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression
from sklearn.metrics import f1_score

from dissect import Decomposer, DissectError, corpora
from dissect.decomposition.parts import TERMS
from dissect.experiments import measures
from dissect.experiments.least_squares import LeastSquares
from dissect.features.gathering import over_text, tokenized
from dissect.report import published
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
    a[0, 0] = 1 + 1e-7 * a[0, 0]  # i where nothing else is: one, and rounding
    table = measures.importance_correlation({"a": a, "b": b})
    assert len(table) == 3 * 4 - 2 and set(table[table["layer"] == 0]["term"]) == {"f", "c"}
    row = table[(table["layer"] == 2) & (table["term"] == "c")].iloc[0]
    assert row["spearman"] == pytest.approx(spearmanr(a[2, 3], b[2, 3]).statistic)
    with pytest.raises(DissectError, match="not comparable"):
        measures.importance_correlation({"a": a, "b": b[..., :9]})


TAGS = st.sampled_from(["O", "B-PER", "I-PER", "", "B"])


@given(
    rows=st.integers(1, 30).flatmap(
        lambda n: st.lists(st.lists(TAGS, min_size=n, max_size=n), min_size=2, max_size=4)
    ),
    average=st.sampled_from(["micro", "macro"]),
)
def test_agreement_is_scikit_learns_f1_to_the_last_digit(rows, average):
    answers = {f"{n}": np.array(row) for n, row in enumerate(rows)}
    found = measures.agreement(answers, average)
    for row in found.itertuples():
        said = answers[row.terms_a], answers[row.terms_b]
        assert row.agreement == f1_score(*said, average=average, zero_division=0)
    assert len(found) == len(rows) * (len(rows) - 1) / 2


def test_micro_agreement_is_the_share_of_equal_answers():
    table = measures.agreement(
        {"i": np.array(list("aabb")), "h": np.array(list("abbb")), "f": np.array(list("aabb"))}, "micro"
    )
    found = {(r.terms_a, r.terms_b): r.agreement for r in table.itertuples()}
    assert found == {("i", "h"): 0.75, ("i", "f"): 1.0, ("h", "f"): 0.75}


@pytest.mark.slow
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
    expected, _ = by_lstsq(torch.from_numpy(x), torch.from_numpy(y))
    assert table["r2"][2] == pytest.approx(expected, abs=1e-4)
    assert table["pieces"][2] == len(x)
    unexplained = (1 - table["r2"]) * (len(x) - 1) / (len(x) - 384 - 1)
    assert np.allclose(table["adjusted_r2"], 1 - unexplained, atol=1e-12)


def shares_by_lstsq(x, y):
    """What is explained of each output, as numpy has it in float64 and from all rows at once; and the
    rank of x. Inputs are divided by their deviations; what float32's rounding alone makes is left out."""
    a, b = (part.double().numpy() - part.double().numpy().mean(0) for part in (x, y))
    a /= np.where(a.any(0), a.std(0), 1)
    solved, _, rank, _ = np.linalg.lstsq(a, b, rcond=1e-5)
    return 1 - ((b - a @ solved) ** 2).sum(0) / (b**2).sum(0), rank


def by_lstsq(x, y):
    """R², the mean over outputs; and the rank of x."""
    shares, rank = shares_by_lstsq(x, y)
    return shares.mean(), rank


@pytest.fixture(scope="module")
def text():
    """Some 3,000 word pieces: several batches, and eight rows for each input."""
    return corpora.text("teaching", 200)


@pytest.mark.slow
def test_r2_of_real_feedforwards_equals_least_squares_to_the_eighth_digit(minilm, text):
    """Inputs after a norm are rank-deficient, which a plain solve does not survive."""
    decomposer = Decomposer(minilm.model)
    found = list(over_text(minilm, text, "test", lambda batch: list(decomposer.feedforwards(**batch))))
    table = measures.feedforward_r2(minilm, text).set_index("layer")
    assert len(table) == 6 and len(found) > 1
    for layer in table.index:
        x, y = (torch.cat([batch[layer - 1][n] for batch in found]) for n in (1, 2))
        expected, rank = by_lstsq(x, y)
        assert rank == x.shape[1] - 1
        assert table["r2"][layer] == pytest.approx(expected, abs=1e-8)


@pytest.mark.slow
def test_the_dependence_of_real_terms_equals_least_squares_to_the_eighth_digit(minilm, text):
    """Two dimensions have a gain of 1e-33 in the last norm; c has few directions beside its rounding."""
    decomposer = Decomposer(minilm.model)

    def real(batch):
        return decomposer(**batch).terms[:, batch["attention_mask"] == 1]

    terms = torch.cat(list(over_text(minilm, text, "test", real)), 1)
    rows = sum(map(len, tokenized(minilm, text)))
    assert terms.shape[1] == rows > 7 * 384
    assert 0 < terms[1].std(0).min() < 1e-30
    table = measures.term_dependence(minilm, text).set_index(["source", "target"])["r2"]
    assert len(table) == 12
    for n, source in enumerate(TERMS):
        others = [m for m in range(4) if m != n]
        shares, _ = shares_by_lstsq(terms[n], torch.cat([terms[m] for m in others], 1))
        for m, r2 in zip(others, shares.reshape(3, -1).mean(1), strict=True):
            expected = 1 - (1 - r2) * (rows - 1) / (rows - 384 - 1)
            assert table[source, TERMS[m]] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("device", DEVICES)
def test_least_squares_where_the_rows_are(device):
    x = torch.randn(900, 6, generator=torch.Generator().manual_seed(0))
    y = torch.tanh(x @ torch.ones(6, 4)) + x[:, :4]
    fit = LeastSquares()
    for rows in range(0, 900, 300):
        fit.add(x[rows : rows + 300].to(device), y[rows : rows + 300].to(device))
    assert fit.xx.device.type == device
    assert fit.r2() == pytest.approx(by_lstsq(x, y)[0], abs=1e-8)


def fitted(x, y, rows=500):
    fit = LeastSquares()
    for some_x, some_y in zip(x.split(rows), y.split(rows), strict=True):
        fit.add(some_x, some_y)
    return fit


def test_inputs_that_nearly_follow_from_one_another():
    """y is what little they differ by."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(6000, 8, generator=rng)
    x[:, 1] = x[:, 0] + 1e-3 * x[:, 1]
    y = x[:, :1] - x[:, 1:2] + 5e-4 * torch.randn(6000, 3, generator=rng)
    expected = LinearRegression().fit(x.double(), y.double()).score(x.double(), y.double())
    assert fitted(x, y).r2() == pytest.approx(expected, abs=1e-8)


def some_rows(dtype=torch.float64, seed=0):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(900, 6, generator=rng, dtype=dtype)
    return x, torch.tanh(x @ torch.randn(6, 4, generator=rng, dtype=dtype)) + x[:, :4] / 8


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from([torch.float32, torch.float64]), st.integers(0, 999))
def test_r2_is_the_same_in_any_unit(data, dtype, seed):
    """Powers of two change no digit, so neither squares nor their sums may under- or overflow."""
    furthest = {torch.float32: 110, torch.float64: 900}[dtype]
    x, y = some_rows(dtype, seed)
    power = st.integers(-furthest, furthest)
    units = [data.draw(st.lists(power, min_size=n, max_size=n)) for n in (6, 4)]
    in_units = [torch.ldexp(z, torch.tensor(unit)) for z, unit in zip((x, y), units, strict=True)]
    found = fitted(*in_units, rows=100).r2()
    assert 0 <= found <= 1
    assert found == pytest.approx(by_lstsq(x, y)[0], abs=1e-10)


@pytest.mark.parametrize("first", [0.0, 1e7])
def test_means_that_move_lose_no_digits(first):
    """The first rows are far from the others."""
    x, y = some_rows()
    x[:100] = first + x[:100] / 1e3
    y[:100] += first
    found = fitted(x + 1e4, y - 1e5, rows=100).r2()
    assert found == pytest.approx(by_lstsq(x, y)[0], abs=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_columns_that_do_not_vary_have_no_say(dtype):
    """Their mean is rounded, and what they miss it by is not a deviation."""
    x, y = some_rows(dtype)
    same = torch.full((900, 2), 0.1, dtype=dtype) * torch.tensor([1, 1e5], dtype=dtype)
    expected = fitted(x, y).r2()
    found = fitted(torch.cat([x, same], 1), torch.cat([same, y], 1), rows=70).r2()
    assert found == pytest.approx(expected, abs=1e-12)
    assert np.isnan(fitted(x, same).r2()) and fitted(same, y).r2() == 0


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", [0, 1])
def test_an_r2_that_is_none_is_an_error(wrong, where):
    rows = some_rows()
    rows[where][700, 2] = wrong
    with pytest.raises(DissectError, match="not between 0 and 1"):
        fitted(*rows).r2()


def test_an_r2_above_one_is_an_error():
    x, y = some_rows()
    fit = fitted(x, y)
    fit.yy /= 4
    with pytest.raises(DissectError, match="not between 0 and 1"):
        fit.r2()


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


def test_an_output_that_varies_by_rounding_alone_has_no_part_in_r2():
    x = torch.randn(300, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = x @ torch.ones(4, 1, dtype=torch.float64)
    last_digit = (torch.arange(300) * 7 % 3 == 0).double()[:, None] * 2**-53
    fit = LeastSquares()
    for some_x, some_y in zip(x.split(70), torch.cat([y, 0.75 + last_digit], 1).split(70), strict=True):
        fit.add(some_x, some_y)
    assert fit.r2() == pytest.approx(1, abs=1e-12)
