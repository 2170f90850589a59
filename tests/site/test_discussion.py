"""What a rerun's site says in the place of the published runs' discussion."""

import pytest

from dissect.errors import DissectError
from dissect.places import ROOT
from dissect.report.claims import CLAIMS, verdicts
from dissect.site import discussion
from tests.report.made_up import World
from tests.report.test_claims import QUIET, tables


@pytest.mark.parametrize(("claimed", "title"), [(True, "replicated"), (False, "contradicted")])
def test_opposite_results_make_opposite_pages(tmp_path, claimed, title):
    """No reading of one world stands on the other's page."""
    judged = verdicts(tables(World(0, QUIET), claimed))
    page = discussion.page(judged, tmp_path)
    other = "contradicted" if claimed else "replicated"
    for row in judged.itertuples():
        if row.verdict == title:
            readings = CLAIMS[row.claim].readings
            assert readings[title] in page and readings[other] not in page
    assert discussion.TITLES[title] in page and discussion.TITLES[other] not in page


def test_what_is_open_tells_its_numbers_or_what_it_takes(tmp_path):
    page = discussion.page(verdicts({}), tmp_path)
    assert "this run has no table importance\\_groups" in page and discussion.TITLES["not testable"] in page


def test_an_author_has_the_word_and_no_script(tmp_path):
    (tmp_path / discussion.FILE).write_text(
        "# Mine\n\nSaid *so*.\n\n<script>alert(1)</script>\n\n```{raw} html\n<b onclick='x'>b</b>\n```\n"
        "[x](javascript:alert(1))\n\n{download}`x <../../secret>`\n"
    )
    page = discussion.page(verdicts({}), tmp_path)
    assert "<em>so</em>" in page and discussion.TITLES["not testable"] not in page
    assert "<script" not in page and "<b " not in page and 'href="javascript' not in page
    assert page.count("```") == 2  # nothing that it says ends the block in which it stands


def test_an_authors_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / discussion.FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DissectError, match="UTF-8"):
        discussion.page(verdicts({}), tmp_path)


def test_what_pages_say_of_the_published_runs_is_left_out_of_others():
    """But for the discussion, which is another page then, and the pages on cost, which say whose it is."""
    for file in sorted((ROOT / "book").glob("*.md")):
        text = file.read_text(encoding="utf-8")
        left = discussion.without_published(text)
        begin, end = discussion.OF_PUBLISHED
        assert text.count(begin) == text.count(end) and begin not in left
        if file.name != "discussion.md":
            assert "<<minilm" not in left and "<<mpnet" not in left, file
