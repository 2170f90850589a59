"""Runs: the chapters, executed with their settings, and what tells whether a run is whole."""
