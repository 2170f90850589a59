"""A sentence to move: with widgets and somebody at the notebook; else a picture that stands still."""

import base64
import io
import sys

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from PIL import Image

from dissect.errors import DissectError
from dissect.models import Loaded
from dissect.report import interactive

TEXT = "A crane flew."
WIDGET = "application/vnd.jupyter.widget-view+json"
CELL = """from dissect.chapter import interactive, models
interactive.sentence(models.load("minilm"), "A crane flew.", 1, "h+f")"""


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def somebody(monkeypatch) -> list[dict]:
    """Somebody is at the notebook; what is displayed."""
    shown: list[dict] = []
    monkeypatch.setattr(interactive, "live", lambda: True)
    monkeypatch.setattr(interactive, "display", lambda data, raw: shown.append(data))
    return shown


@pytest.fixture
def panel(minilm: Loaded) -> ipywidgets.VBox:
    return interactive.panel(ipywidgets, minilm, TEXT, 1, "h+f")


def test_without_anybody_the_picture_stands_still(minilm: Loaded) -> None:
    assert not interactive.live()
    interactive.sentence(minilm, TEXT, 1, "h+f")
    (axis,) = plt.gcf().axes
    assert [line.get_label() for line in axis.lines[:3]] == ["$h$ attention", "$f$ feed-forward", "$h+f$"]


def test_without_the_package_it_does_so_too(minilm: Loaded, somebody, monkeypatch, recwarn) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # its import fails
    interactive.sentence(minilm, TEXT)
    assert len(plt.get_fignums()) == 1 and not somebody and not recwarn


def test_with_both_there_are_controls_and_no_second_picture(minilm: Loaded, somebody) -> None:
    interactive.sentence(minilm, TEXT, 1, "h+f")
    (shown,) = somebody
    assert WIDGET in shown and not plt.get_fignums()
    assert Image.open(io.BytesIO(base64.b64decode(shown["image/png"]))).format == "PNG"


@pytest.mark.parametrize(("control", "value"), [(0, "Two cranes flew."), (1, 4), (2, "i+c")])
def test_each_control_draws_anew_without_loading_anything(minilm, panel, control, value, monkeypatch) -> None:
    monkeypatch.setattr("transformers.AutoModel.from_pretrained", None)
    text, layer, subset, said, picture = panel.children
    before = picture.value
    panel.children[control].value = value
    assert picture.value != before and said.value == "" and not plt.get_fignums()
    drawn = interactive.png(minilm, text.value, layer.value, subset.value)
    assert Image.open(io.BytesIO(picture.value)).tobytes() == Image.open(io.BytesIO(drawn)).tobytes()


def test_layers_and_subsets_are_those_that_there_are(panel, minilm: Loaded) -> None:
    _, layer, subset, _, _ = panel.children
    assert (layer.min, layer.value, layer.max) == (0, 1, minilm.model.config.num_hidden_layers)
    assert len(subset.options) == 15 and "" not in subset.options
    assert interactive.panel(ipywidgets, minilm, TEXT).children[1].value == layer.max


@pytest.mark.parametrize(
    ("text", "said"),
    [("  ", "is empty"), ("word " * 100, "has 102 tokens: give one of at most 80"), ("a\ud800", "UTF-8")],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence_and_taken_back(panel, text: str, said: str) -> None:
    before = panel.children[-1].value
    panel.children[0].value = text
    assert said in panel.children[3].value and "\n" not in panel.children[3].value
    assert panel.children[-1].value == before
    panel.children[0].value = TEXT
    assert panel.children[3].value == ""


def test_what_is_said_is_no_markup(panel, monkeypatch) -> None:
    def refuse(*_):
        raise DissectError("<b>no</b>")

    monkeypatch.setattr(interactive, "png", refuse)
    panel.children[1].value = 2
    assert "&lt;b&gt;no" in panel.children[3].value


@pytest.mark.slow
def test_an_executed_notebook_has_the_picture_and_no_widget() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs  # and no warning
    assert "image/png" in output.data and WIDGET not in output.data
    assert "widgets" not in notebook.metadata


@pytest.mark.slow
def test_a_front_end_that_may_be_asked_gets_controls() -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    shown: list[dict] = []

    def take(message: dict) -> None:
        if message["msg_type"] == "display_data":
            shown.append(message["content"]["data"])

    try:
        reply = client.execute_interactive(CELL, allow_stdin=True, timeout=240, output_hook=take)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok"
    (data,) = shown
    assert WIDGET in data and "image/png" in data
