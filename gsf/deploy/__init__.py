"""Trained networks outside of the pipeline: what they are, and as files for other programs."""
