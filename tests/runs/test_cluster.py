"""Runs whose terms and probes are made by the workers of a cluster."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from dissect import DissectError, corpora
from dissect.experiments import word_senses as of_senses
from dissect.experiments.hyperparameters import choose
from dissect.experiments.probes import Training
from dissect.experiments.word_senses import sense_terms, word_senses
from dissect.features import gathering
from dissect.pool.address import CLUSTER, WAIT
from dissect.pool.mapping import disconnected
from dissect.runs import cluster, manifest, queues
from dissect.runs.cluster import Team, local, scheduler
from dissect.runs.run import run
from dissect.runs.settings import settings_from
from tests.pool import processes
from tests.pool.processes import until, worker

QUICK = Training(epochs=2)
SMALL = {"sections": (5,), "limit": 12, "seeds": 1, "siblings": "ner"}


@pytest.fixture(scope="module")
def two():
    with local(2) as there:
        yield there
        disconnected(there)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def experiment(minilm, folder):
    """The results on a few senses, and the trials of a search."""
    items = sense_terms(minilm, corpora.senses("teaching", 30), folder)
    return word_senses(items, [0], training=QUICK), choose(items, 1)[1]


def files(folder):
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".seconds", ".log")]
    return {path.relative_to(folder): path.read_bytes() for path in found}


def test_an_experiment_on_two_workers_is_bit_for_bit_that_on_one_machine(
    minilm, two, tmp_path, monkeypatch, one_thread
):
    monkeypatch.setattr(gathering, "TOKENS_PER_SHARD", 300)
    monkeypatch.setattr(of_senses, "TRAINING", QUICK)
    alone, trials = experiment(minilm, tmp_path / "alone")
    monkeypatch.setenv(CLUSTER, two)
    together, trials_together = experiment(minilm, tmp_path / "together")
    assert len(trials) == 15 and trials_together.equals(trials)
    for name in ("scores", "groups", "intervals", "pairs", "agreement", "consistency"):
        assert getattr(together, name).equals(getattr(alone, name)), name
    left = files(tmp_path / "alone")
    assert len(left) > 40 and files(tmp_path / "together") == left


def said_by(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500)
    assert "Traceback" not in done.stderr + done.stdout
    return done


def command(*words):
    of = [("--" + name, str(value)) for name, value in (SMALL | {"sections": 5}).items()]
    return [sys.executable, "-m", "dissect.cli", "run", "--no-site", *sum(of, ()), *words]


@pytest.mark.slow
def test_a_run_on_a_cluster_has_the_tables_of_one_without(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = said_by(command("--name", "two", "--cluster", "local:2"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the scheduler's dashboard is at http://127.0.0.1:" in done.stderr
    assert said_by(command("--name", "one"), tmp_path).returncode == 0
    two, one = (manifest.required(tmp_path / "runs" / name) for name in ("two", "one"))
    assert two.results == one.results and one.cluster == []
    (workers,) = two.cluster
    assert workers["workers"] == 2 and workers["threads"] == 1 and workers["host"]
    assert "--cluster local:2" in two.command
    assert {kind: of.computed for kind, of in two.chapters["5-ner"].work.items()} == {
        kind: of.computed for kind, of in one.chapters["5-ner"].work.items()
    }
    assert two.work["fine-tuned models"].computed == 1
    left = [path.name for path in (tmp_path / "runs" / "two").rglob(".*") if path.name != ".lock"]
    assert not left


@pytest.mark.slow
def test_a_run_whose_scheduler_is_killed_ends_in_one_sentence_and_goes_on_without(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("DISSECT_PATIENCE", "5")
    folder = tmp_path / "runs" / "x"
    with processes.scheduler(tmp_path) as (there, process), worker(there, tmp_path):
        words = command("--name", "x", "--cluster", there)
        begun = subprocess.Popen(
            words, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        until(lambda: len(list(folder.glob("features/*/answers/*.safetensors"))) > 3, 300)
        process.send_signal(signal.SIGKILL)
        out, errors = begun.communicate(timeout=200)
    assert begun.returncode == 1 and "Traceback" not in out + errors
    last = errors.strip().splitlines()[-1]
    assert "does not answer" in last and "the same command goes on" in last
    time.sleep(1)
    done = {path: path.stat().st_mtime_ns for path in folder.glob("features/*/answers/*.safetensors")}
    assert said_by(command("--name", "x"), tmp_path).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in done} == done  # none was made again
    assert said_by(command("--name", "whole"), tmp_path).returncode == 0
    whole = manifest.required(tmp_path / "runs" / "whole")
    assert manifest.required(folder).results == whole.results


def test_a_cluster_is_one_of_three_things(tmp_path):
    for given in ("local", "local:0", "tcp://host", "nowhere.yaml", "http://host:1"):
        with pytest.raises(DissectError, match="give local:N, a scheduler's address"), scheduler(given):
            pass
    with scheduler("tcp://somewhere:8786") as address:
        assert address == "tcp://somewhere:8786"


def test_without_a_worker_a_run_ends_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv(WAIT, "1")
    with processes.scheduler(tmp_path) as (there, _):
        settings = settings_from({"name": "x", "cluster": there, **SMALL})
        with pytest.raises(DissectError, match="no worker has come for 1 s: start one with dask worker"):
            run(settings, tmp_path / "runs", say=lambda line: None)
    assert CLUSTER not in os.environ


def test_the_dashboard_is_told_where_there_is_one(two, tmp_path):
    with cluster.connected_to(two) as client:
        assert cluster.dashboard(client).startswith("the scheduler's dashboard is at http://127.0.0.1:")
    with processes.scheduler(tmp_path) as (there, _), cluster.connected_to(there) as client:
        assert cluster.dashboard(client).startswith("the scheduler shows no dashboard")


def test_workers_are_told_of_by_kind_and_other_instructions_are_noted(two, capsys, monkeypatch):
    with cluster.connected_to(two) as client:
        team = Team(client)
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "NEON")
        (told,) = team.told()
        assert told["workers"] == 2 and told["instructions"] != "NEON"
        assert capsys.readouterr().err.count("and this machine NEON: last digits may differ") == 2
        team.told()
        assert not capsys.readouterr().err  # once


def test_a_worker_of_a_queue_does_one_thing_with_all_its_cores():
    options = queues.of_kind(
        "slurm", 8, {"cores": 8, "processes": 2, "job_script_prologue": ["module load x"]}
    )
    assert options["worker_extra_args"] == ["--nthreads", "1", "--memory-limit", "0"]
    assert options["processes"] == 2 and queues.of_kind("sge", 8, {})["processes"] == 1
    assert "export OMP_NUM_THREADS=4" in options["job_script_prologue"]
    assert options["job_script_prologue"][-1] == "module load x"
    assert queues.of_kind("cuda", 2, {})["n_workers"] == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: slurm", "give workers"),
        ("workers: 2", "give a kind, one of slurm, pbs"),
        ("kind: [", "not YAML"),
        ("kind: slurm\nworkers: true", "give workers"),
    ],
)
def test_a_file_of_a_cluster_that_is_wrong_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "cluster.yaml"
    file.write_text(text)
    with pytest.raises(DissectError, match=sentence), scheduler(str(file)):
        pass


@pytest.mark.parametrize(("kind", "package"), [("slurm", "dask-jobqueue"), ("cuda", "dask-cuda")])
def test_a_package_that_is_not_installed_is_told(tmp_path, monkeypatch, kind, package):
    file = tmp_path / "cluster.yaml"
    file.write_text(f"kind: {kind}\nworkers: 2\n")
    there = queues.find_spec
    monkeypatch.setattr(queues, "find_spec", lambda name: None if "dask_" in name else there(name))
    with pytest.raises(DissectError, match=f"this cluster needs {package}: pip install {package}"):
        with scheduler(str(file)):
            pass
