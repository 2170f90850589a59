"""The students' notebooks in JupyterLab: a chapter is run, answers are typed in, and verdicts are read."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dissect.places import ROOT
from dissect.runs.chapters import CHAPTERS
from dissect.teaching.exercises import Exercise, of_chapter
from dissect.teaching.handouts import teach

pytestmark = pytest.mark.slow

EXERCISED = [name for name in CHAPTERS if (ROOT / "dissect/data/exercises" / f"{name}.md").is_file()]
PATIENCE = 300.0  # seconds, of a busy machine
IDLE = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CELLS = "jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')"
FAILED = f"""{CELLS}.flatMap(cell => cell.model.outputs.toJSON())
    .filter(output => output.output_type === 'error' || output.name === 'stderr')
    .map(output => output.evalue || output.text)"""
ACTIVATE = """async id => {
    const notebook = jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.findIndex(cell => cell.model.id === id);
    await notebook.scrollToItem(notebook.activeCellIndex, 'start');
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[tuple[str, str]]:
    """A JupyterLab on the students' folder: its address, and the token that it asks for."""
    base = tmp_path_factory.mktemp("lab")
    students = teach(base / "class", small=True) / "student"
    own = {f"JUPYTER_{name}_DIR": str(base / name.lower()) for name in ("RUNTIME", "CONFIG", "DATA")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(base / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"]
    command += ["--expose-app-in-browser", str(students)]
    with (base / "log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield address_of(server, base)
    finally:
        server.terminate()
        server.wait(PATIENCE)


def address_of(server: subprocess.Popen, base: Path) -> tuple[str, str]:
    """What a server writes of itself into its folder once it listens."""
    begun = time.monotonic()
    while server.poll() is None and time.monotonic() - begun < PATIENCE:
        for place in (base / "runtime").glob("jpserver-*.json"):
            if place.stat().st_size:
                told = json.loads(place.read_text(encoding="utf-8"))
                return told["url"], told["token"]
        time.sleep(0.1)
    raise AssertionError((base / "log").read_text(encoding="utf-8"))


@pytest.fixture
def opened(browser, lab, chapter: str) -> Iterator:
    """A chapter in JupyterLab, with a kernel that waits; nobody but the server may be asked for anything."""
    url, token = lab
    tab, trouble, hosts = browser.new_page(viewport={"width": 1400, "height": 1000}), [], set()
    tab.set_default_timeout(1000 * PATIENCE)
    tab.on("pageerror", lambda error: trouble.append(str(error)))
    tab.on("request", lambda asked: hosts.add(urlsplit(asked.url).netloc))
    tab.goto(f"{url}lab/workspaces/{chapter}/tree/{chapter}.ipynb?token={token}")
    tab.wait_for_selector(".jp-Notebook .jp-Cell")
    tab.wait_for_function(IDLE)
    yield tab
    tab.close()
    assert not trouble and hosts - {""} == {urlsplit(url).netloc}  # pictures in pages have no host


@pytest.mark.parametrize("chapter", [EXERCISED[0], EXERCISED[-1]])
def test_a_student_runs_a_chapter_and_types_in_answers(opened, chapter: str) -> None:
    run_all(opened)
    assert not opened.evaluate(FAILED)
    assert opened.locator(".jp-RenderedImage img").count() >= 3
    for exercise in of_chapter(int(chapter[0])):
        wrong = f"from dissect.chapter import check\n\n{exercise.answer} = 0"
        assert answered(opened, exercise, wrong).startswith(f"{exercise.name}: not yet. ")
        form = "the form is " if exercise.level == "research" else ""
        assert answered(opened, exercise, exercise.solution).startswith(f"{exercise.name}: {form}right.")


def run_all(tab) -> None:
    """As the menu has it; returns when every cell has ended."""
    tab.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
    tab.wait_for_function(f"{CELLS}.every(cell => cell.model.executionCount) && {IDLE}")


def answered(tab, exercise: Exercise, code: str) -> str:
    """Type code and the check into an exercise's cell, and run it; what stands below it then."""
    cell = f"answer-{exercise.name.replace('.', '-')}"
    tab.evaluate(ACTIVATE, cell)
    active = tab.locator(".jp-Notebook .jp-Cell.jp-mod-active")
    active.locator(".cm-content").click()
    tab.keyboard.press("Control+a")
    tab.keyboard.insert_text(f"{code}\n\n{exercise.check}")
    before = tab.evaluate(count_of(cell))
    tab.keyboard.press("Control+Enter")
    tab.wait_for_function(f"{count_of(cell)} > {before} && {IDLE}")
    return active.locator(".jp-OutputArea-output").last.inner_text().strip()


def count_of(cell: str) -> str:
    return f"({CELLS}.find(cell => cell.model.id === '{cell}').model.executionCount ?? 0)"
