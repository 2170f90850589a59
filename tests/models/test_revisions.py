"""Revisions of models on the hub, by their names."""

import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest
from transformers import BertConfig, BertModel

from dissect.errors import UnknownModel
from dissect.models import at_revision, fingerprint, load
from tests.conftest import SIZES, saved


def in_hub_cache(cache: Path, model: str, revisions: dict[str, Path]) -> None:
    """Lay models out as revisions of one, as the hub's client keeps what it has downloaded."""
    place = cache / f"models--{model.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    for n, (revision, folder) in enumerate(revisions.items()):
        commit = f"{n}" * 40
        shutil.copytree(folder, place / "snapshots" / commit)
        (place / "refs" / revision).write_text(commit)


def test_a_revision_of_a_model_can_be_named(tmp_path, minilm, monkeypatch):
    config = BertConfig(**SIZES | {"vocab_size": len(minilm.tokenizer)})
    for revision in ("step1", "main"):
        saved(BertModel(config), minilm.tokenizer, tmp_path / revision, 0.1)
    folders = {revision: tmp_path / revision for revision in ("step1", "main")}
    in_hub_cache(tmp_path / "hub", "some/model", folders)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    found = {name: load(name) for name in ("some/model@step1", "some/model@main", "some/model")}
    prints = {name: fingerprint(loaded.model) for name, loaded in found.items()}
    assert prints["some/model@step1"] == fingerprint(load(str(tmp_path / "step1")).model)
    assert prints["some/model@main"] == prints["some/model"] != prints["some/model@step1"]
    assert found["some/model@step1"].label == "some/model@step1"
    with pytest.raises(UnknownModel, match=r"could be loaded as 'some/model@step2'"):
        load("some/model@step2")


def test_a_folder_has_no_revision(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    for name in ("mine@step1", "minilm@step1"):
        with pytest.raises(UnknownModel, match="is a folder, which has no revision 'step1'"):
            load(name)
    Path("mine@1").mkdir()  # a folder may be called anything
    assert at_revision("mine@1") == ("mine@1", None) and at_revision("me@host/x") == ("me", "host/x")
