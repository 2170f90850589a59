"""Tests of the decomposition."""
