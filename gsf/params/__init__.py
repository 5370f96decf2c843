"""The schema of `params/`, one module a kind of file; import the module you need, so that a stage depends on it alone."""
