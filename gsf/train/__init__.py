"""Training: one loop, exact resume, recipes as files."""
