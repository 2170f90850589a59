"""The tables of a run: what each holds, and how they are written and read."""

from dissect.tables.results import Results, export, read, save
from dissect.tables.schema import TABLES, meaning

__all__ = ["Results", "TABLES", "export", "meaning", "read", "save"]
