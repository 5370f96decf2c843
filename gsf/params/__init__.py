"""The schema of `params/`, one module a kind of file.

Import the module you need, so that a stage depends on it alone.
"""
