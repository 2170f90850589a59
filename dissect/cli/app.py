"""The application that commands are added to, and what runs one."""

import signal
import sys

import typer

from dissect.errors import DissectError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Dissect Transformer embeddings into input, attention, feed-forward and bias terms, and "
    "rerun the report on them.",
)


class Interrupted(BaseException):
    """Ctrl-C; the command line's library would take a KeyboardInterrupt for itself."""


def interrupt(number: int, frame: object) -> None:
    """What Ctrl-C does."""
    raise Interrupted


def main() -> None:
    """Run a command; a `DissectError` becomes one sentence and exit status 1."""
    signal.signal(signal.SIGINT, interrupt)
    try:
        app()
    except DissectError as error:
        print(f"dissect: {error}", file=sys.stderr)
        sys.exit(1)
    except Interrupted:
        print("dissect: interrupted; finished chapters are kept, run again to go on", file=sys.stderr)
        sys.exit(130)
