"""Chapters open with a summary and end with evidence, and the site has what they name."""

import re
import shutil
from html import unescape
from pathlib import Path

import nbformat
import pytest

from dissect.places import ROOT
from dissect.site import downloads

CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_its_summary_and_its_evidence(chapter: Path) -> None:
    cells = nbformat.read(chapter, as_version=4).cells
    opening, end = cells[0].source, cells[-1].source
    assert re.search(
        r"\n## Summary\n\n\*\*Question\.\*\*.+\*\*Method\.\*\*.+\*\*What to look for", opening, re.S
    )
    assert end.startswith(downloads.HEADING)
    named = downloads.NAMED.findall(end)
    assert any(name.endswith(".parquet") for name in named)
    assert all((ROOT / name).is_file() for name in named if name.endswith(".py"))


def test_the_site_gives_out_the_tables_that_chapters_name(site: Path, small_run: Path) -> None:
    missing = set()
    for chapter in CHAPTERS:
        page = (site / "notebooks" / f"{chapter.stem}.html").read_text(encoding="utf-8")
        section = page.partition('id="evidence"')[2]
        offered = {Path(unescape(a)).name: site / "notebooks" / a
                   for a in re.findall(r'href="([^"]+\.parquet)"', section)}  # fmt: skip
        for name in downloads.NAMED.findall(nbformat.read(chapter, as_version=4).cells[-1].source):
            table = small_run / "results" / name
            if table.is_file():
                assert offered[name].resolve().read_bytes() == table.read_bytes()
            elif name.endswith(".parquet"):
                missing.add(name)
                assert name not in offered
    # the first needs a model that predicts the next word, the second is asked for
    assert missing <= {"finer_logits.parquet", "masked_words_vocabulary.parquet"}


def test_the_code_that_chapters_name_is_there(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    downloads.link(tmp_path / "book", tmp_path / "results", ROOT / "dissect")
    for chapter in (tmp_path / "notebooks").glob("*.ipynb"):
        said = nbformat.read(chapter, as_version=4).cells[-1].source
        assert ".py <../book/_run/dissect/" in said and ".py` (not in this run)" not in said


def test_a_table_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "senses.parquet").touch()
    text = downloads.linked("`senses.parquet` and `entities.parquet`, `senses`", tmp_path)
    assert text == (
        "{download}`senses.parquet <../book/_run/results/senses.parquet>` and "
        "`entities.parquet` (not in this run), `senses`"
    )
