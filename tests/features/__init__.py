"""Tests of features and their store."""
