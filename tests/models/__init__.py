"""Tests of models and fine-tuning."""
