"""Six published benchmarks: their annotation files, as their authors published them, become our tables."""
