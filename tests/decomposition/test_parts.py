"""A decomposition's numbers on vectors chosen by hand."""

import math

import pytest
import torch

from dissect import Parts
from dissect.decomposition.parts import members, names_of

TERMS = torch.randn(4, 2, 3, 5, generator=torch.Generator().manual_seed(0)).double()
REAL = torch.tensor([[True, True, False], [True, False, False]])


def parts(terms=TERMS, mask=REAL, embedding=None, **more):
    return Parts(terms.sum(0) if embedding is None else embedding, terms, mask, **more)


def test_the_error_is_that_of_the_worst_token_and_relative():
    embedding = TERMS.sum(0)
    embedding[0, 1] *= 1.01
    embedding[1, 0] *= 2
    assert parts(embedding=embedding).error == pytest.approx(0.5)
    assert parts(1e3 * TERMS, embedding=1e3 * embedding).error == pytest.approx(0.5)


def test_padding_has_no_part_in_the_error():
    embedding = TERMS.sum(0)
    embedding[0, 2] = embedding[1, 1] = 99
    assert parts(embedding=embedding).error < 1e-12


def test_an_error_that_is_no_number_is_told():
    embedding = TERMS.sum(0)
    embedding[1, 0, 0] = math.nan
    assert math.isnan(parts(embedding=embedding).error)


def test_a_fifth_term_counts_as_the_others_do():
    terms = torch.cat([TERMS, TERMS[:1]])
    found = parts(terms, names=names_of({"h", "s", "f"}))
    assert found.error < 1e-12 and torch.equal(found.s, TERMS[0])
    assert parts(terms, embedding=TERMS.sum(0), names=found.names).error > 0.1
    assert members("i+s", found.names) == [0, 4]
    assert names_of({"h", "f"}) == ("i", "h", "f", "c")


def test_importance_is_the_share_of_the_length_along_the_embedding():
    found = parts()
    shares = found.importance()
    for n in range(4):
        for place in ((0, 0), (1, 2)):
            e = TERMS.sum(0)[place]
            assert shares[n][place].item() == pytest.approx((e @ TERMS[n][place] / (e @ e)).item())
    assert torch.allclose(shares.sum(0), torch.ones(2, 3).double())


@pytest.mark.parametrize("power", [-500, 480])
def test_squares_that_under_or_overflow_have_no_say(power):
    """The same in float64 and, of half the powers, in float32: no digit of a power of two is lost."""
    embedding = TERMS.sum(0)
    embedding[0, 1] *= 1.01
    for dtype, unit in ((torch.float64, 2.0**power), (torch.float32, 2.0 ** (power // 5))):
        terms, e = TERMS.to(dtype), embedding.to(dtype)
        plain, far = parts(terms, embedding=e), parts(terms * unit, embedding=e * unit)
        assert far.error == pytest.approx(plain.error, rel=1e-6) and far.error > 1e-3
        assert torch.equal(far.importance(), plain.importance())


def test_an_embedding_of_zeros_is_the_sum_of_zeros():
    none = torch.zeros_like(TERMS)
    assert parts(none).error == 0
    assert parts(none, embedding=TERMS[0]).error == 1
    assert parts(TERMS, embedding=none[0]).error == math.inf
