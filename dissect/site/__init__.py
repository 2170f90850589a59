"""The website and the PDF of a run."""
