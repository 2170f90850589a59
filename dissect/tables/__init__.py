"""The tables of a run: what each holds, and how they are written and read."""

from dissect.tables.results import Results, export, read, save
from dissect.tables.schema import CONTROL, TABLES, meaning

__all__ = ["CONTROL", "Results", "TABLES", "export", "meaning", "read", "save"]
