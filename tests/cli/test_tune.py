"""`dissect tune`: what it refuses, in one sentence, and all of it once in a process of its own."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from transformers import AutoConfig, AutoModel
from typer.testing import CliRunner

from dissect.cli import work
from dissect.places import ROOT
from tests.conftest import SIZES
from tests.tokenizers_of_each_kind import word_pieces

LINES = ["Anna went to Oslo .", "Bern is cold ."]
KINDS = {".": "MARK", "Oslo": "NAME"}
TAGGED = "\n\n".join(
    "\n".join(f"{word} {KINDS.get(word, 'X')} B-NP" for word in line.split()) for line in LINES * 8
)
QUESTIONS = {"data": [{"paragraphs": [
    {"context": line, "qas": [
        {"id": f"{n}", "question": "Who ?", "answers": [{"text": line.split()[0], "answer_start": 0}]}
    ]} for n, line in enumerate(LINES)
]}]}  # fmt: skip


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A folder with a small model, and files to learn from."""
    monkeypatch.chdir(tmp_path)
    tokenizer = word_pieces([*LINES, "Who ?"])
    torch.manual_seed(0)
    AutoModel.from_config(
        AutoConfig.for_model("bert", **SIZES | {"vocab_size": len(tokenizer)})
    ).save_pretrained("m")
    tokenizer.save_pretrained("m")
    (tmp_path / "some.conll").write_text(TAGGED, encoding="utf-8")
    (tmp_path / "nested.conll").write_text("Oslo B-LOC B-CITY\nis O O\n", encoding="utf-8")
    (tmp_path / "latin.conll").write_text("Göteborg O\n", encoding="latin-1")
    (tmp_path / "some.json").write_text(json.dumps(QUESTIONS), encoding="utf-8")
    (tmp_path / "damaged.json").write_text(json.dumps(QUESTIONS).replace("Bern", "Born", 1), encoding="utf-8")
    return tmp_path


REFUSED = {
    "--task chess": "task='chess': give ner, tags, qa or mlm",
    "--task tags --corpus some.conll --column five": "column='five': give a number from 1, or last",
    "--task tags --corpus some.conll --column 0": "column='0': give a number from 1, or last",
    "--task tags --corpus some.conll --column 4": "there is no column 4 among 3 columns",
    "--task tags --corpus some.conll --column 1": "column 1 of some.conll is not one of tags",
    "--task tags --corpus some.conll --column 3": "all words of some.conll have one tag",
    "--task tags --corpus nowhere": "no tags to tune on under 'nowhere'",
    "--task ner --corpus some.conll --column 2": "--column is of --task tags: leave it out with --task ner",
    "--task tags --corpus some.conll --column 2 --tag-column 3": "leave --column 2 out",
    "--task tags --corpus some.conll --word-column 4": "there is no column 4 among 3 columns",
    "--task tags --corpus semcor --word-column 2": "semcor has columns of its own",
    "--task ner --corpus nested.conll": "nested.conll may be in column 2 or 3: name one with --tag-column",
    "--task ner --corpus some.conll --tag-column 2": "some.conll, line 1: expected a tag such as O or B-PER",
    "--task ner --corpus some.conll": "some.conll have one tag",
    "--task ner --corpus wikigold --tag-column 2": "wikigold has columns of its own",
    "--task mlm --corpus some.conll --tag-column 2": "only ner and tags are read from columns",
    "--task ner --corpus latin.conll": "latin.conll, line 1: expected UTF-8 text, found the byte 0xf6",
    "--task qa --corpus nowhere.json": "no questions under 'nowhere.json'",
    "--task qa --corpus some.conll": "damaged or not in SQuAD's JSON format",
    "--task qa --corpus damaged.json": "mend its answer_start",
    "--task qa": "squad/train-v2.0.json is not in the data folder",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_cannot_be_learned_is_refused_and_nothing_left_behind(options, there, monkeypatch):
    monkeypatch.setenv("DISSECT_DATA", str(there))
    before = sorted(there.iterdir())
    done = CliRunner().invoke(work.app, ["tune", "out", "--model", "m", *options.split()])
    said = str(done.exception)
    assert done.exit_code == 1 and REFUSED[options] in said and "\n" not in said
    assert sorted(there.iterdir()) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, told",
    [
        ("--task qa --corpus some.json --epochs 2", "fine-tuned to answer questions"),
        ("--task tags --corpus some.conll --column 2 --epochs 1", "held out: accuracy: "),
        (
            "--task ner --corpus nested.conll --tag-column 3 --epochs 1",
            "- corpus: nested.conll\n- column: 3\n",
        ),
    ],
)
def test_a_copy_is_made_by_the_command(options, told, there):
    command = [sys.executable, "-m", "dissect.cli", "tune", "out", "--model", "m", *options.split()]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the model is in out\n"
    assert told in (there / "out" / "README.md").read_text(encoding="utf-8")
    assert re.search(r'"seconds": \d', (there / "out" / "made.json").read_text(encoding="utf-8"))
    assert not [file for file in there.iterdir() if file.name.startswith(".")]
