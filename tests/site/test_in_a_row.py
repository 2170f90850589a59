"""Many runs on the page Across models: what its tables hold, and that they sort in a browser."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dissect.errors import DissectError
from dissect.places import PUBLISHED, ROOT
from dissect.report import claims
from dissect.runs.sweep import Ran, Swept
from dissect.site import across, build, in_a_row

MINILM, MPNET = PUBLISHED / "minilm", PUBLISHED / "mpnet"


@pytest.fixture(scope="module")
def row() -> in_a_row.Row:
    """Two published runs, and one that has no table."""
    ran = (Ran("small", MINILM, 10), Ran("large", MPNET, 20.5))
    found = in_a_row.row_of(Swept("step", ran, {"lost": "no such model in /home/me"}), MPNET)
    bare = across.Run("bare", "nothing", {}, evidence="{text}")
    return replace(found, runs=(*found.runs, bare), values=(*found.values, 30))


def many(count: int) -> in_a_row.Row:
    """The same run by many names."""
    read = across.read(MINILM)
    return in_a_row.plain([replace(read, name=f"model {n}", evidence="") for n in range(count)])


def cells(table: str) -> list[list[str]]:
    """A table of Markdown, its rows without the rule."""
    lines = [line for line in table.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_number_is_told_with_its_interval_or_as_missing(row):
    (importance,) = (one for one in in_a_row.MEASURES if one.name == "importance")
    head, *rows = cells(in_a_row.numbers_table(row, importance))
    assert head == ["model", "step", "i", "h", "f", "c"]
    by_name = {first: rest for first, *rest in rows}
    assert by_name["bare"] == ["30", *["–"] * 4]
    last = row.runs[1].tables["importance"].query("model == 'pretrained' and layer == 12").set_index("term")
    told = [float(cell.split()[0]) for cell in by_name["large"][1:]]
    assert by_name["large"][0] == "20.5"
    assert told == pytest.approx([last["mean"][term] for term in "ihfc"], abs=0.005)
    assert by_name["BERT \\(paper\\)"][0] == "–"  # which has no step
    assert [row[0] for row in rows] == ["small", "large", "bare", "BERT \\(paper\\)"]


def test_the_page_says_what_the_models_are_and_which_failed(row):
    page = in_a_row.page(row, in_a_row.verdicts(row))
    assert "The book around this page is that of large." in page
    assert "Could not be run: lost." in page and "/home/me" not in page
    head, *rows = cells(in_a_row.models(row))
    assert head[:2] == ["model", "step"] and [row[1] for row in rows] == ["10", "20.5", "30"]


def test_sizes_are_told_once():
    row = in_a_row.row_of(Swept("parameters", (Ran("small", MINILM, 22e6),)), MINILM)
    assert cells(in_a_row.models(row))[0].count("parameters") == 1


def test_measures_that_no_run_has_are_left_out(row):
    page, pictures = in_a_row.page(row, in_a_row.verdicts(row)), in_a_row.pictures(row)
    shown = re.findall(r"\{figure\} _run/(across-[\w-]+)\.png", page)
    assert shown == list(pictures) and "across-next-words" not in shown and "across-senses" in shown


def test_few_runs_have_a_column_each_and_many_a_row_each(row):
    few, matrix = in_a_row.verdicts(row), in_a_row.verdicts(many(40))
    names = [one.name for one in claims.in_order()]
    assert cells(few)[0] == ["claim", "small", "large", "bare"]
    assert [line[0].split()[0] for line in cells(few)[1:]] == names
    assert cells(matrix)[0] == ["model", *names] and len(cells(matrix)) == 41
    told = claims.verdicts(across.read(MINILM).tables).set_index("claim")["verdict"]
    for name, cell in zip(names, cells(matrix)[7][1:], strict=True):  # with words besides colours
        assert f" {told[name]}]{{.verdict .{told[name].replace(' ', '-')}}}" in cell
    assert all(f"{one.name}\n: {one.text}\n" in matrix for one in claims.in_order())


def test_nothing_that_a_run_says_is_markup():
    bad = "<script>alert(1)</script> | [x](y)\n# z {.c}"
    run = replace(across.read(MINILM), name=bad, about=bad, card={"family": bad})
    for runs in ([run], [replace(run, name=f"{bad}{n}") for n in range(9)]):
        bad_row = replace(in_a_row.plain(runs), by=bad, values=(1.0,) * len(runs), failed=(bad,))
        page = in_a_row.page(bad_row, in_a_row.verdicts(bad_row))
        for line in page.replace(in_a_row.SCRIPT, "").splitlines():
            assert not re.search(r"(?<!\\)<script|^# z|(?<!\\)\[x|(?<!\\)\{\.c", line), line


def test_a_book_is_that_of_the_last_run_of_a_sweep(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(build, "build_site", lambda *given, **more: asked.append((given, more)))
    build.build_swept(Swept("step", (Ran("a", MINILM, 1), Ran("b", MPNET, 2))), tmp_path)
    (((folder, out, _), more),) = asked
    assert (folder, out, more["row"].own.name, more["row"].by) == (MPNET, tmp_path, "b", "step")
    with pytest.raises(DissectError, match="holds no run"):
        build.build_swept(Swept("", (Ran("a", tmp_path),)), tmp_path)


def test_runs_that_are_compared_stand_in_a_row_where_they_are_many(monkeypatch, tmp_path):
    texts = []

    def built(folder, told, included, out, *_):
        texts.append(included)
        return out

    monkeypatch.setattr(build, "build", built)
    monkeypatch.setattr(build.sentences, "stills", lambda *_: {})
    for others in (1, 6):
        build.build_site(MINILM, tmp_path, lambda _: None, others=[MPNET] * others)
    few, more = texts
    assert (
        "sort.js" not in few["across"]
        and "## Pictures" in few["across"]
        and "BERT's column" in few["verdicts"]
    )
    assert "BERT" not in more["verdicts"]  # which has no such column
    assert more["across"].count("sort.js") == more["verdicts"].count("sort.js") == 1
    assert "::::{div} sortable matrix" in more["verdicts"]


# ---- the script ----

PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>t</title></head><body><main>
<div class="sortable"><table><thead><tr><th class="head"><p>model</p></th><th><p>h</p></th>
<th>verdict</th></tr></thead><tbody>
<tr><td>b</td><td><p>12.5&nbsp;±&nbsp;3.0</p></td><td>✗ contradicted</td></tr>
<tr><td>model 10</td><td>–</td><td>– not testable</td></tr>
<tr><td>a</td><td>−0.5</td><td>✓ <a href="#x">replicated</a></td></tr>
<tr><td>model 9</td><td>1,200</td><td>? undecided</td></tr>
</tbody></table></div><table class="other"><thead><tr><th>x</th></tr></thead><tbody></tbody></table></main>
<script defer src="sort.js"></script></body></html>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "sort.js").write_bytes((ROOT / "book/_static/sort.js").read_bytes())
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    return tmp_path / "page.html"


@pytest.fixture
def tab(browser, page: Path) -> Iterator:
    tab = browser.new_page()
    tab.goto(page.as_uri())
    yield tab
    tab.close()


def models(tab) -> list[str]:
    return tab.locator(".sortable tbody tr td:first-child").all_inner_texts()


def test_a_table_sorts_by_the_numbers_of_a_column_and_then_the_other_way(tab):
    head = tab.locator(".sortable th").nth(1)
    head.get_by_role("button").click()
    assert models(tab) == ["a", "b", "model 9", "model 10"]  # what is missing is last, whichever way
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert models(tab) == ["model 9", "b", "a", "model 10"]
    assert head.get_attribute("aria-sort") == "descending"


def test_a_table_sorts_by_words_without_their_marks_and_by_keyboard(tab):
    tab.get_by_role("button", name="verdict").focus()
    tab.keyboard.press("Enter")
    assert models(tab) == ["b", "model 10", "a", "model 9"]
    tab.get_by_role("button", name="model").focus()
    tab.keyboard.press("Space")
    assert models(tab) == ["a", "b", "model 9", "model 10"]  # as people count
    assert tab.locator("th[aria-sort]").count() == 1


def test_other_tables_and_pages_without_scripts_are_left_alone(browser, tab, page: Path):
    assert tab.locator(".other button").count() == 0
    context = browser.new_context(java_script_enabled=False)
    bare = context.new_page()
    bare.goto(page.as_uri())
    assert bare.locator("button").count() == 0 and models(bare) == ["b", "model 10", "a", "model 9"]
    assert bare.locator("th").all_inner_texts()[:3] == ["model", "h", "verdict"]
    context.close()
