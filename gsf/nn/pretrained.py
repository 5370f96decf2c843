"""Weights of a backbone from a file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from .backbones import classifier_prefixes
from .versions import with_versions


def load_backbone(net: nn.Module, path: str | Path) -> None:
    """Load a `.safetensors` state dict with the backbone's own keys; its classifier is ignored.

    Args:
        net: a trunk, before temporal modules are inserted.
        path: the file.

    Raises:
        ValueError: no such file, another format, or keys that are missing (counters of batches may be), unexpected
            or of another shape.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: ends in {path.suffix!r}, must be 'torchvision', 'timm' or a .safetensors file")
    if not path.is_file():
        raise ValueError(f"{path}: does not exist, must be a .safetensors state dict; check the path")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: cannot be read ({error}), must be a safetensors file; fetch it again") from error
    wanted = net.state_dict()
    state = {key: value for key, value in state.items() if not _is_classifier(net, key, wanted)}
    # Counters of batches seen matter to no output, and files converted from elsewhere lack them.
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    problems = [f"missing {key}" for key in sorted(wanted.keys() - state.keys() - counters)]
    problems += [f"unexpected {key}" for key in sorted(state.keys() - wanted.keys())]
    problems += [
        f"{key} has shape {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in sorted(wanted.keys() & state.keys())
        if state[key].shape != wanted[key].shape
    ]
    if problems:
        raise ValueError(
            f"{path}: does not fit {type(net).__name__}, must hold the keys and shapes of torchvision's network: "
            f"{'; '.join(problems)}"
        )
    with torch.no_grad():
        net.load_state_dict(with_versions(net, state), strict=False)


def _is_classifier(net: nn.Module, key: str, wanted: dict[str, Tensor]) -> bool:
    return key not in wanted and key.startswith(classifier_prefixes(net))
