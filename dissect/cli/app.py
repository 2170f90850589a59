"""The application that commands are added to, and what runs one."""

import codecs
import os
import signal
import sys
from contextlib import suppress
from typing import TextIO

import typer

from dissect.errors import DissectError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Dissect Transformer embeddings into input, attention, feed-forward and bias terms, and "
    "rerun the report on them.",
)

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C, a scheduler's end, a terminal that is closed
# What is written for a character that the terminal's encoding does not have; others as "\u0120".
INSTEAD = {"·": "|", "–": "-", "—": "-", "…": "...", "×": "x", "−": "-", "’": "'", "≥": ">=", "≤": "<="}


class Interrupted(BaseException):
    """Ctrl-C, or another of the signals that end a run.

    The command line's library would take a KeyboardInterrupt for itself.

    Args:
        number: The signal's.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def interrupt(number: int, frame: object) -> None:
    """What those signals do: once, so that another does not keep a run from clearing up."""
    for one in signals():
        signal.signal(one, signal.SIG_IGN)
    raise Interrupted(number)


def signals() -> list[signal.Signals]:
    """The signals that end a run, as far as the system has them."""
    return [getattr(signal, name) for name in ENDING if hasattr(signal, name)]


def listen() -> None:
    """Take the signals that end a run; a hang-up that is ignored, as under nohup, stays so."""
    for one in signals():
        if one == signal.SIGINT or signal.getsignal(one) != signal.SIG_IGN:
            signal.signal(one, interrupt)


def plainer(error: UnicodeError) -> tuple[str, int]:
    """What is written in the place of a character that the encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(INSTEAD.get(one) or ascii(one)[1:-1] for one in missing), error.end


def write_in_any_encoding(*streams: TextIO) -> None:
    """Let streams write text that their encoding has no characters for, in plainer ones."""
    codecs.register_error("plainer", plainer)
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plainer")


def say(sentence: str) -> None:
    """Tell why a command ends; a terminal that was closed is told nothing."""
    with suppress(OSError):
        print(f"dissect: {sentence}", file=sys.stderr, flush=True)


def main() -> None:
    """Run a command; a `DissectError` becomes one sentence and exit status 1."""
    write_in_any_encoding(sys.stdout, sys.stderr)
    os.environ["MPLBACKEND"] = "agg"  # pictures go into files, whatever the user draws on
    listen()
    try:
        app()
    except DissectError as error:
        say(f"{error}")
        sys.exit(1)
    except Interrupted as error:
        say("interrupted; finished chapters are kept, run again to go on")
        sys.exit(128 + error.number)
