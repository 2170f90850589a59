"""What is around every command: the terminal's encoding, the signals that end it, the user's settings."""

import io
import os
import signal
import subprocess
import sys
from importlib import import_module

import pytest

from dissect.errors import DissectError
from dissect.places import ROOT

app = import_module("dissect.cli.app")  # `dissect.cli` has the application under that name

NEEDED = "·–—…×−’≥≤ĠÄ日▁✓"


@pytest.mark.parametrize("encoding", ["cp932", "cp1252", "latin-1", "ascii", "utf-8"])
def test_text_is_written_in_any_encoding(encoding):
    stream = io.TextIOWrapper(raw := io.BytesIO(), encoding=encoding)
    app.write_in_any_encoding(stream)
    stream.write(NEEDED)
    stream.flush()
    said = raw.getvalue().decode(encoding)
    assert all(one.encode(encoding, "ignore").decode(encoding) in said for one in NEEDED)
    assert encoding != "ascii" or said == r"|--...x-'>=<=\u0120\xc4\u65e5\u2581\u2713"


def test_what_cannot_be_decoded_is_an_error_as_ever():
    app.write_in_any_encoding()
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", "plainer")


@pytest.fixture
def handlers():
    """Puts back what signals do."""
    before = {one: signal.getsignal(one) for one in app.signals()}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("name", app.ENDING)
def test_signals_end_a_command_in_one_sentence_with_their_own_status(name, handlers, monkeypatch, capsys):
    number = getattr(signal, name, None) or pytest.skip(f"this system has no {name}")
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    cleared = []

    def command():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)  # as a terminal that is closed sends it twice
            cleared.append(os.environ["MPLBACKEND"])

    monkeypatch.setattr(app, "app", command)
    signal.signal(number, signal.SIG_DFL)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 128 + number and cleared == ["agg"]
    said = capsys.readouterr().err
    assert said == "dissect: interrupted; finished chapters are kept, run again to go on\n"


def test_under_nohup_a_run_goes_on(handlers):
    if not hasattr(signal, "SIGHUP"):
        pytest.skip("this system has no SIGHUP")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    app.listen()
    signal.raise_signal(signal.SIGHUP)


class Closed(io.StringIO):
    """A terminal that is gone."""

    def write(self, text):
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_closed_changes_no_status(handlers, monkeypatch):
    def command():
        raise DissectError("no such run")

    monkeypatch.setattr(app, "app", command)
    monkeypatch.setattr(sys, "stderr", Closed())
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 1


@pytest.mark.slow
def test_a_table_is_shown_where_the_terminal_has_few_characters():
    command = [sys.executable, "-m", "dissect.cli", "explain", "A crane – or «two»…"]
    own = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp932", "MPLBACKEND": "nonsense"}
    done = subprocess.run(command, capture_output=True, env=os.environ | own, check=False)
    assert done.returncode == 0, done.stderr
    assert "crane" in done.stdout.decode("cp932") and not done.stderr
