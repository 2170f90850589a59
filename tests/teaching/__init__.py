"""Tests of hand-outs and exercises."""
