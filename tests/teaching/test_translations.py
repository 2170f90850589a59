"""Hand-outs in Japanese: the translations' files are in step with the English, formulas stay as they are."""

import re
import shutil
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from babel.messages.pofile import read_po

from dissect.errors import DissectError
from dissect.places import ROOT
from dissect.runs.chapters import CHAPTERS
from dissect.teaching import messages, slides, translations
from dissect.teaching.handouts import teach, with_exercises
from dissect.teaching.pieces import message, pieces, replaced
from dissect.teaching.translations import FOLDER, Translation, files_of

COMPLETE = ("handouts", "1-derivation", "2-visualisation")
KEPT = re.compile(r"`[^`]+`|\$[^$]+\$|\]\([^)]*\)|\{0\}")  # code, formulas, links, counts of minutes
JAPANESE = re.compile("[぀-ヿ一-鿿]")


@pytest.fixture(scope="module")
def sources():
    return messages.sources()


def catalogue(name: str):
    with (FOLDER / "ja" / "LC_MESSAGES" / f"{name}.po").open("rb") as file:
        return [one for one in read_po(file) if one.id]


@pytest.mark.parametrize("file", files_of("ja"), ids=lambda file: file.stem)
def test_a_file_has_the_pieces_of_its_source_and_no_others(file: Path, sources) -> None:
    assert [one.id for one in catalogue(file.stem)] == sources[file.stem], "run make locale, and translate"


@pytest.mark.parametrize("name", COMPLETE)
def test_every_piece_is_translated_and_none_waits_to_be_looked_at_again(name: str) -> None:
    waiting = [one.id for one in catalogue(name) if not one.string.strip() or one.fuzzy]
    assert not waiting


@pytest.mark.parametrize("file", files_of("ja"), ids=lambda file: file.stem)
def test_formulas_code_and_links_are_the_same_in_both(file: Path) -> None:
    for one in catalogue(file.stem):
        if one.string:
            assert Counter(KEPT.findall(one.string)) == Counter(KEPT.findall(one.id)), one.string
            assert one.string.count("|") == one.id.count("|") or not one.id.startswith("|"), one.string


@pytest.mark.parametrize("file", files_of("ja"), ids=lambda file: file.stem)
def test_translations_are_in_the_written_style_and_in_the_terms_of_the_japanese_page(file: Path) -> None:
    page = (ROOT / "book" / "ja.md").read_text(encoding="utf-8")
    for one in catalogue(file.stem):
        words = KEPT.sub("", one.string)
        assert not re.search("です|ます|でしょう|ください", words), one.string
        assert JAPANESE.search(words) or not re.search("[a-z]{3}", KEPT.sub("", one.id)), one.string
        for english, japanese in TERMS.items():
            assert japanese in page
            if re.search(rf"\b{english}", KEPT.sub("", one.id)):
                assert japanese in one.string, (english, one.string)


TERMS = {
    "importance": "重要度", "embedding": "埋め込み", "word piece": "単語片", "fine-tun": "微調整",
    "feed-forward": "フィードフォワード層", "standard deviation": "標準偏差", "Spearman": "順位相関",
    "pretrained": "事前学習済み", "attention": "注意", "sublayer": "部分層", "probe": "プローブ",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["student", "teacher"])
@pytest.mark.parametrize("chapter", [1, 2])
def test_a_chapter_is_in_japanese_throughout_and_its_code_is_left_alone(chapter: int, kind: str) -> None:
    source = ROOT / "notebooks" / f"{list(CHAPTERS)[chapter - 1]}.ipynb"
    english, japanese = with_exercises(source, chapter, kind), with_exercises(source, chapter, kind)
    translation = Translation("ja")
    translation.notebook(japanese)
    assert not translation.missing
    for before, after in zip(english.cells, japanese.cells, strict=True):
        if before.cell_type == "code":
            assert before.source == after.source
        else:
            assert JAPANESE.search(after.source)
            formulas = re.compile(r"\$\$.*?\$\$", re.DOTALL)
            assert formulas.findall(before.source) == formulas.findall(after.source)


def test_links_lead_to_headings_as_they_are_translated() -> None:
    source = ROOT / "notebooks" / "1-derivation.ipynb"
    notebook = Translation("ja").notebook(with_exercises(source, 1, "student"))
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = {words.replace(" ", "-") for words in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert links and set(links) <= headings


def test_what_is_not_translated_stays_english_and_is_counted() -> None:
    translation = Translation("ja")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("## Summary\n\nNobody has said this.")]
    )
    assert translation.notebook(notebook).cells[0].source == "## 要約\n\nNobody has said this."
    assert translation.missing == {"Nobody has said this."}


@pytest.mark.slow
def test_all_hand_outs_are_written_in_japanese_and_it_is_said_how_much_is_not(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(slides, "write", lambda *of: None)
    teach(tmp_path, language="ja", variants=["A"])
    for place in ("student/A/1-derivation", "teacher/A/2-visualisation", "nbgrader/source/1-derivation-A/*"):
        (file,) = tmp_path.glob(f"{place}.ipynb" if "*" not in place else place)
        cells = [cell for cell in nbformat.read(file, 4).cells if cell.cell_type == "markdown"]
        assert all(JAPANESE.search(cell.source) for cell in cells)
    assert re.search(r"\d+ pieces have no translation to 'ja' yet and stay English", capsys.readouterr().err)


def test_english_is_left_as_it_is() -> None:
    source = ROOT / "notebooks" / "1-derivation.ipynb"
    assert Translation("en").notebook(with_exercises(source, 1, "teacher")) == with_exercises(
        source, 1, "teacher"
    )


def test_a_language_without_files_is_an_error() -> None:
    with pytest.raises(DissectError, match="no hand-outs in 'xx': give one of en, ja"):
        Translation("xx")


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "xx" / "LC_MESSAGES" / "handouts.po"
    file.parent.mkdir(parents=True)
    file.write_text('msgid "a\n', encoding="utf-8")
    monkeypatch.setattr(translations, "FOLDER", tmp_path)
    with pytest.raises(DissectError, match="handouts.po is no file of translations"):
        Translation("xx")


def test_a_refresh_keeps_what_holds_and_marks_what_changed(tmp_path: Path) -> None:
    file = tmp_path / "1-derivation.po"
    shutil.copy(FOLDER / "ja" / "LC_MESSAGES" / file.name, file)
    before = file.read_bytes()
    found = messages.sources()["1-derivation"]
    assert messages.update(file, "ja", found) == 0 and file.read_bytes() == before
    (question,) = (one for one in found if "reads a sentence" in one)
    changed = [found[0], question.replace("reads a sentence", "reads one sentence"), "Quite new, 3 words."]
    assert messages.update(file, "ja", changed) == 2
    with file.open("rb") as opened:
        kept, fuzzy, new = (one for one in read_po(opened) if one.id)
    assert kept.string and not kept.fuzzy and fuzzy.fuzzy and not new.string


def test_a_variant_with_other_numbers_in_its_code_is_translated() -> None:
    words = "`given.toy_layer()` is one post-norm layer with a single attention head"
    whole = next(one.id for one in catalogue("1-derivation") if one.id.startswith(words))
    said = Translation("ja").piece(whole.replace("toy_layer()", "toy_layer(11)"))
    assert said.startswith("`given.toy_layer(11)` は、") and "`help(given.ToyLayer)`" in said


def test_minutes_are_no_part_of_a_piece() -> None:
    assert message("*recall, 5 minutes*") == message("*recall, 7 minutes*")
    assert Translation("ja").piece("*recall, 7 minutes*") == "*基本、7 分*"


def test_links_to_the_repository_are_words_in_a_translation(monkeypatch) -> None:
    address = "https://example.org/book/blob/main"
    monkeypatch.setattr(translations, "repository", lambda: address)
    link = f"[Departures]({address}/book/departures.md)"
    said = Translation("ja").piece(f"Our models and data may differ from the paper's, as {link} lists.")
    assert "Departures" in said and address not in said and JAPANESE.search(said)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# A\n\nb\nc d", ["A", "b c d"]),
        ("1. a\n2. b\n   c\n\nd", ["a", "b c", "d"]),
        ("a\n\n$$\nx\n\ny\n$$\n\nb", ["a", "b"]),
        ("```python\na\n\nb\n```\n\nc", ["c"]),
        ("<details><summary>a</summary>\n\nb\n\n</details>", ["a", "b"]),
        ("> **a**\n>\n> b\n> c\n> - d\n> - e", ["**a**", "b c", "d", "e"]),
        ("| a | b |\n|---|---|\n| c | d |\n\ne", ["| a | b |\n|---|---|\n| c | d |", "e"]),
    ],
)
def test_markdown_falls_into_pieces_and_the_rest_stays_as_it_is(text: str, found: list[str]) -> None:
    assert pieces(text) == found
    marked = replaced(text, lambda piece: f"«{piece}»")
    assert marked.count("«") == len(found)
    whole = re.sub(r"[«»]", "", marked)
    assert whole.split() == text.replace("\n   c", " c").replace("b\n> c", "b c").split()
