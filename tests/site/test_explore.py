"""The page Explore shows what PyTorch and the tables say, by pointer and by keyboard, and in print."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pandas as pd
import pytest
import torch

from dissect.decomposition.decomposer import Decomposer
from dissect.decomposition.parts import TERMS, members, subsets
from dissect.site import across, charts, moved, page_model, sentences

PAIR = sentences.prepared()[:2]
SENTENCE = PAIR[0]


@pytest.fixture(scope="module")
def states(minilm) -> list:
    batch = minilm.tokenizer(SENTENCE, return_tensors="pt").to(minilm.model.device)
    return Decomposer(minilm.model).layers(**batch)


def measured(states: list, subset: str, layer: int, token: int) -> dict[str, float]:
    """Importance, cosine and length of a subset, from the vectors themselves."""
    e = states[layer].embedding[0, token].double()
    x = states[layer][subset][0, token].double()
    return {
        "importance": (e @ x / (e @ e)).item(),
        "cosine": torch.cosine_similarity(e, x, dim=0).item(),
        "length": (x.norm() / e.norm()).item(),
    }


def test_the_products_tell_every_subset(minilm, states) -> None:
    data = sentences.dissected(minilm, [SENTENCE])["sentences"][0]
    assert len(data["gram"]) == len(states) and len(data["gram"][0]) == len(data["tokens"])
    rows, columns = torch.triu_indices(4, 4)
    for layer, token in ((0, 1), (3, 4), (len(states) - 1, 2)):
        gram = torch.zeros(4, 4, dtype=torch.float64)
        gram[rows, columns] = gram[columns, rows] = torch.tensor(data["gram"][layer][token]).double()
        for subset in subsets()[1:]:
            some = members(subset)
            wanted = measured(states, subset, layer, token)
            assert gram[some].sum().item() == pytest.approx(wanted["importance"], abs=1e-3)
            assert gram[some][:, some].sum().clamp(min=0).sqrt().item() == pytest.approx(
                wanted["length"], abs=1e-2
            )


def test_curves_and_matrices_are_the_tables() -> None:
    paper = across.paper()
    bert = sentences.curves([paper])[0]
    table = paper.tables["importance"]
    row = table[(table["model"] == bert["model"]) & (table["layer"] == 12) & (table["term"] == "f")].iloc[0]
    assert bert["lines"]["f"]["mean"][12] == pytest.approx(row["mean"], abs=1e-4)
    assert bert["lines"]["h"]["mean"][0] == 0  # the published table has no row for it
    knn = sentences.matrices([paper])[0]
    assert knn["name"] == "word senses, kNN"
    assert knn["grid"][0][1] == knn["grid"][1][0] == 67 and knn["grid"][3][3] is None


def test_the_page_is_given_numbers_as_they_are_to_be_rounded_once() -> None:
    """67.46 was 67.5 in the data, and 68 on the page, beside the picture's 67."""
    rows = pd.DataFrame(
        [("knn", "i", "h", 0.67456)], columns=["predictor", "terms_a", "terms_b", "agreement"]
    )
    assert sentences.matrices([across.Run("one", "", {"senses_agreement": rows})])[0]["grid"][0][1] == 67.456
    long = pd.DataFrame(
        [("one", layer, term, 0.1234567, 0.7654321) for layer in (0, 1) for term in TERMS],
        columns=["model", "layer", "term", "mean", "std"],
    )
    (curve,) = sentences.curves([across.Run("one", "", {"importance": long})])
    assert curve["lines"]["f"] == {"mean": [0.1234567] * 2, "std": [0.7654321] * 2}


def test_a_run_without_tables_has_nothing_to_show() -> None:
    bare = across.Run("bare", "", {})
    assert sentences.curves([bare]) == [] and sentences.matrices([bare]) == []


def test_the_data_cannot_end_their_element() -> None:
    data = {"models": [{"label": "</script><b>"}], "run": "</script>"}
    text = sentences.page(data).partition('id="explore-data">')[2]
    assert json.loads(text.partition("</script>")[0]) == data


def test_a_model_that_is_not_here_is_replaced_by_the_default(tmp_path: Path) -> None:
    assert sentences.loaded_for(str(tmp_path / "elsewhere")).label == page_model.MODEL


@pytest.fixture
def tab(browser, site: Path) -> Iterator:
    tab = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    tab.trouble = []
    tab.on(
        "console", lambda line: tab.trouble.append(line.text) if line.type in ("error", "warning") else None
    )
    tab.on("pageerror", lambda error: tab.trouble.append(str(error)))
    tab.goto((site / "book" / "explore.html").as_uri())
    tab.wait_for_function("() => document.querySelectorAll('.explore-tool .chart svg').length === 5")
    yield tab
    tab.close()


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def sentence_table(tab, side: str):
    return tab.get_by_role("table", name=f"Tokens by layers, {side}")


def test_the_page_opens_with_two_sentences_side_by_side(tab, states) -> None:
    """Without a click, from the disk: a word in two senses, attention's part of it in every layer."""
    tool = tab.locator("#explore-sentence")
    shown = [tool.get_by_label(f"{side} sentence").evaluate(CHOSEN) for side in ("Left", "Right")]
    assert shown == PAIR
    rules = tool.locator(".mark-rule.role-mark line")  # where bars are zero, and at the layer
    assert rules.count() == 3 and all(float(rule.bounding_box()["height"]) > 100 for rule in rules.all())
    told = tool.locator(".detail").all_inner_texts()
    assert len(told) == 2 and all(text.startswith(f"crane, layer {len(states) - 1}: ") for text in told)
    token = 2
    cells = sentence_table(tab, "left").locator("tbody tr").nth(token).locator("td").all_inner_texts()
    wanted = [measured(states, "h", layer, token)["importance"] for layer in range(len(states))]
    assert [number(cell) for cell in cells] == pytest.approx(wanted, abs=0.006)
    assert not tab.trouble


CHOSEN = "select => select.selectedOptions[0].textContent"


def test_a_subset_a_layer_and_a_measure_can_be_picked(tab, states) -> None:
    tool = tab.locator("#explore-sentence")
    for box in ("i input", "c biases"):
        tool.get_by_role("checkbox", name=box).check()
    tool.get_by_role("checkbox", name="i input").uncheck()
    tool.get_by_role("slider").fill("3")
    tool.locator("details").first.evaluate("one => { one.open = true; }")
    for measure in ("importance", "cosine", "length"):
        tool.get_by_label("Measure", exact=True).select_option(label=measure)
        for token in (1, 2, 5):
            cell = (
                sentence_table(tab, "left").locator("tbody tr").nth(token).locator("td").nth(6).inner_text()
            )
            assert number(cell) == pytest.approx(measured(states, "h+c", 6, token)[measure], abs=0.006)
            bars = tool.locator("details table").first.locator("tbody tr").nth(token).locator("td")
            four = [measured(states, subset, 3, token)[measure] for subset in (*TERMS, "h+c")]
            assert [number(text) for text in bars.all_inner_texts()] == pytest.approx(four, abs=0.006)
    assert not tab.trouble


BARS = "#explore-sentence .mark-rect.role-mark >> nth=0 >> path"


def test_the_bars_are_as_long_as_the_numbers(tab, states) -> None:
    """Importance is a length in pixels: two bars stand to each other as their numbers do."""
    tool = tab.locator("#explore-sentence")
    tool.get_by_label("Measure", exact=True).select_option(label="length")
    tool.get_by_role("slider").fill("4")
    count = len(states[4].embedding[0])
    tab.wait_for_function(
        "([bars, count]) => document.querySelector(bars).querySelectorAll('path').length === count",
        arg=["#explore-sentence .mark-rect.role-mark", count],
    )
    bars = tab.locator(BARS).evaluate_all("bars => bars.map(bar => bar.getBBox().width)")
    wanted = [measured(states, "h", 4, token)["length"] for token in range(count)]
    assert [bar / bars[1] for bar in bars] == pytest.approx([x / wanted[1] for x in wanted], abs=0.01)


def test_the_table_is_walked_by_keyboard_and_moves_the_pictures(tab, states) -> None:
    tool = tab.locator("#explore-sentence")
    sentence_table(tab, "left").locator("tbody td").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        tab.keyboard.press(key)
    told = tool.locator(".detail").first.inner_text()
    assert told.startswith("lifted, layer 2: importance i")
    assert shares(told) == pytest.approx(
        {term: measured(states, term, 2, 3)["importance"] for term in TERMS}, abs=0.006
    )
    assert tool.get_by_role("slider").input_value() == "2"
    assert "left: lifted" in tool.locator(".series").first.inner_text()
    assert sentence_table(tab, "left").locator("td[tabindex='0']").count() == 1


def test_a_bar_can_be_clicked(tab) -> None:
    tab.locator(BARS).nth(4 * 5 + 1).click(force=True)  # on its letter
    tab.wait_for_selector("#explore-sentence .detail >> text=steel")


def shares(told: str) -> dict[str, float]:
    """The four numbers in "…: importance i 0.55, h 0.07, …"."""
    listed = told.partition("importance ")[2].partition(". ")[0]
    return {term: number(value) for term, value in (one.split() for one in listed.split(", "))}


def test_a_link_keeps_the_sentences_and_what_was_picked(tab, browser, site: Path) -> None:
    tool = tab.locator("#explore-sentence")
    tool.get_by_label("Left sentence").select_option(label=sentences.prepared()[2])
    tool.get_by_role("checkbox", name="f feed-forward").check()
    tool.get_by_label("Measure", exact=True).select_option(label="cosine")
    tool.get_by_role("slider").fill("4")
    tool.get_by_role("button", name="Copy a link").click()
    tab.wait_for_selector("#explore-sentence .status:has-text('The link')")
    other = browser.new_page()
    other.goto(tab.url)
    other.wait_for_function("() => window.explore?.sentences")
    again = other.locator("#explore-sentence")
    assert again.get_by_label("Left sentence").evaluate(CHOSEN) == sentences.prepared()[2]
    assert again.get_by_label("Right sentence").evaluate(CHOSEN) == PAIR[1]
    assert again.get_by_role("slider").input_value() == "4"
    assert again.get_by_label("Measure", exact=True).evaluate(CHOSEN) == "cosine"
    assert again.get_by_role("checkbox", checked=True).count() == 2
    # the page scrolls there smoothly
    other.wait_for_function("document.querySelector('#explore-sentence').getBoundingClientRect().top < 200")
    other.close()


def test_what_stands_in_a_link_is_text(browser, site: Path) -> None:
    tab = browser.new_page()
    evil = "<img src=x onerror='window.harmed=1'><b>x</b>"
    tab.goto((site / "book/explore.html").as_uri() + f"#left={quote(evil)}&terms=zz&layer=-1&measure=nothing")
    tab.wait_for_function("() => window.explore?.sentences")
    assert evil in tab.locator("#explore-sentence .status").inner_text()
    assert not tab.evaluate("window.harmed") and tab.locator(".explore-tool b", has_text="x").count() == 0
    assert tab.evaluate("[...explore.sentences.state.picked]") == ["h"]
    tab.close()


def test_curves_are_the_tables_and_models_can_be_switched(tab) -> None:
    tool = tab.locator("#explore-importance")
    bert = across.paper().tables["importance"]
    for name in list(dict.fromkeys(bert["model"])):
        tool.get_by_label("Right", exact=True).select_option(label=name)
        side = tool.locator(".side").nth(1)
        assert name in side.locator(".title").inner_text()
        for layer in (1, 12):
            table = bert[(bert["model"] == name) & (bert["layer"] == layer)].set_index("term")
            cells = side.locator("tbody tr").nth(layer).locator("td").all_inner_texts()
            for text, term in zip(cells, TERMS, strict=True):
                shown = [number(part) for part in text.split(" ± ")]
                assert shown == pytest.approx(table.loc[term, ["mean", "std"]].tolist(), abs=0.006)
    tool.get_by_role("checkbox", name="i input").uncheck()
    assert tool.locator(".side").nth(1).locator("thead th").count() == 3
    assert not tab.trouble


def test_subsets_can_be_brought_out(tab, small_run: Path) -> None:
    tool = tab.locator("#explore-agreement")
    tool.get_by_role("checkbox", name="h attention").check()
    table = pd.read_parquet(small_run / "results" / "senses_agreement.parquet")
    knn = table[table["predictor"] == "knn"]
    inside = knn["terms_a"].str.contains("h").astype(int) + knn["terms_b"].str.contains("h").astype(int)
    wanted = [100 * knn[inside == count]["agreement"].mean() for count in (2, 1, 0)]
    rows = tool.locator("table.values tbody tr")
    shown = [number(rows.nth(n).locator("td").first.inner_text().removesuffix(" %")) for n in range(3)]
    assert shown == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("where", ["print", "no script"])
def test_the_pictures_stand_where_the_tools_cannot(browser, site: Path, where: str) -> None:
    context = browser.new_context(java_script_enabled=where == "print")
    tab = context.new_page()
    tab.goto((site / "book" / "explore.html").as_uri())
    pictures = tab.locator("figure.explore-static")
    if where == "print":
        assert not any(pictures.nth(n).is_visible() for n in range(3))
        tab.emulate_media(media="print")
    assert pictures.count() == 3 and all(pictures.nth(n).is_visible() for n in range(3))
    tables = tab.locator("div.explore-static table")
    assert tables.count() == len(PAIR) and all(table.is_visible() for table in tables.all())
    for row in tables.first.locator("tbody tr").all():
        assert sum(number(text) for text in row.locator("td").all_inner_texts()[-4:]) == pytest.approx(
            1, abs=0.021
        )
    assert not any(tool.is_visible() for tool in tab.locator(".explore-tool").all())
    context.close()


def test_a_cell_of_agreement_is_the_pictures_number(tab, site: Path) -> None:
    """Cell by cell the page's whole number is Python's of the same value, halves to the even one too."""
    data = json.loads(tab.locator("#explore-data").text_content())
    cells = (
        tab.locator("#explore-agreement table")
        .first.locator("tbody tr")
        .evaluate_all(
            "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.textContent))"
        )
    )
    grid = data["matrices"][0]["grid"]
    expected = [[f"{grid[a][b]:.0f}" for b in range(a + 1, 15)] for a in range(15)]
    assert [row[a + 1 :] for a, row in enumerate(cells)] == expected


def test_without_the_model_the_page_is_light(browser, site: Path) -> None:
    """As a server sends it that compresses text; the charting scripts are the half of it."""
    tab = browser.new_page()
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((site / "book" / "explore.html").as_uri())
    tab.wait_for_selector("#explore-agreement td")
    tab.wait_for_load_state("networkidle")
    tab.close()
    files = {Path(unquote(urlsplit(address).path)) for address in asked if address.startswith("file:")}
    assert site / "_static" / page_model.STATIC / page_model.CHARTS in files
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < LIGHT


LIGHT = 1_000_000  # bytes


def test_the_charts_come_in_a_script_that_defines_one_name() -> None:
    """The bundle and Sphinx's own scripts both call something `_`."""
    assert charts.script().startswith("(() => {") and "window.vegaEmbed" in charts.script()


def test_the_former_page_leads_to_the_tool(site: Path) -> None:
    page = (site / "book" / "your-sentence.html").read_text(encoding="utf-8")
    assert "book/explore.html#sentence" in page
    assert moved.PAGES["book/your-sentence.html"] == "book/explore.html#sentence"
    explore = (site / "book" / "explore.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in explore for name in ("sentence", "importance", "agreement"))
