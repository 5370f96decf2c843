"""The parameters that a stage depends on, as receipts hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gsf.errors import ParamsError
from gsf.params.base import read_yaml
from gsf.project import Project

# Where videos and files from elsewhere lie differs between two machines that compute the same; what they are is in
# their sha256.
_LOCATIONS = frozenset({"videos", "checkpoint"})
# What `pretrained` of a model file may say besides the path of a file.
_DOWNLOADED = (None, "torchvision", "timm")


def params_used(project: Project, path: Path, keys: Sequence[str] | None = None) -> dict[str, Any]:
    """`{file: {key: value}}` of a parameter file: of the given top-level keys, or of all of them."""
    values = read_yaml(path)
    missing = [key for key in keys or () if key not in values and key not in _OPTIONAL]
    if missing:
        raise ParamsError(f"{project.relative(path)}: {', '.join(missing)} is missing, must be given")
    chosen = values if keys is None else {key: values[key] for key in keys if key in values}
    return {project.relative(path): portable(chosen)}


def portable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they are on every machine: what files from elsewhere are, but not where they lie."""
    return {key: _portable(key, value) for key, value in values.items() if key not in _LOCATIONS}


def _portable(key: str, value: Any) -> Any:
    if key == "pretrained" and value not in _DOWNLOADED:
        return Path(str(value)).name
    if key == "published" and isinstance(value, Mapping):  # its sha256 says what the files are
        return {name: item for name, item in value.items() if name != "files"}
    return value


_OPTIONAL = frozenset({"on_missing", "on_unreadable", "render"})
