"""Hand-outs, slides and exercises."""
