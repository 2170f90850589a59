"""The Japanese page keeps up with the English ones: claims, chapters, verdicts, numbers, words."""

import re

import pandas as pd
import pytest

from dissect.places import PUBLISHED, ROOT
from dissect.report import claims
from dissect.runs import manifest
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import Manifest
from dissect.site import across, japanese
from dissect.site.scorecard import anchor
from dissect.tables import results
from tests.report.made_up import World
from tests.report.test_claims import QUIET, tables
from tests.site.test_book import extension

PAGE = (ROOT / "book" / "ja.md").read_text(encoding="utf-8")
BODY, GLOSSARY = PAGE.split("\n## 用語集\n")
TRANSLATED = japanese.WORDS["claims"]


@pytest.fixture
def told() -> Manifest:
    return manifest.required(PUBLISHED / "minilm")


def on(told: Manifest, model: str) -> Manifest:
    """The same run on another model."""
    return told.model_copy(update={"settings": told.settings.model_copy(update={"model": model})})


# ---- what is translated ----


def test_every_claim_has_its_words_and_its_readings() -> None:
    assert list(TRANSLATED) == [one.name for one in claims.in_order()]
    for one in claims.in_order():
        assert set(TRANSLATED[one.name]) == {"claim", *one.readings}, one.name
    assert tuple(japanese.VERDICTS) == claims.VERDICTS
    assert set(japanese.WORDS["open"]) == set(claims.OPEN)


def test_no_two_verdicts_have_one_word() -> None:
    assert len(set(japanese.VERDICTS.values())) == len(claims.VERDICTS)
    for verdict in japanese.VERDICTS.values():
        assert f"「{verdict}」は" in BODY and verdict in GLOSSARY  # each is explained


@pytest.mark.parametrize("words", TRANSLATED.values(), ids=TRANSLATED)
def test_no_claim_reads_alike_whichever_way_it_comes_out(words: dict[str, str]) -> None:
    assert len(set(words.values())) == len(words)


# ---- the page ----


def test_the_page_goes_through_the_chapters_in_their_order() -> None:
    headings = re.findall(r"^### 第(\d)章　\[.+\]\(\.\./notebooks/(.+)\.ipynb\)$", BODY, re.MULTILINE)
    assert headings == [(str(number), name) for number, name in enumerate(CHAPTERS, 1)]
    for chapter in re.split(r"^### ", BODY, flags=re.MULTILINE)[1:]:
        assert chapter.count("\n問い\n: ") == chapter.count("\n方法\n: ") == 1


def test_the_page_includes_all_that_a_run_tells_it(told) -> None:
    parts = japanese.parts(told, claims.verdicts({}), {})
    assert re.findall(r"\{include\} _run/([\w-]+)\.md", PAGE) == list(parts)
    assert set(japanese.without_run()) == set(parts)


def test_without_a_run_the_page_says_so_once_and_in_japanese() -> None:
    filling = extension("filling")
    filled = filling.parts_filled(PAGE)
    assert filled.count(japanese.WITHOUT_RUN.strip()) == 1 and filling.OF_A_RUN not in filled


def test_the_page_says_what_it_asks_of_every_page_of_a_scholar() -> None:
    for part in ("問題", "分解", "判定の決め方", "限界", "引用の方法"):
        assert f"\n## {part}\n" in BODY
    assert "\\mathbf e_t = \\mathbf i_t + \\mathbf h_t + \\mathbf f_t + \\mathbf c_t" in BODY
    assert "(cite.md)" in BODY and "(related.md)" in BODY


def test_the_picture_is_the_english_one_with_other_words() -> None:
    images = ROOT / "book" / "images"
    english, here = ((images / name).read_text(encoding="utf-8") for name in ("sum.svg", "sum.ja.svg"))
    assert "images/sum.ja.svg" in BODY
    drawn = re.compile(r"<(?:path|circle)[^>]*>")
    assert drawn.findall(english) == drawn.findall(here)
    assert not re.findall(r">[a-z-]+ [a-z ]+<", here)


# ---- one style, one word for a thing ----

ALL = {"ja.md": PAGE, **{name: " ".join(words.values()) for name, words in TRANSLATED.items()}}
# What another page might call it, and what it is called here.
OTHERWISE = {
    "アテンション": "注意機構", "分類器": "プローブ", "識別器": "プローブ", "k近傍": "最近傍法",
    "サブセット": "部分集合", "ファインチューン": "微調整", "レイヤー": "層", "正答率": "正解率",
    "精度は": "正解率は", "エンベディング": "埋め込み", "マスク単語": "隠された単語", "追実験": "追試",
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_one_style_and_one_word_for_a_thing(name: str) -> None:
    assert not re.findall(r"(?:です|ます|ません|でしょう|ください)(?=[。、])", ALL[name])
    assert not [f"{other}: {word}" for other, word in OTHERWISE.items() if other in ALL[name]]


TASKS = {
    "masked word prediction",
    "word sense disambiguation",
    "named entity recognition",
}  # of chapters 3 to 5
ENTRY = re.compile(
    r'^(\S[^<\n]*?) (?:<span class="yomi">.*?</span> )?<span lang="en">(.+?)</span>', re.MULTILINE
)


def test_the_glossary_translates_words_of_the_english_pages() -> None:
    pages = ("glossary.md", "related.md")
    english = " ".join((ROOT / "book" / page).read_text(encoding="utf-8") for page in pages).lower()
    entries = ENTRY.findall(GLOSSARY)
    assert len(entries) == GLOSSARY.count("\n: ")
    for word, translated in entries:
        known = {one.strip() for one in translated.split(",")}
        assert known & TASKS or any(one.lower() in english for one in known), word


# ---- what a run tells ----


@pytest.mark.parametrize(("claimed", "verdict"), [(True, "replicated"), (False, "contradicted")])
def test_opposite_results_make_opposite_pages(told, claimed, verdict) -> None:
    run = tables(World(0, QUIET), claimed)
    judged = claims.verdicts(run)
    text = "\n".join(japanese.found(chapter, judged, run) for chapter in CHAPTERS)
    other = "contradicted" if claimed else "replicated"
    for row in judged.itertuples():
        if row.verdict == verdict:
            words = TRANSLATED[row.claim]
            assert f"- [{row.claim}](#{anchor(row.claim)})　{words['claim']}\\\n" in text
            assert words[verdict] in text and words[other] not in text


def test_the_counts_are_those_of_the_scorecard(told) -> None:
    judged = claims.verdicts({})
    said = japanese.outcome(judged, {})
    assert f"主張 {len(judged)} 件" in said and f"検証不能 {len(judged)} 件" in said and "再現 0 件" in said


def test_what_is_open_says_how(told) -> None:
    said = japanese.found("4-wsd", claims.verdicts({}), {})
    assert said.count(japanese.WORDS["open"]["not testable"]) == 3


def test_a_chapter_that_was_left_out_says_so(told) -> None:
    parts = japanese.parts(told, claims.verdicts({}), {})
    assert [name for name in CHAPTERS if japanese.NOT_RUN in parts[f"ja-{name}"]] == [
        name for name in CHAPTERS if name not in told.chapters
    ]


def test_the_papers_own_model_makes_it_a_replication(told) -> None:
    assert "**追試**" in japanese.rerun(on(told, "bert-base-uncased"))
    other = japanese.rerun(told)
    assert "**追試**" not in other and "**別のモデルへの適用**" in other and "MiniLM" in other
    assert "文には europarl、語義には semcor、固有表現には wnut16" in other and told.date[:10] in other


def test_a_models_name_is_no_markup(told) -> None:
    said = japanese.rerun(on(told, "[x](https://a.example)<b>$x$"))
    assert r"\[x\]\(https\:\/\/a\.example\)\<b\>\$x\$" in said


def test_numbers_are_those_of_the_tables_and_of_the_paper() -> None:
    table = japanese.numbers(results.read(PUBLISHED / "minilm" / "results")).replace(japanese.NO_BREAK, " ")
    run = across.read(PUBLISHED / "minilm")
    rows = {row.split(" | ")[0].lstrip("| "): row.split(" | ")[1:] for row in table.splitlines()[2:]}
    assert list(rows) == list(japanese.NUMBERS)
    paper, here = rows["隠された単語の正解率、学習させたヘッド"]
    assert paper == "f 53.8 %"
    learned = run.tables["masked_words"].query("predictor == 'learned' and terms == 'f'")["accuracy"].mean()
    assert here.rstrip(" |") == f"f {100 * learned:.1f} %"
    importance = run.tables["importance"].query("model == 'pretrained'")
    last = importance[importance["layer"] == importance["layer"].max()].set_index("term")["mean"]
    assert f"c {last['c']:.2f}" in rows["最終層での重要度"][1]
    assert rows["語義の正解率、プローブ、文書による分割"][0] == japanese.ABSENT


FINER = {"term": [*"hhff"], "layer": [1, 2, 1, 2], "importance": [0.1, 0.3, 0.2, 0.05]}
CONTROLS = {
    "weights": [*4 * ["trained"], *4 * ["random"]], "layer": 2, "term": [*"ihfcihfc"],
    "mean": [0.1, 0.2, 0.3, 0.4, 0.7, 0.1, 0.2, 0.0],
}  # fmt: skip
ALIKE = {"layer": [1, 1, 2, 2], "terms": 2 * ["i+h+f+c", "i+h+f"], "mean": [0.9, 0.8, 0.5, 0.25]}


@pytest.mark.parametrize(
    ("chapter", "name", "table", "said"),
    [
        ("6-finer", "finer_layers", FINER, "$\\mathbf h$ では第 2 層（割合 0.30）、$\\mathbf f$ では第 1 層"),
        ("7-controls", "controls_importance", CONTROLS, "重みでは i 0.10、h 0.20、f 0.30、c 0.40、乱数の"),
        ("8-causes", "anisotropy", ALIKE, "余弦の平均は 0.50 であり、$\\mathbf c$ を除くと 0.25 である"),
    ],
)
def test_chapters_beyond_the_paper_tell_a_number_of_their_own(chapter, name, table, said) -> None:
    judged = claims.verdicts({})
    found = japanese.found(chapter, judged, {name: pd.DataFrame(table)})
    assert said in found.replace(japanese.NO_BREAK, " ")
    without = japanese.found(chapter, judged, {})
    assert said not in without and not without.startswith(f"結果\n: {japanese.ABSENT}")
