"""Scores of every view, and metrics as a pure function of them."""
