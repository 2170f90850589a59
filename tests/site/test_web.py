"""The page "Dissect your own sentence" in a browser, and what it says where its model cannot be had."""

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
from dissect.site import page_model
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
<body style="font-family: sans-serif"><main>{page}</main></body></html>"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """The page alone, without the book around it and without a model."""
    site = tmp_path_factory.mktemp("bare")
    (site / "book" / "_run").mkdir(parents=True)
    page_model.stage(site / "book")
    shutil.move(site / "book" / "_static", site / "_static")
    page = (site / "book" / "_run" / "sentences.html").read_text(encoding="utf-8")
    (site / "book" / "your-sentence.html").write_text(PAGE.format(page=page), encoding="utf-8")
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
        self.tab.wait_for_function("window.dissect?.last")

    def load(self, variant: str) -> None:
        self.tab.check(f"input[value={variant}]")
        self.tab.click("#os-load")
        self.tab.wait_for_selector("#os-go:enabled")

    def dissect(self, sentence: str) -> dict:
        self.tab.fill("#os-text", sentence)
        self.tab.click("#os-go")
        self.tab.wait_for_function("text => window.dissect.last.text === text", arg=sentence.strip())
        return self.last()

    def last(self) -> dict:
        return self.tab.evaluate("window.dissect.last")

    def importance(self) -> np.ndarray:
        """(layers, tokens, terms)"""
        return np.array([[token["importance"] for token in layer] for layer in self.last()["cells"]])

    def cells(self, table: str) -> list[list[str]]:
        rows = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        return self.tab.eval_on_selector_all(f"{table} tbody tr", rows)


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


def test_ten_sentences_in_the_browser_are_pytorchs(visit, serve, whole, minilm) -> None:
    address = serve(whole)
    seen = visit(address + "book/your-sentence.html")
    seen.load("float32")
    for sentence in SENTENCES:
        last = seen.dissect(sentence)
        expected = theirs(minilm, sentence.strip())
        assert last["ids"] == minilm.tokenizer(sentence.strip(), truncation=False)["input_ids"], sentence
        assert np.abs(seen.importance() - expected).max() < 1e-4, sentence
        shown = [[float(cell.replace("−", "-")) for cell in row[1:5]] for row in seen.cells("#os-tokens")]
        assert np.abs(np.array(shown) - expected[-1]).max() < 1e-4 + 5e-4, sentence
    assert not seen.trouble
    assert all(one.startswith((address, "data:")) for one in seen.asked)


def test_subsets_have_the_length_and_the_cosine_of_the_sum(visit, serve, whole, minilm) -> None:
    seen = visit(serve(whole) + "book/your-sentence.html")
    seen.load("float32")
    seen.dissect(SENTENCES[0])
    layers = Decomposer(minilm.model).layers(**minilm.tokenizer(SENTENCES[0], return_tensors="pt"))
    ask = """names => window.dissect.last.cells.map(layer => layer.map(cell => {
        const { share, cosine } = window.dissect.ofSubset(cell, new Set(names));
        return [share, cosine];
    }))"""
    for subset in subsets()[1:]:
        found = np.array(seen.tab.evaluate(ask, subset.split("+")), dtype=float)
        for layer, parts in enumerate(layers):
            e, part = parts.embedding[0], parts[subset][0]
            there = part.norm(dim=-1) > 1e-6  # at layer 0, h and f are nothing, and have no direction
            share = (e * part).sum(-1) / (e * e).sum(-1)
            cosine = torch.cosine_similarity(e, part, dim=-1)
            assert np.abs(found[layer, :, 0] - share.numpy()).max() < 1e-4
            assert np.abs(found[layer, :, 1] - cosine.numpy())[there.numpy()].max(initial=0) < 1e-4


def test_the_small_model_is_the_one_whose_error_is_stated(visit, serve, whole, minilm) -> None:
    seen = visit(serve(whole) + "book/your-sentence.html")
    seen.load("int8")
    session = session_of(whole / "_static" / page_model.STATIC / page_model.VARIANTS["int8"])
    for sentence in SENTENCES[:3]:
        seen.dissect(sentence)
        inputs = minilm.tokenizer(sentence, return_tensors="np")
        feeds = {name: inputs[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
        (expected,) = session.run(["importance"], feeds)
        assert np.abs(seen.importance() - expected[:, :, 0].transpose(0, 2, 1)).max() < 1e-4
    error = seen.tab.evaluate("window.dissectBuilt")["variants"]["int8"]["error"]
    assert f"{error['mean']:.4f} on average and {error['max']:.3f} at most" in seen.tab.inner_text(
        "#os-models"
    )


def test_nothing_is_downloaded_before_the_button_says_how_much(visit, serve, whole) -> None:
    address = serve(whole)
    seen = visit(address + "book/your-sentence.html")
    seen.tab.wait_for_selector("#os-load")
    files = whole / "_static" / page_model.STATIC
    before = {one.rsplit("/", 1)[1] for one in seen.asked if one.startswith(address)}
    assert before == {"your-sentence.html", "page.css", "page.js", "built.js"}
    stated = seen.tab.inner_text("#os-load")
    seen.load("int8")
    after = {one.rsplit("/", 1)[1] for one in seen.asked if one.startswith(address)} - before
    size = sum((files / name).stat().st_size for name in after - {"live.js"})
    assert f"{size / 1e6:.0f} MB" in stated
    assert "exact.onnx" not in after


def test_the_tokenizer_in_the_page_is_the_models(visit, serve, whole, minilm) -> None:
    seen = visit(serve(whole) + "book/your-sentence.html")
    seen.load("int8")
    for text in SENTENCES + STRANGE:
        ids = seen.tab.evaluate("text => window.dissect.encode(text).ids", text)
        assert ids == minilm.tokenizer(text, truncation=False)["input_ids"], text


def test_too_long_and_empty_sentences_are_told_so(visit, serve, whole) -> None:
    seen = visit(serve(whole) + "book/your-sentence.html")
    seen.load("int8")
    for text, answer in (("  ", "The field is empty"), ("!" * 600, "Too long")):
        seen.tab.fill("#os-text", text)
        seen.tab.click("#os-go")
        seen.tab.wait_for_function(
            "a => document.getElementById('os-said').textContent.startsWith(a)", arg=answer
        )
    assert not seen.trouble


def test_from_the_disk_prepared_sentences_are_shown_and_why(visit, whole, minilm) -> None:
    seen = visit((whole / "book" / "your-sentence.html").as_uri())
    assert "opened from the disk" in seen.tab.inner_text("#os-why")
    assert not seen.tab.is_visible("#os-form")
    options = seen.tab.eval_on_selector_all("#os-example option", "all => all.map(one => one.textContent)")
    assert len(options) == 10
    for number, sentence in enumerate(options):
        seen.tab.select_option("#os-example", str(number))
        assert seen.last()["text"] == sentence
        assert np.abs(seen.importance() - theirs(minilm, sentence)).max() < 1e-4
    assert not seen.trouble
    assert all(one.startswith(("file:", "data:")) for one in seen.asked)


def test_a_site_without_the_model_says_so_wherever_it_is_opened(visit, serve, bare) -> None:
    for address in ((bare / "book").as_uri() + "/", serve(bare) + "book/"):
        seen = visit(address + "your-sentence.html")
        assert "built without the model" in seen.tab.inner_text("#os-why")
        assert "serve the site" not in seen.tab.inner_text("#os-why")
        assert seen.cells("#os-tokens") and not seen.tab.is_visible("#os-form")
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
    seen = visit(address + "book/your-sentence.html", device)
    seen.tab.emulate_media(color_scheme=first, reduced_motion="reduce")
    seen.load("int8")
    assert seen.dissect(SENTENCES[0])["tokens"][1:3] == ["the", "crane"]
    found = complaints(seen.tab.evaluate(LOOK)) | {"errors": list(seen.trouble)}
    assert not {what: value for what, value in found.items() if value}
    assert all(one.startswith((address, "data:", "blob:")) for one in seen.asked)
    if axe:
        seen.tab.evaluate(axe)
        assert not objections(seen.tab, then)


def test_the_keyboard_is_enough(visit, bare) -> None:
    seen = visit((bare / "book" / "your-sentence.html").as_uri())
    keys = seen.tab.keyboard
    seen.tab.focus("#os-example")
    keys.press("ArrowDown")
    assert seen.last()["text"] != seen.tab.inner_text("#os-example option >> nth=0")
    keys.press("Tab")
    assert seen.tab.evaluate("document.activeElement.id") == "os-layer"
    keys.press("ArrowLeft")
    assert seen.last()["layer"] == len(seen.last()["cells"]) - 2
    assert "Layer 5, mean of" in seen.tab.inner_text("#os-status")
    keys.press("Home")
    assert seen.last()["layer"] == 0
    keys.press("Tab")
    keys.press("Space")
    assert seen.last()["subset"] == ["h"]
    token = seen.tab.locator(".os-token").nth(2)
    token.focus()
    keys.press("Enter")
    pressed = seen.tab.locator(".os-token[aria-pressed=true]")
    assert pressed.count() == 1 and pressed.inner_text() in seen.tab.inner_text("#os-layers caption")
    assert seen.tab.evaluate("document.activeElement.textContent") == pressed.inner_text()
    assert not seen.trouble


def test_every_control_has_a_name_and_every_table_a_caption(visit, serve, whole) -> None:
    seen = visit(serve(whole) + "book/your-sentence.html")
    seen.tab.wait_for_selector("#os-load")
    nameless = """all => all.filter(one => !(one.labels?.length || one.textContent.trim()
        || one.getAttribute("aria-label"))).map(one => one.outerHTML)"""
    assert seen.tab.eval_on_selector_all("input, select, button, progress", nameless) == []
    for table in ("#os-tokens", "#os-layers"):
        assert seen.tab.inner_text(f"{table} caption")
        assert seen.tab.locator(f"{table} thead th:not([scope=col])").count() == 0
        assert seen.tab.locator(f"{table} tbody th:not([scope=row])").count() == 0


@pytest.mark.parametrize("served", [True, False])
def test_nothing_is_wider_than_a_phone(visit, serve, bare, whole, served: bool) -> None:
    address = (
        serve(whole) + "book/your-sentence.html" if served else (bare / "book/your-sentence.html").as_uri()
    )
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
    seen = visit(serve(site) + "book/your-sentence.html")
    seen.tab.wait_for_selector("#os-why:not(:empty)")
    assert reason in seen.tab.inner_text("#os-why")
    assert seen.cells("#os-tokens") and not seen.tab.is_visible("#os-form")
    assert not seen.trouble


def test_an_npm_that_fails_is_a_reason_and_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path))
    monkeypatch.setattr(page_model.shutil, "which", lambda name: shutil.os.fspath(tmp_path / "no-npm"))
    assert "npm could not fetch" in page_model.assets().reason
    assert not list(tmp_path.rglob("*.onnx"))


def test_data_of_a_page_cannot_end_its_element(minilm) -> None:
    data, table = page_model.prepared(minilm, ["</script><b>x</b>"])
    assert data.count("</script>") == 1 and data.endswith("</script>\n")
    assert table.count("\n| `") == len(minilm.tokenizer("</script><b>x</b>")["input_ids"])


def test_prepared_products_make_up_importance(minilm) -> None:
    parts = Decomposer(minilm.model)(**minilm.tokenizer(SENTENCES[0], return_tensors="pt"))
    ten = torch.tensor(page_model.products(parts))
    assert ten.shape[1] == len(TERMS) * (len(TERMS) + 1) // 2
    of_term = ten[:, [[0, 1, 2, 3], [1, 4, 5, 6], [2, 5, 7, 8], [3, 6, 8, 9]]].sum(-1)
    torch.testing.assert_close(of_term, parts.importance()[:, 0].T, rtol=0, atol=1e-5)


def test_no_registry_is_named_and_versions_are_pinned() -> None:
    lock = (page_model.SOURCES / "package-lock.json").read_text()
    assert "resolved" not in lock and "https:" not in lock
    pinned = json.loads((page_model.SOURCES / "package.json").read_text())["dependencies"]
    assert all(version[0].isdigit() for version in pinned.values())
