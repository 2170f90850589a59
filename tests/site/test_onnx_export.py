"""The exported graph against PyTorch: terms, importance and products, for any batch and length."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from dissect import Decomposer
from dissect.cli import app
from dissect.errors import DissectError, UnsupportedModel
from dissect.models.loading import Loaded
from dissect.site.onnx_export import CHECKED, INPUTS, OUTPUTS, graph_of, measure, quantised, save, session_of
from tests.conftest import batch, tiny

pytestmark = pytest.mark.slow

BATCHES = {
    "one word": ["Cranes"],
    "a sentence": ["The crane stood in the river."],
    "padded": ["The crane stood in the river, on one leg, until the rain came.", "No.", "A heron left."],
    "long": ["the crane and the heron " * 60, "short"],
}


@pytest.fixture(scope="module")
def graph(minilm):
    return graph_of(minilm)


def answers(graph, inputs: dict) -> dict[str, torch.Tensor]:
    """What onnxruntime makes of a graph, by output."""
    found = session_of(graph).run(list(OUTPUTS), {name: inputs[name].numpy() for name in INPUTS})
    return {name: torch.from_numpy(value) for name, value in zip(OUTPUTS, found, strict=True)}


def assert_alike(graph, model, inputs: dict) -> None:
    """All outputs are PyTorch's, at every layer and every real token."""
    ours, layers = answers(graph, inputs), Decomposer(model).layers(**inputs)
    mask = inputs["attention_mask"].bool()
    e, terms = ours["last_hidden_state"], ours["terms"]
    torch.testing.assert_close(e[mask], layers[-1].embedding[mask], rtol=0, atol=1e-4)
    torch.testing.assert_close(terms[:, mask], layers[-1].terms[:, mask], rtol=0, atol=1e-4)
    importance = torch.stack([parts.importance() for parts in layers])
    torch.testing.assert_close(ours["importance"][..., mask], importance[..., mask], rtol=0, atol=1e-4)
    for found, parts in zip(ours["products"], layers, strict=True):
        products = torch.einsum("xbtd,ybtd->xybt", parts.terms, parts.terms)
        products /= parts.embedding.square().sum(-1)
        torch.testing.assert_close(found[..., mask], products[..., mask], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", BATCHES)
def test_the_graph_gives_pytorchs_terms(graph, minilm, name: str) -> None:
    inputs = minilm.tokenizer(BATCHES[name], return_tensors="pt", padding="longest", truncation=False)
    assert_alike(graph, minilm.model, {name: inputs[name] for name in INPUTS})


@pytest.mark.parametrize("family", ["roberta", "distilbert"])
def test_other_encoders_are_exported_too(family: str) -> None:
    model = tiny(family, dtype=torch.float32)
    assert_alike(graph_of(Loaded(family, model, None)), model, batch(3, 11, lengths=[11, 4, 7]))


@pytest.mark.parametrize("family", ["bart", "vit"])
def test_what_reads_no_text_with_one_stack_is_refused(family: str) -> None:
    with pytest.raises(UnsupportedModel, match="not exported"):
        graph_of(Loaded(family, tiny(family), None))


def test_integers_move_importance_as_little_as_is_stated(graph, minilm, tmp_path: Path) -> None:
    about = save(minilm, graph, tmp_path / "small.onnx", quantise=True)
    assert about["bytes"] == (tmp_path / "small.onnx").stat().st_size < graph.ByteSize() / 3
    assert json.loads((tmp_path / "small.json").read_text())["error"] == about["error"]
    from dissect.corpora import text

    decomposer, missed = Decomposer(minilm.model), []
    for sentence in text(limit=CHECKED):
        inputs = minilm.tokenizer(sentence, return_tensors="pt")
        theirs = np.stack([parts.importance().numpy() for parts in decomposer.layers(**inputs)])
        missed.append(np.abs(answers(tmp_path / "small.onnx", inputs)["importance"].numpy() - theirs).ravel())
    every = np.concatenate(missed)
    assert about["error"]["max"] == pytest.approx(every.max(), rel=1e-2)
    assert about["error"]["mean"] == pytest.approx(every.mean(), rel=1e-2)
    assert 1e-4 < about["error"]["mean"] < about["error"]["p99"] < about["error"]["max"] < 0.05


def test_the_four_terms_of_the_small_graph_still_sum_to_its_embedding(graph, minilm) -> None:
    found = answers(quantised(graph), minilm.tokenizer("A heron left.", return_tensors="pt"))
    torch.testing.assert_close(found["terms"].sum(0), found["last_hidden_state"], rtol=0, atol=1e-4)


def test_a_graph_that_misses_is_not_written(graph, minilm, tmp_path: Path, monkeypatch) -> None:
    wrong = quantised(graph)
    assert measure(minilm, wrong, ["A heron left."])["max"] > 1e-4
    with pytest.raises(DissectError, match="misses PyTorch's importance"):
        save(minilm, wrong, tmp_path / "wrong.onnx", quantise=False)
    assert not list(tmp_path.iterdir())


def test_no_path_of_this_machine_is_in_a_graph(graph) -> None:
    written = graph.SerializeToString()
    for place in (Path(__file__).resolve().parents[2], Path(torch.__file__).parent):
        assert str(place).encode() not in written


def test_the_command_writes_a_graph_and_its_description(graph, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("dissect.site.onnx_export.graph_of", lambda loaded: graph)
    result = CliRunner().invoke(app, ["export-onnx", str(tmp_path / "minilm.onnx"), "--quantise"])
    assert result.exit_code == 0, result.output
    assert {file.name for file in tmp_path.iterdir()} == {"minilm.onnx", "minilm.json"}
    assert json.loads((tmp_path / "minilm.json").read_text())["weights"] == "int8"
