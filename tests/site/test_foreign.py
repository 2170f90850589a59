"""A run that somebody sent: odd manifests end in one sentence, and nothing in it becomes markup."""

import base64
import json
import os
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from dissect import DissectError
from dissect.reuse import UNKNOWN, Work
from dissect.runs import manifest, verification
from dissect.site import across, chapters, policy, sentences, this_run
from dissect.site import exercises as exercises
from dissect.site.pdf import printable
from dissect.tables import results

WHOLE = {
    "settings": {"model": "minilm"}, "date": "2026-01-01", "versions": {}, "machine": {}, "revisions": {},
    "chapters": {"4-wsd": {"key": "", "parameters": {}, "seconds": 1.0, "date": ""}}, "results": {},
}  # fmt: skip
CHAPTER = WHOLE["chapters"]["4-wsd"]
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
ZEROS = "0" * 64


def chapter(**changes) -> dict:
    return {"chapters": {"4-wsd": CHAPTER | changes}}


ODD = {
    "an absolute path": {"results": {"/etc/passwd": ZEROS}},
    "an absolute path to a table": {"results": {"/etc/x.parquet": ZEROS}},
    "no name": {"results": {"": ZEROS}},
    "a name that is too long": {"results": {"a" * 300 + ".parquet": ZEROS}},
    "a way out": {"results": {"../../x.parquet": ZEROS}},
    "another system's way out": {"results": {"..\\x.parquet": ZEROS}},
    "a null in a name": {"results": {"a\0.parquet": ZEROS}},
    "a line's end in a name": {"results": {"a.parquet\n": ZEROS}},
    "half a letter": {"results": {"\ud800.parquet": ZEROS}},
    "the same in a chapter": chapter(results={"/etc/passwd": ZEROS}),
    "markup for a checksum": chapter(notebook=MARKUP),
    "markup for cores": {"machine": {"cores": MARKUP}},
    "half a core": {"machine": {"cores": 1.5}},
    "true cores": {"machine": {"cores": True}},
    "a number for a device": {"machine": {"device": 3}},
    "a list for versions": {"versions": ["torch"]},
    "versions on two lines": {"versions": {"torch": "1\n2"}},
    "a model that is too long": {"settings": {"model": "m" * 100_000}},
    "a null in a model": {"settings": {"model": "m\0"}},
    "escapes for a terminal": {"settings": {"model": "\x1b[2Jm"}},
    "half a letter of a model": {"settings": {"model": "\ud800"}},
    "seeds beyond counting": {"settings": {"model": "minilm", "seeds": 10**30}},
    "less than no time": chapter(seconds=-1.0),
    "no time at all": chapter(seconds=float("nan")),
    "time without end": chapter(seconds=float("inf")),
    "time in words": chapter(seconds="1"),
    "no date": {"date": "yesterday"},
    "a date that is none": chapter(date="2026-02-31"),
    "a date with markup": {"date": "2026-01-01" + MARKUP},
    "an unknown chapter": {"chapters": {MARKUP: CHAPTER}},
    "a nest": chapter(parameters={"model": [[["minilm"]]]}),
    "a number for a corpus": chapter(parameters={"corpus": 3}),
    "a model of no number": {"revisions": {"models": {"tuned 0": ZEROS}}},
    "a model of no name": {"revisions": {"models": {"": ZEROS}}},
    "no models": {"revisions": {"models": 3}},
    "reasons with lines": {"left_out": {"4-wsd": "a\n\n# b"}},
    "a card on two lines": {"card": {"family": "a\nb"}},
    "a number on a card": {"card": {"layers": 3}},
    "negative work": chapter(work={"terms": {"computed": -1}}),
}


def put(folder: Path, changes: dict) -> Path:
    (folder / "manifest.json").write_text(json.dumps(WHOLE | changes))
    return folder


def refused(call, *arguments) -> str:
    with pytest.raises(DissectError) as told:
        call(*arguments)
    said = str(told.value)
    assert said.isprintable() and len(said) < 700
    return said


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_odd_manifests_are_one_sentence_for_every_reader(tmp_path, changes):
    put(tmp_path, changes)
    for reader in (manifest.required, verification.verify, across.read):
        assert "delete it" in refused(reader, tmp_path) or "does not have" in refused(reader, tmp_path)


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 2}', "[" * 100_000, '{"a":' * 100_000, "1" * 10_000, "NaN", " " * 20_000_000,
     json.dumps(WHOLE)[:-1] + ', "date": "2026-01-02"}'],
    ids=["twice", "nested lists", "nested objects", "a long number", "no number", "huge", "two dates"],
)  # fmt: skip
def test_odd_json_is_one_sentence(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    assert "is damaged" in refused(manifest.required, tmp_path)


def test_what_is_wrong_is_named(tmp_path):
    assert "machine.cores" in refused(manifest.required, put(tmp_path, {"machine": {"cores": "two"}}))
    assert "parameters" in refused(manifest.required, put(tmp_path, chapter(parameters={"limit": "x"})))


@pytest.mark.parametrize("place", ["results/x.parquet", "notebooks/4-wsd.ipynb", "manifest.json"])
@pytest.mark.parametrize("kind", ["link", "circle", "folder", "pipe"])
def test_links_to_elsewhere_folders_and_pipes_are_refused(tmp_path, place, kind):
    """What such a link leads to would come to stand on the site."""
    run = tmp_path / "run"
    run.mkdir()
    put(run, {})
    (tmp_path / "secret").write_text("secret")
    path = run / place
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "secret" if kind == "link" else path)
    refused(manifest.required, run)


def test_a_folder_of_tables_elsewhere_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.parquet").write_text("secret")
    (tmp_path / "run" / "results").symlink_to(tmp_path / "elsewhere")
    assert "no plain file" in refused(manifest.required, put(tmp_path / "run", {}))


def test_older_manifests_are_read_and_what_they_lack_is_said_to_be_unknown(tmp_path):
    told = manifest.required(put(tmp_path, {"machine": {"cores": 2}}))
    assert told.chapters["4-wsd"].work is None and told.all_work() is None
    assert UNKNOWN in this_run.box(told, "4-wsd").source and UNKNOWN in exercises.times(told)
    assert "not recorded" in this_run.box(told, "5-ner").source


def test_what_was_found_done_counts_for_a_class_and_is_told(tmp_path):
    work = {"probes": {"computed": 2, "seconds": 9.0, "reused": 3, "reused_seconds": 1500.4}}
    told = manifest.required(put(tmp_path, chapter(seconds=12.6, work=work) | {"work": {}}))
    assert told.chapters["4-wsd"].work == {"probes": Work(**work["probes"])}
    assert "13 seconds, and 1500 for what was found done" in this_run.box(told, "4-wsd").source
    assert "| 1513 seconds |" in exercises.times(told)
    assert "1500" in this_run.summary(told)


def test_a_models_card_stands_on_the_first_page_as_letters(tmp_path):
    told = manifest.required(put(tmp_path, {"card": {"family": "bert", "<b>": MARKUP}}))
    said = this_run.summary(told)
    assert "| its family | bert |" in said and MARKUP not in said and "<b>" not in said


LEADING = [
    "<img src=https://a.example/x.png>", "<a href='https://a.example'>x</a>", "<svg onload=alert(1)>",
    "<style>@import 'https://a.example'</style>", "<iframe src=https://a.example></iframe>",
    "<p style='background:url(https://a.example)'>x</p>", "<base href=https://a.example>", MARKUP,
    "<form action=https://a.example><button>x</button></form>", "<q cite='https://a.example'>x</q>",
]  # fmt: skip


@pytest.mark.parametrize("html", LEADING)
@pytest.mark.parametrize("kind", ["text/html", chapters.GLUED + "text/html"])
def test_html_of_somebody_leads_nowhere_and_does_nothing(html, kind):
    shown = chapters.harmless(nbformat.v4.new_output("display_data", {kind: html})).data.get(kind, "")
    assert not any(part in shown for part in ("a.example", "<script", "<svg", "onerror", "<img", "onload"))


@pytest.mark.parametrize(
    "text",
    ["![x](https://a.example/x.png)", "[x](javascript:alert(1))", "![x][y]\n\n[y]: https://a.example/x.png",
     "<https://a.example>", "```{raw} html\n<script>alert(1)</script>\n```", "```&#123;raw} html\n<b>\n```",
     ":::{raw} html\n<b>\n:::", "$\\href{javascript:alert(1)}{x}$", "{{ x }}", MARKUP, "&lt;script&gt;"],
)  # fmt: skip
def test_markdown_of_somebody_is_text(text):
    from markdown_it import MarkdownIt

    shown = chapters.harmless(nbformat.v4.new_output("display_data", {"text/markdown": text}))
    said = shown.data["text/markdown"]
    html = MarkdownIt("commonmark").render(said)
    assert not any(tag in html for tag in ("<a ", "<img", "<script", "<b>", 'class="language-{'))
    assert not set("<>{}[]$!\\:") & set(said)


def test_pictures_are_pictures():
    png = base64.b64encode(chapters.PNG + b"more").decode()
    svg = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>").decode()
    data = {"image/png": png, chapters.GLUED + "image/png": svg, chapters.GLUED + "image/svg+xml": "<svg/>"}
    shown = chapters.harmless(nbformat.v4.new_output("display_data", data)).data
    assert shown == {"image/png": png}


def test_what_a_table_says_is_never_markup():
    """Cells of somebody's tables on Across models and Explore."""
    table = pd.DataFrame(
        [(f"</script>{MARKUP}\u2028", layer, term, 0.25, 0.1) for layer in (0, 1) for term in "ihfc"],
        columns=["model", "layer", "term", "mean", "std"],
    )
    run = across.Run(f"{MARKUP} [x](https://a.example)\n# b", MARKUP, {"importance": table})
    data = {"models": [{"label": MARKUP + "`"}], "curves": sentences.curves([run])}
    page = re.sub(r"<script defer src=[^>]*></script>", "", sentences.page(data)) + across.page([run])
    marks = re.findall(r"(?<!\\)<(?:/script|script|img)", page)
    assert marks == ["<script", "</script"]  # the data's own element
    beside = across.page([run])
    assert "](http" not in beside and "\n# b" not in beside
    assert "\u2028" not in page


PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8">
<script>DOCUMENTATION_OPTIONS.pagename = 'book/a';</script><script src="_static/a.js"></script>{head}
</head><body>{body}</body></html>"""


def test_a_page_names_its_scripts_and_allows_no_other():
    page = policy.secured(PAGE.format(head="", body='<script type="application/json">{"a": 1}</script>'))
    (said,) = [line for line in page.splitlines() if "Content-Security-Policy" in line]
    told = said.partition('content="')[2].partition('"')[0].replace("&#x27;", "'")
    rules = {rule.split()[0]: rule.split()[1:] for rule in told.split(";")}
    assert rules["default-src"] == rules["base-uri"] == ["'none'"]
    script = "DOCUMENTATION_OPTIONS.pagename = 'book/a';"
    assert rules["script-src"] == ["'self'", f"'sha256-{policy.digest(script)}'"]
    assert not any("http" in source or source == "*" for sources in rules.values() for source in sources)
    assert "'unsafe-inline'" not in rules["script-src"] and rules["img-src"] == ["'self'", "data:"]
    assert page.index("Content-Security-Policy") < page.index("<script")
    model = '<script type="application/json" id="explore-data">'
    assert "wasm" in policy.secured(PAGE.format(head="", body=model)) and "wasm" not in page


@pytest.mark.parametrize(
    "script",
    ["alert(1)", "DOCUMENTATION_OPTIONS.pagename = ''+alert(1);", "window.MathJax = {x: alert(1)}",
     "let toggleHintShow = alert(1);"],
)  # fmt: skip
def test_a_script_that_is_not_the_books_is_refused(script):
    page = PAGE.format(head="", body=f"<script>{script}</script>")
    assert "not the book's" in refused(policy.secured, page)


def test_a_page_that_only_leads_on_has_its_policy_too():
    assert policy.secured('<meta http-equiv="Refresh" content="0">').startswith(
        '<meta http-equiv="Content-Security-Policy"'
    )


def test_on_paper_nothing_acts():
    acting = (
        '<script src="https://a.example/_static/mathjax/x.js"></script><script>alert("MathJax")</script>'
        '<p onclick="alert(1)">x</p><iframe src="https://a.example"></iframe>'
        '<a href="javascript:alert(1)">x</a>'
    )
    sets = '<script>window.MathJax = {"options": {}}</script>'
    sets += '<script src="_static/mathjax/tex-chtml.js"></script>'
    body = f'<article class="bd-article"><h1>T</h1>{acting}</article>'
    page = printable(PAGE.format(head=sets + acting, body=body))
    assert not any(part in page for part in ("alert", "a.example", "onclick", "iframe", "javascript:"))
    assert page.count("<script") == 2 and "Content-Security-Policy" in page


def test_chromium_has_its_sandbox_but_for_root(tmp_path, monkeypatch, capsys):
    from dissect.site import pdf

    ran: list[list[str]] = []

    def said(command):
        ran.append(command)
        (tmp_path / "out.pdf").touch()
        return ""

    (tmp_path / "index.html").write_text(PAGE.format(head="", body='<article class="bd-article"></article>'))
    monkeypatch.setattr(pdf, "browser", lambda: "chromium")
    monkeypatch.setattr(pdf, "_said", said)
    for root in (False, True):
        monkeypatch.setattr(pdf, "is_root", lambda root=root: root)
        pdf.write(tmp_path, tmp_path / "out.pdf")
        assert (pdf.UNSAFE in ran[-1]) == root
        assert ("sandbox" in capsys.readouterr().err) == root
    assert len(ran) == 2


def test_a_link_among_tables_is_not_exported(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "dependence.parquet").symlink_to(tmp_path / "secret")
    assert "cannot be read" in refused(results.read, tmp_path / "results")
