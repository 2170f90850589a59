"""Tests of verdicts, answers and readings."""
