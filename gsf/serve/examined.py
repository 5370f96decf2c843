"""Whether MLflow, to load a model's folder, would run the `from_code.py` of this gsf and nothing else.

MLflow itself imports whichever module an MLmodel names, from a folder beside it too, runs any code and unpickles.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gsf import __version__
from gsf.errors import TrackingError
from gsf.serve.saved import CODE, FILES, FLAVOUR

_PLACES = {kind: f"artifacts/{name}" for kind, name in FILES.items()}
# What MLflow is told of one of our networks; `code` and `data` would name other places to take code from.
_LOADED: dict[str, Any] = {
    "loader_module": "mlflow.pyfunc.loaders.code_model",
    "model_code_path": CODE.name,
    "code": None,
    "data": None,
    "artifacts": {kind: {"path": place, "uri": place} for kind, place in _PLACES.items()},
}
_HARMLESS = {"cloudpickle_version", "env", "python_version", "streamable"}
_SHOWN = 80  # characters of what a stranger wrote


def check_model(folder: Path, *, model: str) -> None:
    """TrackingError where anything else would be run.

    Args:
        folder: of the model, on this machine.
        model: what errors call it.
    """
    problem = _described(folder)
    if problem is None and (folder / CODE.name).read_bytes() != CODE.read_bytes():
        problem = (
            f"{CODE.name} is not that of gsf {__version__}, the only code that is run: it was changed, or the model was"
            " registered by another version of gsf"
        )
    if problem is not None:
        raise TrackingError(
            f"{model}: {problem}; nothing of it was run. Delete that version in MLflow and register the network again:"
            " `gsf mlflow register RUN`"
        )


def _described(folder: Path) -> str | None:
    """What MLmodel has to say otherwise; None where it is as `save` writes it."""
    try:
        flavours = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))["flavors"]
        ours, loaded = flavours.keys() >= {FLAVOUR}, dict(flavours["python_function"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        return f"has no MLmodel as a registered network has it ({type(error).__name__})"
    if not ours:
        return f"MLmodel has no flavour {FLAVOUR!r}, must have the one of a network that gsf registered"
    for key, wanted in _LOADED.items():
        if (found := loaded.pop(key, None)) != wanted:
            return f"MLmodel says {key}: {str(found)[:_SHOWN]}, must say {wanted}"
    if strange := sorted(map(str, loaded.keys() - _HARMLESS)):
        return f"MLmodel says {', '.join(strange)[:_SHOWN]} of python_function, must not"
    return None if (folder / CODE.name).is_file() else f"{CODE.name} is missing"
