"""What is made of tables: verdicts on the paper's claims, answers in words, figures. It knows no run."""

from importlib import import_module
from typing import Any

__all__ = ["verdicts"]


def __getattr__(name: str) -> Any:
    """`verdicts`, loaded when asked for: a chapter that draws a figure is no other when a claim is."""
    if name != "verdicts":
        raise AttributeError(f"module 'dissect.report' has no attribute {name!r}")
    return import_module("dissect.report.claims").verdicts
