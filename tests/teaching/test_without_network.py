"""A class works without a network once everything is installed: no host is even asked for."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from dissect.places import ROOT
from dissect.runs.chapters import CHAPTERS
from dissect.teaching.handouts import teach

pytestmark = pytest.mark.slow

EXERCISED = [name for name in CHAPTERS if (ROOT / "dissect/data/exercises" / f"{name}.md").is_file()]
# What a kernel does before all else: refuse whoever asks for another host, and write down for which.
CUT = """
import os
import socket

HERE = (None, "", "localhost", "127.0.0.1", "::1", b"localhost", b"127.0.0.1")
look_up, connect = socket.getaddrinfo, socket.socket.connect


def refuse(host):
    with open(os.environ["ASKED"], "a", encoding="utf-8") as file:
        print(host, file=file)
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def look_up_here(host, *others, **named):
    return look_up(host, *others, **named) if host in HERE else refuse(host)


def connect_here(self, address):
    far = self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in HERE
    return refuse(address[0]) if far else connect(self, address)


socket.getaddrinfo = look_up_here
socket.socket.connect = socket.socket.connect_ex = connect_here
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch) -> Path:
    """Kernels have no network, and it is not known beforehand; the file with the hosts asked for."""
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "sitecustomize.py").write_text(CUT, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'cut'}:{ROOT}")
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    for scheme in ("HTTP", "HTTPS"):  # for libraries with sockets of their own
        monkeypatch.setenv(f"{scheme}_PROXY", "http://nowhere.invalid:9")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "asked"


@pytest.fixture(scope="module")
def students(tmp_path_factory) -> Path:
    return teach(tmp_path_factory.mktemp("teach") / "class", small=True) / "student"


def run(notebook, folder: Path) -> None:
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()


@pytest.mark.parametrize("chapter", [EXERCISED[0], EXERCISED[-1]])
def test_a_chapter_runs_and_asks_nobody(asked: Path, students: Path, chapter: str) -> None:
    notebook = nbformat.read(students / f"{chapter}.ipynb", as_version=4)
    run(notebook, students)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert "Everything is there" in outputs[0].text
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3
    assert not asked.exists(), asked.read_text(encoding="utf-8")


def test_the_network_is_cut(asked: Path, tmp_path: Path) -> None:
    code = "import socket\nsocket.create_connection(('example.org', 80))"
    with pytest.raises(CellExecutionError, match="Temporary failure"):
        run(new_notebook(cells=[new_code_cell(code)]), tmp_path)
    assert asked.read_text(encoding="utf-8") == "example.org\n"
