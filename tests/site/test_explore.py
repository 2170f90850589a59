"""The page Explore shows what PyTorch and the tables say, by pointer and by keyboard, and in print."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from dissect.decomposition.decomposer import Decomposer
from dissect.decomposition.parts import TERMS, members, subsets
from dissect.site import across, sentences

SENTENCE = sentences.SENTENCES[0]


@pytest.fixture(scope="module")
def states(minilm) -> list:
    batch = minilm.tokenizer(SENTENCE, return_tensors="pt").to(minilm.model.device)
    return Decomposer(minilm.model).layers(**batch)


def measured(states: list, subset: str, layer: int, token: int) -> dict[str, float]:
    """Share, cosine and length of a subset, from the vectors themselves."""
    e = states[layer].embedding[0, token].double()
    x = states[layer][subset][0, token].double()
    return {
        "share": (e @ x / (e @ e)).item(),
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
            assert gram[some].sum().item() == pytest.approx(wanted["share"], abs=1e-3)
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
    data = {"dissected": {"model": "</script><b>"}, "run": "</script>"}
    text = sentences.page(data).partition('id="explore-data">')[2]
    assert text.count("</script>") == 1
    assert json.loads(text.partition("</script>")[0]) == data


def test_a_model_that_is_not_here_is_replaced_by_the_default(tmp_path: Path) -> None:
    assert sentences.loaded_for(str(tmp_path / "elsewhere")).label == sentences.DEFAULT


@pytest.fixture
def tab(browser, site: Path) -> Iterator:
    tab = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    tab.goto((site / "book" / "explore.html").as_uri())
    yield tab
    tab.close()


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_a_subset_a_layer_and_a_measure_can_be_picked(tab, states) -> None:
    tool = tab.locator("#explore-sentence")
    tool.get_by_role("checkbox", name="h attention").check()
    tool.get_by_role("checkbox", name="i input").uncheck()
    tool.get_by_role("checkbox", name="c biases").check()
    tool.get_by_label("Layer", exact=True).fill("3")
    for measure in ("share", "cosine", "length"):
        tool.get_by_label("Measure", exact=True).select_option(label=measure)
        for token in (1, 2, 5):
            shown = tool.locator(".bars li").nth(token).locator(".value").inner_text()
            assert number(shown) == pytest.approx(measured(states, "h+c", 3, token)[measure], abs=0.006)
            cell = tool.locator("tbody tr").nth(token).locator("td").nth(6).inner_text()
            assert number(cell) == pytest.approx(measured(states, "h+c", 6, token)[measure], abs=0.006)


def test_the_table_is_walked_by_keyboard(tab, states) -> None:
    tool = tab.locator("#explore-sentence")
    tool.locator("tbody td").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        tab.keyboard.press(key)
    told = tool.locator(".detail").inner_text()
    assert told.startswith("crane, layer 2: shares i")
    share = number(told.partition("i: share ")[2].partition(",")[0])
    assert share == pytest.approx(measured(states, "i", 2, 2)["share"], abs=0.006)
    tab.keyboard.press("Enter")
    assert tool.get_by_label("Layer", exact=True).input_value() == "2"
    assert tool.locator("tbody td[tabindex='0']").count() == 1


def shares(told: str) -> dict[str, float]:
    """The four numbers in "…: shares i 0.55, h 0.07, …"."""
    listed = told.partition("shares ")[2].partition(". ")[0]
    return {term: number(value) for term, value in (one.split() for one in listed.split(", "))}


def test_a_cell_and_a_bar_tell_by_pointer(tab, states) -> None:
    """Shares of the token and layer under the pointer, as the vectors have them."""
    tool = tab.locator("#explore-sentence")
    detail = tool.locator(".detail")
    for token, layer in ((2, 4), (5, 1)):
        tool.locator("tbody tr").nth(token).locator("td").nth(layer).hover()
        told = detail.inner_text()
        assert f"layer {layer}: shares" in told
        assert shares(told) == pytest.approx(
            {term: measured(states, term, layer, token)["share"] for term in TERMS}, abs=0.006
        )
    chosen = int(tool.get_by_label("Layer", exact=True).input_value())
    tool.locator(".bars li").nth(3).hover()
    told = detail.inner_text()
    assert f"layer {chosen}: shares" in told
    assert shares(told)["f"] == pytest.approx(measured(states, "f", chosen, 3)["share"], abs=0.006)


def test_curves_tell_the_layer_under_the_pointer(tab) -> None:
    tool = tab.locator("#explore-curves")
    bert = across.paper().tables["importance"]
    name = bert["model"].iloc[0]
    tool.get_by_label("Right", exact=True).select_option(label=name)
    panel = tool.locator(".panel").nth(1)
    panel.scroll_into_view_if_needed()
    told = set()
    for along in (0.1, 0.5, 0.9):
        box = panel.locator("svg").bounding_box()
        tab.mouse.move(box["x"] + along * box["width"], box["y"] + 0.5 * box["height"])
        layer = int(panel.locator("caption").inner_text().removeprefix("Layer ").partition(" ")[0])
        table = bert[(bert["model"] == name) & (bert["layer"] == layer)].set_index("term")["mean"]
        shown = [number(text) for text in panel.locator("tr td:nth-of-type(1)").all_inner_texts()]
        assert shown == pytest.approx([table.get(term, 0) for term in TERMS], abs=0.006)
        told.add(layer)
    assert len(told) == 3


def test_models_can_be_switched(tab) -> None:
    tool = tab.locator("#explore-curves")
    bert = across.paper().tables["importance"]
    for name in list(dict.fromkeys(bert["model"])):
        tool.get_by_label("Right", exact=True).select_option(label=name)
        panel = tool.locator(".panel").nth(1)
        assert name in panel.locator(".title").inner_text()
        last = bert[(bert["model"] == name) & (bert["layer"] == 12)].set_index("term")["mean"]
        shown = [number(text) for text in panel.locator("tr td:nth-of-type(1)").all_inner_texts()]
        assert shown == pytest.approx([last[term] for term in TERMS], abs=0.006)


def test_subsets_can_be_brought_out(tab, small_run: Path) -> None:
    tool = tab.locator("#explore-agreement")
    tool.get_by_role("checkbox", name="h", exact=True).check()
    table = pd.read_parquet(small_run / "results" / "senses_agreement.parquet")
    knn = table[table["predictor"] == "knn"]
    inside = knn["terms_a"].str.contains("h").astype(int) + knn["terms_b"].str.contains("h").astype(int)
    wanted = [100 * knn[inside == count]["agreement"].mean() for count in (2, 1, 0)]
    rows = tool.locator("table.values tbody tr")
    shown = [number(rows.nth(n).locator("td").first.inner_text().removesuffix(" %")) for n in range(3)]
    assert shown == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("where", ["print", "no script"])
def test_a_prepared_sentence_stands_where_no_sentence_can_be_dissected(browser, site: Path, where) -> None:
    context = browser.new_context(java_script_enabled=where == "print")
    tab = context.new_page()
    tab.goto((site / "book" / "your-sentence.html").as_uri())
    tool = tab.locator("#own-sentence")
    table = tab.locator(".own-sentence-static table" if where == "no script" else "#os-tokens table")
    if where == "print":  # the sentence that was picked, without what picks it
        assert tool.locator(".os-controls").is_visible()
        tab.emulate_media(media="print")
    assert table.is_visible() and not any(t.is_visible() for t in tool.locator("form, .os-controls").all())
    rows = table.locator("tbody tr")
    for n in range(rows.count()):
        texts = rows.nth(n).locator("td").all_inner_texts()
        four = [number(text) for text in (texts[-4:] if where == "no script" else texts[:4])]
        assert sum(four) == pytest.approx(1, abs=0.021)  # four numbers of two places
    assert rows.count() > 4
    context.close()


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
