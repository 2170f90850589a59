"""The tables of families in the book and the README are those that the rows make."""

from dataclasses import replace

import pytest

from dissect.decomposition.families import FAMILIES, KINDS, known
from dissect.site import families_page


@pytest.mark.parametrize("place", families_page.pages(), ids=lambda place: place.name)
def test_a_page_has_the_table_that_the_rows_make(place):
    text = place.read_text(encoding="utf-8")
    assert len(families_page.TABLE.findall(text)) == 1
    assert text == families_page.filled(text, families_page.pages()[place]), (
        "run `python -m dissect.site.families_page`"
    )


def test_every_family_is_of_one_kind():
    names = [name for some in KINDS.values() for name in some]
    assert sorted(names) == known()


@pytest.mark.parametrize(
    ("family", "norms", "particulars"),
    [
        ("bert", "after each addition", ["without `add_cross_attention`, `chunk_size_feed_forward`"]),
        ("opt", "last, or after each addition", ["an affine map at the end"]),
        ("bloom", "last and after the embeddings", ["queries, keys and values in one projection"]),
        ("gemma2", "last, RMS", ["gains are one plus the weight", "norms on branches"]),
        ("granite", "last, RMS", ["branches times `residual_multiplier`"]),
        ("gpt_oss", "last, RMS", ["attention sinks", "experts with biases"]),
    ],
)
def test_what_is_told_of_a_row(family, norms, particulars):
    row = replace(FAMILIES[family], needs=FAMILIES[family].needs if family == "bert" else ())
    assert families_page.norms(row) == norms
    assert list(families_page.particulars(row)) == particulars
