"""Every command in the prose, run in a folder that has what it names.

What takes minutes is left out of it: chapters, sites, training and timing, which other tests run. The
models are small ones; everything else is done as the command does it.
"""

import os
import re
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification, BertModel
from typer.testing import CliRunner

from dissect import models
from dissect.cli import work
from dissect.models import loading
from dissect.models.finetuning import training
from dissect.runs import doctor
from dissect.runs import run as runs
from dissect.runs.chapters import CHAPTERS
from dissect.site import build, compare
from tests.test_project import COMMANDS, Misused, arguments, shown_commands, understood

TAGGERS = ("my-ner", "my-model-ner", "dslim/bert-base-NER-uncased", "twmkn9/bert-base-uncased-squad2")
PLAIN = (
    "minilm-as-it-is", "my-model", "path/or/name", "bert-base-uncased", "distilbert-base-uncased",
    "sentence-transformers/all-mpnet-base-v2",
)  # fmt: skip
OF_PAPER = re.compile(r"--profile paper|wikigold|fetch|^dissect tune|task mlm")  # what reads its corpora
BUILT = "the site would be built"


def called() -> list[str]:
    """The commands in the prose that can be called as they stand, and are not only named."""
    lines = {line.removeprefix(".venv/bin/") for _, line in shown_commands()}
    return sorted(line for line in lines if line.startswith("dissect") and callable_as_it_is(line))


def callable_as_it_is(line: str) -> bool:
    words = arguments(line)
    try:
        understood(words)
        if words[0] in COMMANDS.commands and len(words) == 1:
            COMMANDS.commands[words[0]].make_context(words[0], [])
    except Misused:
        return False
    return True


@pytest.fixture(scope="module")
def there(minilm, small_run, tmp_path_factory) -> Path:
    """Models, runs and files by the names that the prose uses."""
    folder = tmp_path_factory.mktemp("there")
    config = BertConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        vocab_size=len(minilm.tokenizer), max_position_embeddings=128,
    )  # fmt: skip
    named = {name: BertModel for name in PLAIN} | dict.fromkeys(TAGGERS, BertForTokenClassification)
    heads = dict.fromkeys(("my-mlm", "runs/minilm/models/minilm-head"), BertForMaskedLM)
    for name, kind in (named | heads).items():
        kind(config).save_pretrained(folder / name)
        minilm.tokenizer.save_pretrained(folder / name)
    left = shutil.ignore_patterns("site", "features", "models")
    for name in ("mine", "their-run", "NAME"):
        shutil.copytree(small_run, folder / "runs" / name, ignore=left)
    (folder / "my-tags.conll").write_text("Stir VB\nthe DT\nflour NN\n\nBake VB\nit PRP\n")
    (folder / "recipes.txt").write_text("Stir the flour into the milk.\nBake it for an hour.\n")
    (folder / "senses.txt").write_text(
        "# crane noun bird : a bird\nThe *crane* flew.\n# crane noun machine : it lifts\nThe *crane* fell.\n"
    )
    (folder / "my-entities").mkdir()
    for name in ("my-entities/train", "my-entities/dev", "my-entities/test", "more.conll"):
        (folder / name).write_text("Marta NNP B-PER\nQuill NNP I-PER\nsings VBZ O\n")
    (folder / "checkpoints.yaml").write_text("by: parameters\nmodels: [minilm, ./my-model]\n")
    (folder / "my-run.yaml").write_text("name: mine\nmodel: ./my-model\ntuned: [./my-model-ner]\n")
    return folder


@pytest.fixture
def at_hand(there, tmp_path, monkeypatch) -> Path:
    """A copy of it to work in, where what takes minutes is left out."""
    folder = shutil.copytree(there, tmp_path / "there")
    monkeypatch.chdir(folder)
    location = models.location
    small = str(folder / "minilm-as-it-is")
    for module in (models, loading):
        monkeypatch.setattr(module, "location", lambda name: small if name == "minilm" else location(name))
    monkeypatch.setattr(runs, "run_chapters", lambda *_: None)
    monkeypatch.setattr(runs, "team", lambda *_: nullcontext())  # no scheduler answers at the prose's address
    for module in (build, compare):
        monkeypatch.setattr(module, "build_site", lambda *_, **__: print(BUILT))
    monkeypatch.setattr(build, "build_swept", lambda *_: print(BUILT))
    monkeypatch.setattr(training, "train", lambda *_: 0.1)
    monkeypatch.setattr(
        doctor, "estimates", lambda *_: dict.fromkeys((*CHAPTERS, "fine-tuning", "site"), 1.0)
    )
    return folder


@pytest.mark.parametrize("line", called())
def test_every_command_in_the_prose_runs(line: str, at_hand: Path, monkeypatch, request) -> None:
    if OF_PAPER.search(line):
        request.getfixturevalue("corpora_here")
    words = arguments(line)
    if words[0] in ("tune", "teach"):
        shutil.rmtree(words[1], ignore_errors=True)  # what it is to make
    if words[0] == "verify":
        monkeypatch.undo()  # the run was the real model's
        os.chdir(at_hand)
    done = CliRunner().invoke(work.app, words)
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    assert done.output.strip()
