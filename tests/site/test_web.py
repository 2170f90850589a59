"""The reader's own sentences on Explore, in a browser, and what is said where its model cannot be had."""

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from dissect import Decomposer
from dissect.decomposition.parts import TERMS, subsets
from dissect.errors import DissectError
from dissect.site import across, page_model, sentences
from dissect.site.onnx_export import session_of
from tests.site.test_site import LOOK, THEMES, WIDTHS, complaints, objections

SENTENCES = [
    "The crane stood in the river.",
    "Is it true that aspirin was first found in willow bark?",
    "No.",
    "Unbelievably, antidisestablishmentarianism survived.",
    "Ünïcödé café, naïve façade",
    "日本語 mixes with English 2,000 times",
    'She said: "don\'t" — and left …',
    "<b>Tags & entities</b>",
    "one two three four five six seven eight nine ten " * 6,
    "emoji 😀 and [MASK] and # signs",
]
STRANGE = [
    "x" * 150, "tabs\tand\u00a0spaces\u200bhere", "ﬁ ½ ² Ⅷ ①", "İstanbul ẞ ß ς Σ",
    "한국어 हिन्दी ไทย العربية", "e\u0301 A\u030a", "[CLS] [SEP] [PAD] [mask]", "👨‍👩‍👧 🇯🇵",
    "3.14 $5 50% @you a_b", "soft\u00adhyphen\ufeff",
]  # fmt: skip
PAGE = """<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>t</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width"></head>
<body style="font-family: sans-serif"><main><div class="explore-tool" id="explore-sentence" hidden></div>
{page}</main></body></html>"""
EXPLORE = "book/explore.html"


@pytest.fixture(scope="module")
def bare(minilm, tmp_path_factory) -> Path:
    """The page alone, without the book around it and without a model."""
    site = tmp_path_factory.mktemp("bare")
    (site / "book").mkdir()
    page_model.stage(site / "book")
    shutil.move(site / "book" / "_static", site / "_static")
    page = sentences.page(sentences.read([across.paper()], minilm))
    (site / EXPLORE).write_text(PAGE.format(page=page), encoding="utf-8")
    return site


@pytest.fixture(scope="module")
def whole(bare, tmp_path_factory) -> Path:
    """The page with its model."""
    assets = page_model.assets()
    if assets.folder is None:
        pytest.skip(f"no model for the page: {assets.reason}")
    site = tmp_path_factory.mktemp("whole")
    shutil.copytree(bare, site, dirs_exist_ok=True)
    assets.put(site)
    return site


@pytest.fixture(scope="module")
def serve() -> Iterator:
    """A function that serves a folder on this machine and returns its address."""
    servers = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args) -> None:
            pass

    def start(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Visit:
    """A page that is open, what it asked for, and what went wrong."""

    def __init__(self, browser, address: str, device: str = "desktop"):
        self.context = browser.new_context(viewport={"width": WIDTHS[device], "height": 900})
        self.tab = self.context.new_page()
        self.trouble: list[str] = []
        self.asked: list[str] = []
        note = self.trouble.append
        self.tab.on("console", lambda line: note(line.text) if line.type in ("error", "warning") else None)
        self.tab.on("pageerror", lambda error: note(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.set_default_timeout(120_000)
        self.tab.goto(address)
        self.tab.wait_for_function(
            "() => document.querySelectorAll('#explore-sentence .chart svg').length === 3"
        )

    def load(self) -> None:
        self.tab.click("text=Load the model")
        self.tab.wait_for_selector("form.own:visible")

    def dissect(self, sentence: str, side: int = 0) -> dict:
        self.tab.locator("form.own input").nth(side).fill(sentence)
        self.tab.locator("form.own button").nth(side).click()
        self.tab.wait_for_function(
            "([n, text]) => explore.sentences.sides[n].sentence.text === text", arg=[side, sentence.strip()]
        )
        return self.shown(side)

    def shown(self, side: int = 0) -> dict:
        return self.tab.evaluate("n => explore.sentences.sides[n].sentence", side)

    def importance(self, side: int = 0) -> np.ndarray:
        """(layers, tokens, terms)"""
        gram = np.array(self.shown(side)["gram"])
        return np.stack([gram[..., places].sum(-1) for places in ROWS], -1)

    def cells(self, table: str) -> list[list[str]]:
        rows = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        return self.tab.eval_on_selector_all(f"{table} tbody tr", rows)

    def says(self, start: str) -> None:
        """Wait until the status line has the text `start`."""
        self.tab.wait_for_selector(
            f"#explore-sentence .status:has-text({json.dumps(start, ensure_ascii=False)})"
        )


ROWS = [[0, 1, 2, 3], [1, 4, 5, 6], [2, 5, 7, 8], [3, 6, 8, 9]]  # of four products, among the ten


@pytest.fixture
def visit(browser) -> Iterator:
    visits: list[Visit] = []

    def open_page(*args) -> Visit:
        visits.append(Visit(browser, *args))
        return visits[-1]

    yield open_page
    for one in visits:
        one.context.close()


def theirs(loaded, sentence: str) -> np.ndarray:
    """PyTorch's importance, (layers, tokens, terms)."""
    inputs = loaded.tokenizer(sentence, return_tensors="pt", truncation=False)
    layers = Decomposer(loaded.model).layers(**inputs)
    return np.stack([parts.importance()[:, 0].T.numpy() for parts in layers])


def test_ten_sentences_in_the_browser_are_those_of_the_graph_whose_error_is_stated(
    visit, serve, whole, minilm
) -> None:
    address = serve(whole)
    seen = visit(address + EXPLORE)
    error = seen.tab.evaluate("window.dissectBuilt")["error"]
    stated = f"{error['mean']:.4f} on average and {error['max']:.3f} at most"
    assert stated in seen.tab.inner_text("#explore-sentence .below")
    seen.load()
    session = session_of(whole / "_static" / page_model.STATIC / page_model.GRAPH)
    for sentence in SENTENCES:
        shown = seen.dissect(sentence)
        inputs = minilm.tokenizer(sentence.strip(), return_tensors="np", truncation=False)
        assert shown["ids"] == inputs["input_ids"][0].tolist(), sentence
        feeds = {name: inputs[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
        (expected,) = session.run(["importance"], feeds)
        assert np.abs(seen.importance() - expected[:, :, 0].transpose(0, 2, 1)).max() < 1e-4, sentence
        missed = np.abs(seen.importance() - theirs(minilm, sentence.strip()))
        assert missed.mean() < 10 * error["mean"] < 0.05, sentence
        cells = [[float(cell.replace("−", "-")) for cell in row[1:]] for row in seen.cells(".heat")]
        assert np.abs(np.array(cells)[: len(shown["tokens"])] - seen.importance()[..., 1].T).max() < 6e-3
    names = seen.tab.locator("#explore-sentence .chart").first.locator(".role-axis-label text")
    assert names.all_text_contents()[-len(shown["tokens"]) :] == shown["tokens"]  # in their order
    assert not seen.trouble
    assert all(one.startswith((address, "data:")) for one in seen.asked)


def test_subsets_have_the_length_and_the_cosine_of_the_sum(visit, bare, minilm) -> None:
    seen = visit((bare / EXPLORE).as_uri())
    sentence = sentences.prepared()[0]
    layers = Decomposer(minilm.model).layers(**minilm.tokenizer(sentence, return_tensors="pt"))
    ask = """some => explore.sentences.sides[0].sentence.gram.map(tokens => tokens.map(ten =>
        [explore.MEASURES.importance(ten, some), explore.MEASURES.cosine(ten, some)]))"""
    for subset in subsets()[1:]:
        found = np.array(
            seen.tab.evaluate(ask, [TERMS.index(term) for term in subset.split("+")]), dtype=float
        )
        for layer, parts in enumerate(layers):
            e, part = parts.embedding[0], parts[subset][0]
            there = part.norm(dim=-1) > 1e-6  # at layer 0, h and f are nothing, and have no direction
            share = (e * part).sum(-1) / (e * e).sum(-1)
            cosine = torch.cosine_similarity(e, part, dim=-1)
            assert np.abs(found[layer, :, 0] - share.numpy()).max() < 1e-4
            assert np.abs(found[layer, :, 1] - cosine.numpy())[there.numpy()].max(initial=0) < 1e-4


def test_nothing_is_downloaded_before_the_button_says_how_much(visit, serve, whole) -> None:
    address = serve(whole)
    seen = visit(address + EXPLORE)
    files = whole / "_static" / page_model.STATIC
    before = {one.rsplit("/", 1)[1] for one in seen.asked if one.startswith(address)}
    assert before == {"explore.html", page_model.STYLE, *page_model.SCRIPTS}
    stated = seen.tab.locator("#explore-sentence button", has_text="Load the model").inner_text()
    seen.load()
    after = {one.rsplit("/", 1)[1] for one in seen.asked if one.startswith(address)} - before
    size = sum((files / name).stat().st_size for name in after - {"live.js"})
    assert f"({size / 1e6:.0f} MB)" in stated and size < 40e6


def test_the_tokenizer_in_the_page_is_the_models(visit, serve, whole, minilm) -> None:
    seen = visit(serve(whole) + EXPLORE)
    seen.load()
    for text in SENTENCES + STRANGE:
        ids = seen.tab.evaluate("text => explore.encode(text).ids", text)
        assert ids == minilm.tokenizer(text, truncation=False)["input_ids"], text


def test_long_unknown_and_empty_sentences_are_told_so(visit, serve, whole, minilm) -> None:
    seen = visit(serve(whole) + EXPLORE)
    seen.load()
    note = seen.tab.locator("#explore-sentence .side .note").first
    long = "a heron " * 300 + "left"
    assert len(seen.dissect(long)["tokens"]) == 512
    ids = minilm.tokenizer(long, truncation=True, max_length=512)["input_ids"]
    assert seen.shown()["ids"] == ids
    assert "the last 91 were cut off, after “a heron a heron a heron”" in note.inner_text()
    assert "[UNK]" in seen.dissect("a 𓀀 here", 0)["tokens"]
    assert note.inner_text().startswith("[UNK] stands for") and "cut" not in note.inner_text()
    seen.dissect("plain")
    assert note.text_content() == ""
    seen.tab.locator("form.own input").first.fill("  ")
    seen.tab.locator("form.own button").first.click()
    seen.says("The field is empty")
    assert not seen.trouble


def test_both_sides_may_be_the_readers_own_and_a_link_brings_them_back(visit, serve, whole) -> None:
    address = serve(whole)
    own = ["A heron & a crane.", "<b>No</b> crane"]
    seen = visit(address + EXPLORE)
    seen.load()
    for side, sentence in enumerate(own):
        seen.dissect(sentence, side)
    assert [seen.shown(side)["text"] for side in (0, 1)] == own
    options = seen.tab.eval_on_selector_all(
        "#explore-sentence select option", "all => all.map(one => one.textContent)"
    )
    assert options.count(own[0]) == options.count(own[1]) == 1
    seen.tab.click("text=Copy a link")
    seen.says("The link")
    again = visit(seen.tab.url)
    again.says("This link keeps “A heron & a crane.” and “<b>No</b> crane”")
    assert [again.shown(side)["text"] for side in (0, 1)] == sentences.prepared()[:2]
    again.load()
    again.tab.wait_for_function("() => explore.sentences.sides[1].sentence.own")
    assert [again.shown(side)["text"] for side in (0, 1)] == own
    assert not again.trouble


def test_from_the_disk_prepared_sentences_are_shown_and_why(visit, whole, minilm) -> None:
    seen = visit((whole / EXPLORE).as_uri())
    assert "opened from the disk" in seen.tab.inner_text("#explore-sentence .below")
    assert not seen.tab.locator("form.own").first.is_visible()
    select = seen.tab.get_by_label("Left sentence")
    options = select.locator("option").all_inner_texts()
    assert options == sentences.prepared() and len(options) >= 10
    for sentence in options:
        select.select_option(label=sentence)
        assert seen.shown()["text"] == sentence
        assert np.abs(seen.importance() - theirs(minilm, sentence)).max() < 1e-4
    assert seen.tab.locator(".mark-rule.role-mark line").count() == 3  # zero of the bars, and the layer
    assert "was trained on English text" in seen.tab.inner_text("#explore-sentence")
    assert not seen.trouble
    assert all(one.startswith(("file:", "data:")) for one in seen.asked)


def test_a_site_without_the_model_says_so_wherever_it_is_opened(visit, serve, bare) -> None:
    for address in (bare.as_uri() + "/", serve(bare)):
        seen = visit(address + EXPLORE)
        said = seen.tab.inner_text("#explore-sentence .below")
        assert "built without the model" in said and "serve the site" not in said
        assert seen.cells(".heat") and not seen.tab.locator("form.own").first.is_visible()
        assert not seen.trouble


@pytest.mark.parametrize(("device", "first", "then"), [("desktop", *THEMES), ("phone", *THEMES[::-1])])
def test_in_the_book_the_page_is_whole_and_accessible(
    visit, serve, site, whole, axe, tmp_path, device: str, first: str, then: str
) -> None:
    """The theme and the book's style around it, the model loaded, a sentence dissected."""
    shutil.copytree(site, tmp_path / "site")
    shutil.copytree(
        whole / "_static" / page_model.STATIC,
        tmp_path / "site/_static" / page_model.STATIC,
        dirs_exist_ok=True,
    )
    address = serve(tmp_path / "site")
    seen = visit(address + EXPLORE, device)
    seen.tab.emulate_media(color_scheme=first, reduced_motion="reduce")
    seen.load()
    assert seen.dissect(SENTENCES[0])["tokens"][1:3] == ["the", "crane"]
    found = complaints(seen.tab.evaluate(LOOK)) | {"errors": list(seen.trouble)}
    assert not {what: value for what, value in found.items() if value}
    assert all(one.startswith((address, "data:", "blob:")) for one in seen.asked)
    if axe:
        seen.tab.evaluate(axe)
        seen.tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert not objections(seen.tab, then)


def test_every_control_has_a_name_and_every_table_one(visit, serve, whole) -> None:
    seen = visit(serve(whole) + EXPLORE)
    seen.load()
    nameless = """all => all.filter(one => !(one.labels?.length || one.textContent.trim()
        || one.getAttribute("aria-label"))).map(one => one.outerHTML)"""
    assert seen.tab.eval_on_selector_all("input, select, button, progress, table, [role=img]", nameless) == []
    assert seen.tab.locator("thead th:not([scope=col])").count() == 0
    assert seen.tab.locator("tbody th:not([scope=row])").count() == 0


@pytest.mark.parametrize("served", [True, False])
def test_nothing_is_wider_than_a_phone(visit, serve, bare, whole, served: bool) -> None:
    address = serve(whole) + EXPLORE if served else (bare / EXPLORE).as_uri()
    seen = visit(address, "phone")
    assert seen.tab.evaluate("document.documentElement.scrollWidth") <= WIDTHS["phone"]


@pytest.mark.parametrize(
    ("missing", "reason"),
    [("npm", "npm, which fetches the runtime"), ("package", "the Python package no-such")],
)
def test_without_npm_or_a_package_the_page_says_so(
    visit, serve, bare, tmp_path: Path, monkeypatch, missing: str, reason: str
) -> None:
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path / "cache"))
    if missing == "npm":
        monkeypatch.setattr(page_model.shutil, "which", lambda name: None)
    else:
        monkeypatch.setattr(page_model, "MADE_WITH", ("no-such-package",))
    assets = page_model.assets()
    assert assets.folder is None and reason in assets.reason
    site = tmp_path / "site"
    shutil.copytree(bare, site)
    assets.put(site)
    seen = visit(serve(site) + EXPLORE)
    assert reason in seen.tab.inner_text("#explore-sentence .below")
    assert seen.cells(".heat") and not seen.tab.locator("form.own").first.is_visible()
    assert not seen.trouble


def test_an_npm_that_fails_is_a_reason_and_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path))
    monkeypatch.setattr(page_model.shutil, "which", lambda name: shutil.os.fspath(tmp_path / "no-npm"))
    assert "npm could not fetch" in page_model.assets().reason
    assert not list(tmp_path.rglob("*.onnx"))


@pytest.mark.parametrize("off", [0.5, float("nan")])
def test_a_graph_that_is_far_off_is_not_built_in(minilm, tmp_path: Path, monkeypatch, off: float) -> None:
    from dissect.site import onnx_export

    monkeypatch.setattr(page_model, "fetch_runtime", lambda folder: None)
    monkeypatch.setattr(onnx_export, "graph_of", lambda loaded: None)
    monkeypatch.setattr(onnx_export, "save", lambda *args, **options: {"error": {"mean": off}})
    with pytest.raises(DissectError, match="missed PyTorch's importance"):
        page_model.make(minilm, tmp_path)


def test_a_model_of_the_run_stands_beside_the_pages_own(visit, bare, minilm, tmp_path: Path) -> None:
    """Prepared sentences of both; the same text is shown when the model is changed."""
    data = sentences.read([across.paper()], minilm)
    assert [model["label"] for model in data["models"]] == [page_model.NAME]
    other = json.loads(json.dumps(data["models"][0]))
    for sentence in other["sentences"]:
        sentence["gram"] = sentence["gram"][:4]
    data["models"].insert(0, other | {"label": "mine", "own": False, "language": ""})
    shutil.copytree(bare, tmp_path / "site")
    (tmp_path / "site" / EXPLORE).write_text(PAGE.format(page=sentences.page(data)), encoding="utf-8")
    seen = visit((tmp_path / "site" / EXPLORE).as_uri())
    assert len(seen.shown()["gram"]) == 4 and "trained on" not in seen.tab.inner_text("#explore-sentence")
    seen.tab.get_by_label("Left sentence").select_option(index=5)
    seen.tab.get_by_label("Model").select_option(label=page_model.NAME)
    assert len(seen.shown()["gram"]) == 7 and seen.shown()["text"] == sentences.prepared()[5]
    assert seen.tab.get_by_role("slider").input_value() == "6"
    assert not seen.trouble


def test_prepared_products_make_up_importance(minilm) -> None:
    parts = Decomposer(minilm.model)(**minilm.tokenizer(SENTENCES[0], return_tensors="pt"))
    ten = page_model.products(parts)
    assert len(ten[0]) == len(TERMS) * (len(TERMS) + 1) // 2
    of_term = torch.tensor([sentences.shares(one) for one in ten])
    torch.testing.assert_close(of_term, parts.importance()[:, 0].T, rtol=0, atol=1e-5)


def test_no_registry_is_named_and_versions_are_pinned() -> None:
    lock = (page_model.SOURCES / "package-lock.json").read_text()
    assert "resolved" not in lock and "https:" not in lock
    pinned = json.loads((page_model.SOURCES / "package.json").read_text())["dependencies"]
    assert all(version[0].isdigit() for version in pinned.values())
