"""Frames in LMDB shards: write, read, check."""
