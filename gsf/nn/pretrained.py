"""Weights of a backbone from a file, in its own keys or, for the Inception networks, in the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .backbones import head_prefix
from .bninception import BNInception
from .inceptionv3 import InceptionV3
from .weights import check_fit, read_weights


def load_backbone(net: nn.Module, path: str | Path) -> None:
    """Load weights from a `.safetensors` or `torch.save` file (`.pth`, read without code); its classifier is ignored.

    The keys are the network's own (for ResNets and all others torchvision's). BNInception and InceptionV3 also take
    the published files converted from Caffe and TensorFlow: names as `inception_3a_1x1_bn.weight`, tensors of batch
    norms `[1, C]` or `[C]`.

    Args:
        net: a trunk, before temporal modules are inserted.
        path: the file.

    Raises:
        ValueError: no such file, another format, or keys that are missing (counters of batches may be), unexpected
            or of another shape.
    """
    path = Path(path)
    state = _tensors(path, read_weights(path))
    wanted = net.state_dict()
    rule = "the keys and shapes of torchvision's network"
    names = {key: key for key in wanted}  # ours: the file's
    if isinstance(net, BNInception | InceptionV3):
        rule = "the keys and shapes of the published Caffe-converted weights"
        if not wanted.keys() & state.keys():
            names = published_keys(net)
        classifier = _linear_over(net.width, state)
        state = {key: value for key, value in state.items() if key not in classifier}
    else:
        prefix = head_prefix(net) + "."
        state = {key: value for key, value in state.items() if key in wanted or not key.startswith(prefix)}
    named = {names[key]: value for key, value in wanted.items()}
    state = {key: _as_vector(value, named.get(key)) for key, value in state.items()}
    check_fit(f"{path}: does not fit {type(net).__name__}", state, named, rule=rule)
    with torch.no_grad():
        net.load_state_dict({key: state[name] for key, name in names.items() if name in state}, strict=False)


def published_keys(net: BNInception | InceptionV3) -> dict[str, str]:
    """The key of the published weights for every key of ours."""
    pairs = ((key, key.rpartition(".")) for key in net.state_dict())
    return {key: f"{net.published_name(path)}.{leaf}" for key, (path, _, leaf) in pairs}


def _tensors(path: Path, content: Any) -> dict[str, Tensor]:
    """The tensors of a file; texts beside them are metadata."""
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor | str) for value in content.values()):
        raise ValueError(
            f"{path}: holds {_describe(content)}, must hold a state dict: names of tensors; "
            "save the network's state_dict alone (a whole video model is read by load_released)"
        )
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _describe(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor | str)]
    return f"other things than tensors ({', '.join(others[:5])})"


def _linear_over(width: int, state: Mapping[str, Tensor]) -> set[str]:
    """Keys of the one linear layer over the features: the classifier, which published files name in several ways."""
    names = [
        key.removesuffix(".weight")
        for key, value in state.items()
        if key.endswith(".weight") and value.dim() == 2 and value.shape[0] > 1 and value.shape[1] == width
    ]
    return {f"{name}.{leaf}" for name in names for leaf in ("weight", "bias")} if len(names) == 1 else set()


def _as_vector(value: Tensor, wanted: Tensor | None) -> Tensor:
    """`[1, C]` as `[C]`, where that is wanted."""
    return value[0] if wanted is not None and wanted.dim() == 1 and value.shape == (1, *wanted.shape) else value
