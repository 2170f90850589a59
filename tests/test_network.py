"""A network that accepts and stays silent ends in one sentence, and soon; one that is slow is waited for."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import hf_hub_download

from dissect import models, network
from dissect.corpora import files, nltk_data
from dissect.errors import DissectError, MissingCorpus, SilentNetwork

PATIENCE = 2.0  # seconds, in these tests


@contextmanager
def silent_host() -> Iterator[str]:
    """The address of a host on this machine that accepts every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"  # the backlog accepts by itself


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setenv(network.PATIENCE, str(PATIENCE))
    monkeypatch.setattr(network, "given_up", {})


@pytest.mark.slow
def test_a_hub_that_stays_silent_is_one_sentence(tmp_path):
    with silent_host() as host:
        there = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": host, "HF_HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "dissect.cli", "check", "some/name"], env=os.environ | there,
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 1 and not done.stdout
    assert "has not answered for 2 s" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_model_is_given_up_in_time(tmp_path, online, monkeypatch):
    with silent_host() as host:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", host)
        assert PATIENCE / 2 < timed(lambda: models.load("some/name-that-is-nowhere")) < 2 * PATIENCE


@pytest.mark.slow
@pytest.mark.parametrize("lookup", [0.6 * PATIENCE, 1.5 * PATIENCE])
def test_a_name_that_is_looked_up_in_vain_is_given_up(lookup, tmp_path, online, monkeypatch):
    """The system's resolver waits by rules of its own; it is not asked again and again."""

    def unanswered(*_, **__):
        time.sleep(lookup)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unanswered)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://hub.invalid")
    assert timed(lambda: models.load("some/name-that-is-nowhere")) < PATIENCE + 1.5 * lookup


class Hub(BaseHTTPRequestHandler):
    """A file that comes in pieces: slower as a whole than the patience, but never silent so long."""

    pieces, pause = 8, PATIENCE / 6

    def do_HEAD(self) -> None:
        self.send_response(200)
        for name, value in {
            "ETag": '"0123456789"', "X-Repo-Commit": "0" * 40, "Content-Length": str(self.pieces),
        }.items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        for n in range(self.pieces):
            time.sleep(self.pause)
            self.wfile.write(str(n).encode())

    def log_message(self, *_) -> None:
        pass


class Stalled(Hub):
    """Answers, sends nothing, and keeps the connection."""

    pause = 4 * PATIENCE


@contextmanager
def hub(kind: type[Hub]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.socket.close()


def fetched(endpoint: str, folder) -> str:
    with network.watched():
        return hf_hub_download("some/name", "file", endpoint=endpoint, cache_dir=folder)


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


def test_a_slow_download_is_waited_for(tmp_path, online):
    begun = time.monotonic()
    with hub(Hub) as endpoint, open(fetched(endpoint, tmp_path), encoding="utf-8") as file:
        assert file.read() == "01234567"
    assert time.monotonic() - begun > PATIENCE


def test_an_answer_without_its_contents_is_given_up(tmp_path, online):
    begun = time.monotonic()
    with hub(Stalled) as endpoint, pytest.raises(SilentNetwork, match="has not answered for 2 s"):
        fetched(endpoint, tmp_path)
    assert time.monotonic() - begun < 5 * PATIENCE


def test_a_host_that_was_given_up_is_not_waited_for_again(tmp_path, online):
    with silent_host() as host:
        waited = [timed(lambda: fetched(host, tmp_path)) for _ in range(2)]
    assert waited[0] > PATIENCE / 2 and waited[1] < PATIENCE / 4


def timed(call: Callable[[], object], kind: type[Exception] = SilentNetwork) -> float:
    begun = time.monotonic()
    with pytest.raises(kind) as caught:
        call()
    assert "\n" not in str(caught.value)
    return time.monotonic() - begun


def test_a_corpus_is_given_up_as_well(tmp_path, monkeypatch):
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path))
    monkeypatch.delenv("DISSECT_DATA", raising=False)
    with silent_host() as host:
        source = files.Source(host + "/train", "0" * 64)
        monkeypatch.setattr(files, "SOURCES", dict.fromkeys(["wnut16/train", "wnut16/dev"], source))
        waited = [timed(lambda name=name: files.find(name), MissingCorpus) for name in files.SOURCES]
    assert PATIENCE / 2 < waited[0] < 3 * PATIENCE and waited[1] < PATIENCE / 4


def test_nltk_waits_no_longer(tmp_path, monkeypatch):
    """Its downloader refuses addresses of this machine, so what it would have met is raised."""
    asked = []

    def silent(url, timeout):
        asked.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path))
    monkeypatch.setattr("nltk.data.path", [])
    monkeypatch.setattr("nltk.downloader.urlopen", silent)
    for name in nltk_data.COPIES:
        with pytest.raises(MissingCorpus, match="could not download"):
            nltk_data.place(name)
    assert asked == [PATIENCE]  # the second corpus is on the host that was given up


@pytest.mark.parametrize("value", ["soon", "0", "-1", "inf"])
def test_a_patience_that_is_none_is_refused(value, monkeypatch):
    monkeypatch.setenv(network.PATIENCE, value)
    with pytest.raises(DissectError, match="is no number of seconds"):
        network.patience()
