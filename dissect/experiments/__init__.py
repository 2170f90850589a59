"""The experiments of the paper: vectors in, tables out."""
