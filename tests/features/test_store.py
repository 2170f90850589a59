"""The store of terms: interrupted, damaged, stale, made in any order; and files written whole."""

import errno
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch

from dissect import DissectError, hashing, reuse
from dissect.experiments.hyperparameters import search
from dissect.experiments.probes import Judged, Split, Training, entity_probes, trained
from dissect.features import gathering
from dissect.features.gathering import target_terms, word_terms
from dissect.features.store import read_tensors, write_tensors
from dissect.files import write_text, written_whole
from dissect.models.loading import Loaded, load
from dissect.runs import manifest

SENTENCES = [f"The crane number {n} stood in the river, {'very ' * (n % 5)}still." for n in range(60)]
SPANS = [(n, 4, 9) for n in range(60)] + [(n, 0, 3) for n in range(60)]
QUICK = Training(epochs=1)
SMALL = 100  # tokens a shard
BESIDE = {"storing", "vectors"}  # work that is not kept


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(gathering, "TOKENS_PER_SHARD", SMALL)


def shards_of(folder):
    return sorted(folder.glob("*/*.safetensors"))


def test_a_store_gives_the_same_terms_as_memory_and_is_used_again(
    minilm, tmp_path, small_shards, monkeypatch
):
    stored = word_terms(minilm, SENTENCES, SPANS, tmp_path)
    assert len(stored.shards) > 5 and len(shards_of(tmp_path)) == len(stored.shards)
    in_memory = word_terms(minilm, SENTENCES, SPANS)
    assert torch.equal(stored.subset("i+h+f+c"), in_memory.subset("i+h+f+c"))
    assert torch.equal(stored.kept, in_memory.kept) and stored.shape == (4, 120, 384)
    monkeypatch.setattr(gathering, "shard_terms", None)  # nothing is computed any more
    again = word_terms(minilm, SENTENCES, SPANS, tmp_path)
    assert torch.equal(again.subset("h"), stored.subset("h"))


def test_the_table_of_items_tells_where_each_is(minilm, tmp_path, small_shards):
    stored = word_terms(minilm, SENTENCES, SPANS, tmp_path)
    folder = stored.folder
    table = pd.read_parquet(folder / "items.parquet")
    assert table["item"].tolist() == stored.kept.tolist()
    assert [SPANS[n][0] for n in table["item"]] == table["sentence"].tolist()
    sizes = table.groupby("shard").size().tolist()
    assert sizes == [shard.shape[1] for shard in stored.shards]
    about = json.loads((folder / "about.json").read_text())
    assert about["model"] == "minilm" and about["key"].startswith(folder.name)


def test_a_shard_does_not_depend_on_the_others(minilm, tmp_path, small_shards):
    """Deleted ones are made again, in whatever order, and come out bit for bit."""
    whole = word_terms(minilm, SENTENCES, SPANS, tmp_path).subset("i+f")
    files = shards_of(tmp_path)
    before = [file.read_bytes() for file in files]
    for file in files[1::2]:
        file.unlink()
    assert torch.equal(word_terms(minilm, SENTENCES, SPANS, tmp_path).subset("i+f"), whole)
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-1] + b"\x7f", lambda b: b""])
def test_a_damaged_shard_is_made_again(minilm, tmp_path, small_shards, damage):
    whole = word_terms(minilm, SENTENCES, SPANS, tmp_path).subset("h")
    file = shards_of(tmp_path)[2]
    good = file.read_bytes()
    file.write_bytes(damage(good))
    assert torch.equal(word_terms(minilm, SENTENCES, SPANS, tmp_path).subset("h"), whole)
    assert file.read_bytes() == good


def test_another_model_text_or_code_means_another_store(minilm, tmp_path, monkeypatch):
    ids = minilm.tokenizer(SENTENCES[:3])["input_ids"]

    def folder(loaded=minilm, ids=ids, targets=((0, [1]), (2, [1, 2]))):
        return target_terms(loaded, ids, list(targets), folder=tmp_path).folder

    first = folder()
    assert folder() == first
    changed = load("minilm")
    with torch.no_grad():
        changed.model.encoder.layer[3].output.dense.bias[0] += 1e-3
    others = [folder(changed), folder(ids=ids[::-1]), folder(targets=((0, [2]), (2, [1, 2])))]
    monkeypatch.setattr(hashing, "of_code", lambda modules: "other code")
    assert len({first, *others, folder()}) == 5
    renamed = Loaded("another name", minilm.model, minilm.tokenizer)
    assert folder(renamed) != first


@pytest.fixture
def upgrade(monkeypatch):
    """Pretends another version of a package."""
    there = importlib.metadata.version

    def pretend(package: str) -> None:
        monkeypatch.setattr(
            importlib.metadata, "version", lambda name: "0.0.1" if name == package else there(name)
        )

    return pretend


@pytest.mark.parametrize("package", hashing.COMPUTING)
def test_an_upgrade_makes_everything_anew(minilm, tmp_path, upgrade, package):
    """Terms, answers of probes and trials that another version made are not taken."""

    def made():
        with reuse.recorded() as work:
            stored = word_terms(minilm, SENTENCES[:20], SPANS[:20], tmp_path)
            labels = torch.arange(20) % 2
            split = Split(torch.arange(14), torch.arange(14, 17), torch.arange(17, 20))

            def probes(xs, trainings, labels=labels, split=split):
                return entity_probes(xs, labels, 2, split, trainings, 0)

            trained(probes, "probes", stored, {"h": QUICK}, labels, split, 0)
            search(lambda training, watch: watch(0, Judged(1.0, 1.0), Judged(1.0, 1.0)), QUICK, 1, tmp_path)
        return {kind: (of.computed, of.reused) for kind, of in work.items() if kind not in BESIDE}

    fresh = {"passes": (1, 0), "probes": (1, 0), "trials": (1, 0)}
    found = {"passes": (0, 1), "probes": (0, 1), "trials": (0, 1)}
    assert made() == fresh and made() == found
    upgrade(package)
    assert made() == fresh


def test_versions_told_and_versions_of_keys_are_the_same():
    assert set(hashing.COMPUTING) <= set(manifest.RECORDED)


def test_other_labels_choices_or_parts_are_other_answers(minilm, tmp_path):
    """As of another copy of a corpus, whose text is the same."""
    stored = word_terms(minilm, SENTENCES[:20], SPANS[:20], tmp_path)
    labels, split = torch.arange(20) % 2, Split(torch.arange(14), torch.arange(14, 17), torch.arange(17, 20))
    made: list[int] = []

    def probes(xs, trainings):
        made.append(1)
        return [{"predicted": torch.zeros(3)} for _ in xs]

    def ask(labels=labels, split=split, **data):
        trained(probes, "any", stored, {"h": QUICK}, labels, split, 0, **data)
        return len(made)

    assert ask() == ask() == 1
    assert ask(1 - labels) == 2
    assert ask(split=Split(split.train, split.test, split.dev)) == 3
    assert ask(first=labels) == 4 and ask(first=1 - labels) == 5 and ask(first=labels) == 5


@pytest.mark.parametrize(
    "module",
    [
        "features.gathering",
        "experiments.probes",
        "experiments.hyperparameters",
        "models.finetuning",
        "site.page_model",
    ],
)
def test_a_key_is_of_every_module_that_makes_numbers(module):
    """What a process has loaded of the package, once it has loaded the module, and so could run."""
    code = (
        f"import sys, dissect.{module}; print(*[name for name in sys.modules if name.startswith('dissect.')])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    inside = {name.removeprefix("dissect.") for name in loaded.split()}
    makers = {name for name in inside if name.split(".")[0] in hashing.NUMBERS}
    assert module in hashing.makers(module) and makers and makers <= hashing.makers(module)


KILLED = """
import sys
from dissect.features import gathering
from dissect.models.loading import load
gathering.TOKENS_PER_SHARD = {small}
sentences, spans = {sentences!r}, {spans!r}
print("ready", flush=True)
gathering.word_terms(load("minilm"), sentences, spans, sys.argv[1])
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_where_it_was(minilm, tmp_path, small_shards):
    code = KILLED.format(small=SMALL, sentences=SENTENCES, spans=SPANS)
    for attempt in range(4):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        process.stdout.readline()
        deadline = time.monotonic() + 60
        while len(shards_of(tmp_path)) <= attempt and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = {file: file.stat().st_mtime_ns for file in shards_of(tmp_path)}
    assert len(done) >= 4
    stored = word_terms(minilm, SENTENCES, SPANS, tmp_path)
    assert {file: file.stat().st_mtime_ns for file in done} == done  # none was made twice
    assert torch.equal(stored.subset("i+h+f+c"), word_terms(minilm, SENTENCES, SPANS).subset("i+h+f+c"))


def test_tensors_come_back_as_they_went(tmp_path):
    tensors = {"a": torch.arange(6).reshape(2, 3), "b": torch.randn(4)}
    back = write_tensors(tmp_path / "some.safetensors", tensors)
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)
    assert read_tensors(tmp_path / "none.safetensors") is None


def test_nothing_half_written_takes_a_files_name(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), written_whole(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("ne")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "no room on the disk"), (errno.EACCES, "give another folder")],
)
def test_a_full_disk_is_one_sentence(tmp_path, number, message):
    with pytest.raises(DissectError, match=message), written_whole(tmp_path / "a.txt"):
        raise OSError(number, os.strerror(number))
