"""Gate-Shift-Fuse video action recognition in which every number is traced to its inputs."""

__version__ = "0.1.0"
