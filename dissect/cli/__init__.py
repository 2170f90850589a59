"""The command line: `dissect --help` lists its commands."""

from dissect.cli import runs, work
from dissect.cli.app import app, main

__all__ = ["app", "main", "runs", "work"]  # the two modules add their commands
