"""The page Explore shows what PyTorch and the tables say, by pointer and by keyboard, and in print."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from dissect import across, explore
from dissect.decomposition import Decomposer
from dissect.parts import TERMS, members, subsets

SENTENCE = explore.SENTENCES[0]


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
    data = explore.dissected(minilm, [SENTENCE])["sentences"][0]
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
    bert = explore.curves([paper])[0]
    table = paper.tables["importance"]
    row = table[(table["model"] == bert["model"]) & (table["layer"] == 12) & (table["term"] == "f")].iloc[0]
    assert bert["lines"]["f"]["mean"][12] == pytest.approx(row["mean"], abs=1e-4)
    assert bert["lines"]["h"]["mean"][0] == 0  # the published table has no row for it
    knn = explore.matrices([paper])[0]
    assert knn["name"] == "word senses, kNN"
    assert knn["grid"][0][1] == knn["grid"][1][0] == 67 and knn["grid"][3][3] is None


def test_a_run_without_tables_has_nothing_to_show() -> None:
    bare = across.Run("bare", "", {})
    assert explore.curves([bare]) == [] and explore.matrices([bare]) == []


def test_the_data_cannot_end_their_element() -> None:
    data = {"dissected": {"model": "</script><b>"}, "run": "</script>"}
    text = explore.page(data).partition('id="explore-data">')[2]
    assert text.count("</script>") == 1
    assert json.loads(text.partition("</script>")[0]) == data


def test_a_model_that_is_not_here_is_replaced_by_the_default(tmp_path: Path) -> None:
    assert explore.loaded_for(str(tmp_path / "elsewhere")).label == explore.DEFAULT


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
