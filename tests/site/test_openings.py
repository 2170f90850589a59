"""Chapters open with what the run found: its own numbers, in words that fit them, and the picture of it."""

import base64

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dissect.decomposition import TERMS, subsets
from dissect.places import NOTEBOOKS, ROOT
from dissect.report import claims
from dissect.runs.chapters import CHAPTERS
from dissect.site import chapters, openings, scorecard
from dissect.tables import results

PICTURE = base64.b64encode(chapters.PNG + b"picture").decode()


@pytest.fixture(scope="module")
def published():
    """The tables of a run that is kept with the book."""
    return results.read(ROOT / "book/published/minilm/results")


def test_every_chapter_has_an_opening_a_picture_and_a_way_on():
    assert list(openings.OPENINGS) == list(CHAPTERS)
    for name, (tables, _) in openings.OPENINGS.items():
        assert set(tables) <= set(CHAPTERS[name].tables)
        cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
        (drawn,) = (cell for cell in cells if chapters.OPENING in cell.metadata.get("tags", []))
        assert drawn.metadata.mystnb.figure.name and drawn.metadata.mystnb.image.alt


def test_a_finding_is_read_from_the_tables(published):
    found = openings.finding("2-visualisation", published)
    own = published["importance"].query("model == 'pretrained' and term == 'i' and layer > 0")["mean"]
    assert f"makes up {own.iloc[0]:.2f} of the embedding after the first layer" in found
    assert "in the paper's BERT it is 0.62 and 0.045" in found
    other = published["importance"].assign(mean=lambda of: of["mean"].where(of["term"] != "h", 0.987))
    assert r"The largest term at the end is $\mathbf h$ with 0.99" in openings.finding(
        "2-visualisation", published | {"importance": other}
    )


def test_what_correlates_least_stands_beside_the_next(published):
    """Two that noise may have put in this order are not told as one that moved most."""
    table = published["correlation"].assign(spearman=0.5)
    table.loc[table["term"] == "c", "spearman"] = 0.41
    table.loc[table["term"] == "i", "spearman"] = 0.42
    found = openings.finding("2-visualisation", published | {"correlation": table})
    assert r"$\mathbf c$ correlates least: its mean ρ over layers is 0.41" in found
    assert r"that of $\mathbf i$, is 0.42" in found and "most" not in found


def pairs(low, high):
    columns = ["predictor", "score", "terms_a", "terms_b", "difference", "low", "high", "p"]
    return pd.DataFrame([("classifier", "accuracy", "f", "h", -0.01, -high, -low, 0.5)], columns=columns)


def senses(low, high):
    rows = [("classifier", name, 0, 0.5) for name in subsets()] + [("document's majority", "", 0, 0.25)]
    scores = pd.DataFrame(rows, columns=["predictor", "terms", "seed", "accuracy"])
    ends = scores[scores["predictor"] == "classifier"].assign(score="accuracy", low=0.4, high=0.6)
    return {"senses_documents": scores, "senses_documents_pairs": pairs(low, high),
            "senses_documents_intervals": ends}  # fmt: skip


ZERO = [(-0.02, 0.04, "holds 0"), (0.005, 0.04, "leaves out 0"), (-0.04, -0.01, "leaves out 0")]


@pytest.mark.parametrize(("low", "high", "said"), ZERO)
def test_a_difference_says_whether_its_interval_holds_zero(low, high, said):
    found = openings.finding("4-wsd", senses(low, high))
    assert f"an interval that {said}." in found and "baseline without vectors 25 %" in found


def test_a_run_without_the_tables_opens_without_a_finding_and_one_that_lacks_rows_says_so(published):
    assert openings.finding("4-wsd", {}) == openings.page("4-wsd", {}, claims.verdicts({}).iloc[:0]) == ""
    lacking = senses(0, 1) | {"senses_documents_pairs": pairs(0, 1).iloc[:0]}
    assert openings.finding("4-wsd", lacking) == openings.NOT_TOLD


def test_what_a_run_calls_its_models_is_no_markup(published):
    named = "<b>[x](y)"
    of = published["importance"]
    models = list(dict.fromkeys(of["model"]))
    tables = published | {
        "importance": of.replace({"model": {models[1]: named}}),
        "correlation": published["correlation"].replace({"model_b": {models[1]: named}}),
    }
    assert named not in openings.finding("2-visualisation", tables)


def test_claims_are_told_with_their_verdicts_and_lead_to_the_scorecard():
    verdicts = claims.verdicts({})
    page = openings.page("2-visualisation", {}, verdicts)
    told = verdicts[verdicts["chapter"] == "2-visualisation"]["claim"]
    assert f"– {len(told)} not testable" in page and f"](#{scorecard.SLUG})" in page
    end, board = scorecard.of_chapter("2-visualisation", verdicts), scorecard.page(verdicts, {})
    assert len(told) and all(f"](#claim-{name.lower()})" in end for name in told)
    assert all(f"{{#claim-{name.lower()}}}" in board for name in told)


def drawn_in(outputs):
    figure = {"figure": {"name": "fig-x", "caption": "A picture."}, "image": {"alt": "Lines."}}
    cell = new_code_cell("draw()", outputs=outputs, metadata={"tags": ["opening"], "mystnb": figure})
    return new_notebook(
        cells=[new_markdown_cell("# Title\n\n## Summary\n\nWords."), cell, new_markdown_cell("End")]
    )


def test_the_picture_stands_between_the_title_and_the_summary():
    glued = new_output("display_data", {"application/papermill.record/image/png": PICTURE})
    book = drawn_in([new_output("display_data", {"image/png": PICTURE}), glued])
    chapters.open_with(book, "What was found.")
    title, picture, summary, drawn, pointer, end = book.cells
    assert title.source == "# Title\n\nWhat was found." and summary.source == "## Summary\n\nWords."
    assert picture.outputs[0].data["image/png"] == PICTURE and "remove-input" in picture.metadata.tags
    assert picture.metadata.mystnb.figure.name == "fig-x" and "mystnb" not in drawn.metadata
    assert drawn.source == "draw()" and drawn.outputs == [glued] and "{numref}`fig-x`" in pointer.source
    assert end.source == "End"


def test_without_a_picture_the_chapter_opens_with_words():
    book = drawn_in([new_output("display_data", {"text/markdown": "left out"})])
    chapters.open_with(book, "What was found.")
    assert [cell.cell_type for cell in book.cells] == ["markdown", "markdown", "code", "markdown"]
    assert book.cells[2].metadata.mystnb.figure.name == "fig-x" and book.cells[2].outputs


def test_terms_are_told_as_mathematics():
    assert [openings.bold(term) for term in TERMS] == [rf"$\mathbf {term}$" for term in TERMS]
    assert openings.bold("<i>") == r"\<i\>"
