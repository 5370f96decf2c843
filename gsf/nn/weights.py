"""Weights from files, read without running any code, and whether they fit a network."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SUFFIXES = (".safetensors", ".pth", ".pt", ".tar")  # the last three are torch.save's
_LISTED = 20  # keys of a kind that an error lists


def read_weights(path: Path) -> Any:
    """What a file holds: a dict of tensors, or for `torch.save`'s files whatever was saved.

    A file of `torch.save` is a pickle, which can hold code: torch reads it with `weights_only`, which rebuilds
    tensors, numbers, texts and containers, and refuses everything else before it runs. The metadata of a safetensors
    file stands beside its tensors, as texts.

    Raises:
        ValueError: no such file, another format, a damaged file, or one that holds more than weights.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: ends in {path.suffix!r}, must be a file of weights: {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise ValueError(f"{path}: does not exist, must be a file of weights; check the path")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        # Without the cause: torch's text advises to load the file all the same.
        raise ValueError(
            f"{path}: holds something else than weights ({found[1] if found else 'unknown bytes'}), must hold tensors, "
            "numbers, texts and containers alone, written by torch.save; it was not loaded, since such a file can run "
            "code: fetch it again, or ask its author for a safetensors file"
        ) from None
    except Exception as error:  # the bytes of a damaged file decide what is raised
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{path}: cannot be read ({reason}), must be a whole file written by torch.save; fetch it again"
        ) from error


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts: dict[str, str] = file.metadata() or {}
            return facts | {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: cannot be read ({error}), must be a safetensors file; fetch it again") from error


def check_fit(where: str, state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, rule: str) -> None:
    """ValueError that lists missing, unexpected and mis-shaped keys, if there are any.

    Counters of batches may be missing: they matter to no output, and files converted from elsewhere lack them.

    Args:
        where: what does not fit what, the start of the message.
        state: the tensors that there are.
        wanted: tensors of the wanted names and shapes; no value is read.
        rule: what the keys and shapes must be.
    """
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    shapes = [
        f"{key} has shape {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in sorted(wanted.keys() & state.keys())
        if state[key].shape != wanted[key].shape
    ]
    problems = [
        f"{kind}{_list(keys)}"
        for kind, keys in (
            ("missing ", sorted(wanted.keys() - state.keys() - counters)),
            ("unexpected ", sorted(state.keys() - wanted.keys())),
            ("", shapes),
        )
        if keys
    ]
    if problems:
        raise ValueError(f"{where}, must hold {rule}: {'; '.join(problems)}")


def _list(items: list[str]) -> str:
    more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return ", ".join(items[:_LISTED]) + more
