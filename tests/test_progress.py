"""How far work is: a bar where somebody looks, a line now and then in a log, records for a run."""

import json
import sys

import pytest

from dissect import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a step of the work moves on."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    monkeypatch.delenv(progress.VARIABLE, raising=False)
    monkeypatch.setattr(progress, "time", clock := Clock())
    return clock


def worked(clock, seconds: float, *args, **options) -> list:
    found = []
    for item in progress.track(*args, **options):
        clock.now += seconds
        found.append(item)
    return found


def test_a_log_gets_a_line_every_ten_seconds(clock, capsys):
    assert worked(clock, 4.0, range(7), "fine-tuning") == list(range(7))
    assert capsys.readouterr().err == "    fine-tuning: 3 of 7\n    fine-tuning: 6 of 7\n"


def test_short_work_says_nothing_in_a_log(clock, capsys):
    worked(clock, 0.1, range(50), "terms")
    assert capsys.readouterr().err == ""


def test_what_was_done_before_counts(clock, capsys, tmp_path, monkeypatch):
    worked(clock, 11.0, range(2), "fine-tuning", before=5)
    assert capsys.readouterr().err == "    fine-tuning: 6 of 7\n    fine-tuning: 7 of 7\n"
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "lines"))
    worked(clock, 0.0, range(2), "fine-tuning", before=5)
    records = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert records[-1] == {"label": "fine-tuning", "done": 7, "total": 7}


def test_a_terminal_gets_a_bar(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    worked(clock, 11.0, range(3), "terms", before=1)
    said = capsys.readouterr().err
    assert "terms" in said and "1/4" in said


def test_a_notebook_has_its_bar_on_stdout(clock, capsys, monkeypatch):
    """JupyterLab shows what is left of an emptied stderr as a red bar."""
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    worked(clock, 11.0, range(3), "terms")
    said = capsys.readouterr()
    assert "terms" in said.out and not said.err


def test_who_starts_kernels_is_no_notebook(monkeypatch):
    class Kernel:
        kernel = object()

    import IPython

    import dissect.runs.processes  # noqa: F401, which loads ipykernel

    assert "ipykernel" in sys.modules and not progress.in_notebook()
    monkeypatch.setattr(IPython, "get_ipython", Kernel)
    assert progress.in_notebook()
