"""A training that is interrupted goes on from its checkpoint, to the weights of one that was not."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, BertModel

from dissect.errors import DissectError
from dissect.models.finetuning import Recipe, resuming, state, tune
from dissect.models.finetuning.training import batches_before
from dissect.places import ROOT
from tests.conftest import SIZES
from tests.tokenizers_of_each_kind import word_pieces

WORDS = "Anna Bern Oslo went to is cold not and in".split()
LINES = [" ".join(random.Random(n).sample(WORDS, 6)) for n in range(24)]
STEPS = 9  # of three epochs of 22 sentences, eight a step; two are held out


def tag_of(word: str) -> str:
    return "B-X" if word[0].isupper() else "O"


@pytest.fixture
def recipes(tmp_path, monkeypatch) -> dict[str, Recipe]:
    """A small model with dropout, and what it is tuned on; a checkpoint is kept at every step."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(resuming, "PAUSE", 0.0)
    monkeypatch.setattr(resuming, "AFTER_AN_EPOCH", 0.0)
    monkeypatch.setattr(resuming, "SHARE", 0)
    tokenizer = word_pieces(LINES)
    torch.manual_seed(0)
    AutoModel.from_config(
        AutoConfig.for_model("bert", **SIZES | {"vocab_size": len(tokenizer)})
    ).save_pretrained("m")
    tokenizer.save_pretrained("m")
    blocks = ["\n".join(f"{word} {tag_of(word)}" for word in line.split()) for line in LINES]
    Path("some.conll").write_text("\n\n".join(blocks), encoding="utf-8")
    Path("some.txt").write_text("\n".join(LINES), encoding="utf-8")
    common = {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3}
    return {
        "ner": Recipe("ner", "some.conll", **common),
        "mlm": Recipe("mlm", "some.txt", **common),
        "ner, the head faster": Recipe("ner", "some.conll", head_rate=30, **common),
    }


class Stop(BaseException):
    """As Ctrl-C raises one."""


@dataclass
class Passes:
    """Of the model in training: at which it is stopped, how many sentences fit in one, how many were made."""

    stop: int = 0
    fits: int = 99
    made: int = 0

    def until(self, stop: int) -> None:
        self.stop, self.made = stop, 0


@pytest.fixture
def passes(monkeypatch) -> Passes:
    whole, told = BertModel.forward, Passes()

    def forward(self, input_ids=None, **options):
        if self.training and len(input_ids) > told.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        told.made += self.training
        if self.training and told.made == told.stop:
            raise Stop
        return whole(self, input_ids=input_ids, **options)

    monkeypatch.setattr(BertModel, "forward", forward)
    return told


def same(one: Path, other: Path) -> bool:
    a, b = (load_file(folder / "model.safetensors") for folder in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def hidden() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.name.startswith("."))


def interrupted(recipe: Recipe, passes: Passes, steps: int) -> None:
    """A training that is stopped after so many steps."""
    passes.until(steps + 1)
    with pytest.raises(Stop):
        tune("m", recipe, Path("parts"))
    assert not Path("parts").exists()
    passes.until(0)


@pytest.mark.parametrize("kind", ["ner", "mlm", "ner, the head faster"])
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_weights_and_loss_are_those_of_a_training_without_interruption(kind, steps, recipes, passes, capsys):
    """Interrupted within an epoch or at its end, and once more two steps later."""
    whole = tune("m", recipes[kind], Path("whole"))
    assert passes.made == STEPS
    for done in (steps, 2):
        interrupted(recipes[kind], passes, done)
    capsys.readouterr()
    parts = tune("m", recipes[kind], Path("parts"))
    assert passes.made == STEPS - steps - 2
    assert (
        f"fine-tuning m goes on after step {steps + 2}, where it was interrupted" in capsys.readouterr().err
    )
    assert same(whole, parts)
    assert (whole / "README.md").read_text() == (parts / "README.md").read_text()  # with the last loss
    assert not hidden()


def test_where_batches_are_taken_in_parts_no_larger_ones_are_tried_again(recipes, passes, capsys):
    passes.fits = 4
    whole = tune("m", recipes["mlm"], Path("whole"))
    interrupted(recipes["mlm"], passes, 11)
    capsys.readouterr()
    parts = tune("m", recipes["mlm"], Path("parts"))
    assert "out of memory" not in capsys.readouterr().err and same(whole, parts)


def test_parts_are_counted_epoch_by_epoch():
    """Of 22 examples four at a time an epoch has six parts, and of parts two by two three steps."""
    assert [batches_before(step, 22, 4, 2) for step in range(5)] == [0, 2, 4, 6, 8]
    assert [batches_before(step, 18, 4, 2) for step in range(5)] == [0, 2, 4, 5, 7]


def test_a_checkpoint_holds_tensors_and_text_alone_and_the_last_is_kept(recipes, passes):
    interrupted(recipes["ner"], passes, 4)
    (place,) = Path(".parts.checkpoint").iterdir()
    assert place.name == "4"
    assert sorted(file.name for file in place.iterdir()) == [
        "about.json", "model.safetensors", "tensors.safetensors", "trainer_state.json"
    ]  # fmt: skip


@pytest.mark.parametrize("change", ["recipe", "data", "model", "damage"])
def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_used(change, recipes, passes, capsys):
    recipe = recipes["ner"]
    interrupted(recipe, passes, 4)
    if change == "recipe":
        recipe = replace(recipe, learning_rate=2e-3)
    elif change == "data":
        file = Path("some.conll")
        file.write_text(file.read_text(encoding="utf-8").replace("Bern B-X", "Bern O"), encoding="utf-8")
    elif change == "model":
        model = AutoModel.from_pretrained("m")
        with torch.no_grad():
            model.encoder.layer[0].output.dense.bias += 0.1
        model.save_pretrained("m")
    else:
        file = Path(".parts.checkpoint/4/tensors.safetensors")
        file.write_bytes(file.read_bytes()[:-100])
    parts = tune("m", recipe, Path("parts"))
    assert passes.made == STEPS and "goes on" not in capsys.readouterr().err
    assert same(tune("m", recipe, Path("whole")), parts) and not hidden()


def test_a_training_that_diverged_leaves_no_checkpoint(recipes):
    with pytest.raises(DissectError, match="diverged"):
        tune("m", replace(recipes["ner"], learning_rate=1e30), Path("parts"))
    assert not hidden()


def test_no_room_for_checkpoints_is_told_once_and_stops_nothing(recipes, monkeypatch, capsys):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state, "save_file", full)
    assert tune("m", recipes["ner"], Path("out")).is_dir()
    assert capsys.readouterr().err.count("no checkpoint is kept: no room on the disk") == 1
    assert not hidden()


@pytest.mark.parametrize(
    "seconds, steps", [(0.0, [3, 6, 9, 12, 15]), (2.5, [3, 6, 9, 12, 15]), (5.0, [3, 7, 11, 15])]
)
def test_checkpoints_are_kept_now_and_then(seconds, steps, recipes, monkeypatch):
    """Each minute, and sooner at the end of an epoch; never at the last step; seldom where one takes long."""
    now = [0.0]
    monkeypatch.setattr(resuming.time, "monotonic", lambda: now[0])
    kept: list[int] = []

    def save(self, trainer, at_once):
        kept.append(trainer.state.global_step)
        now[0] += seconds

    monkeypatch.setattr(resuming.Checkpoints, "save", save)
    whole = BertModel.forward

    def forward(self, *args, **options):
        now[0] += 25.0 if self.training else 0.0
        return whole(self, *args, **options)

    monkeypatch.setattr(BertModel, "forward", forward)
    monkeypatch.setattr(resuming, "PAUSE", 60.0)
    monkeypatch.setattr(resuming, "AFTER_AN_EPOCH", 10.0)
    monkeypatch.setattr(resuming, "SHARE", 20)
    tune("m", replace(recipes["mlm"], batch_size=4), Path("out"))
    assert kept == steps


def test_what_is_drawn_after_a_checkpoint_is_drawn_again(tmp_path):
    tensors, rest = state.random_state(torch.device("cpu"))
    state.save_file(state.named("random", tensors), tmp_path / state.TENSORS)
    (tmp_path / state.ABOUT).write_text(json.dumps({"random": rest}))
    drawn = random.gauss(), float(np.random.normal()), torch.rand(3).tolist()
    state.read_random(None, tmp_path)  # type: ignore[arg-type]
    assert (random.gauss(), float(np.random.normal()), torch.rand(3).tolist()) == drawn


@pytest.mark.slow
def test_killed_again_and_again_a_training_ends_with_the_same_weights(recipes):
    """kill -9, at whatever moment it comes."""
    code = (
        "import sys; from dissect.cli import main; from dissect.models.finetuning import resuming;"
        "resuming.PAUSE = resuming.AFTER_AN_EPOCH = resuming.SHARE = 0; main()"
    )
    words = "--model m --corpus some.conll --epochs 40 --batch-size 4 --learning-rate 1e-3".split()
    started = [sys.executable, "-c", code, "tune"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    moments, killed = random.Random(0), 0
    while killed < 3:
        process = subprocess.Popen(
            [*started, "parts", *words], env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        before = steps_kept()
        while process.poll() is None and steps_kept() == before:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        assert not Path("parts").exists()
    for name in ("parts", "whole"):
        done = subprocess.run([*started, name, *words], env=environment, capture_output=True, check=True)
        assert (b"goes on after step" in done.stderr) == (name == "parts")
    assert same(Path("parts"), Path("whole"))
    assert not hidden()


def steps_kept() -> set[str]:
    return {place.name for place in Path(".parts.checkpoint").glob("[0-9]*")}
