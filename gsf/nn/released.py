"""Released checkpoints of GSF, GSM and TSN as video models.

Such a file is a dict of `torch.save`: `epoch, arch, model_state_dict, best_prec1, ...` (GSM: `state_dict`). It names
neither backbone nor module, ratio or frames in a way to rely on: the first three follow from keys and shapes.
"""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .gsf import GSF
from .gsm import GSM
from .insertion import Temporal
from .model import VideoModel, create_model
from .own import OWN
from .released_frames import trained_frames
from .released_keys import module_state_dict as module_state_dict
from .released_keys import own_state_dict, released_state_dict, temporal_prefixes
from .weights import check_fit, read_weights

_STATES = ("model_state_dict", "state_dict")
# A key of a temporal module: `base_model.gsf_inception_3a_1x1.bn.weight`, `base_model.layer1.0.gsm.bn.weight`.
_TEMPORAL = re.compile(r"base_model\.(?:(gs[fm])_\w+|layer\d+\.\d+\.(gs[fm]))\.")


@dataclass(frozen=True)
class Released:
    """What a released checkpoint says of itself, and what its keys and shapes tell."""

    backbone: str
    temporal: Temporal
    ratio: float  # share of the channels that takes part; 1 without a temporal module
    num_classes: int
    trained_segments: int | None  # frames of a clip in training; None: the file does not tell
    told_by: str | None  # where the file tells it
    facts: dict[str, int | float | str]  # epoch, arch, best_prec1 and whatever else is a plain value


def load_released(source: str | Path | Mapping[str, Any], *, num_segments: int = 8) -> VideoModel:
    """The network of a released checkpoint, in evaluation mode, with what it says of itself in `.released`.

    Backbone, temporal module, ratio and classes are inferred. Keys may begin with `module.` or not. The model carries
    its preprocessing; InceptionV3 without temporal module gets the 299 px that this network was published at.

    Args:
        source: a `torch.save` file (read without code) or a safetensors file, or its content: the dict with
            `model_state_dict` or `state_dict`, or that state dict itself.
        num_segments: frames of a clip. No weight depends on it, but a network scores lower with another number than
            it was trained with: a `UserWarning` says so where the file tells the number.

    Raises:
        ValueError: a file that cannot be read, or that holds no such checkpoint; keys that are missing, unexpected or
            mis-shaped are listed.
    """
    path = None if isinstance(source, Mapping) else Path(source)
    content = source if isinstance(source, Mapping) else read_weights(Path(source))
    where = "released checkpoint" if path is None else str(path)
    state, facts = _take_apart(where, content)
    backbone, temporal = _backbone(where, state), _temporal(where, state)
    classes = state["new_fc.weight"].shape[0] if _rank(state, "new_fc.weight") == 2 else 1
    with torch.device("meta"):  # no memory, and no draw from the random generator
        ratio = _ratio(state, create_model(backbone, temporal, 1, 1)) if temporal != "none" else 1.0
        model = create_model(backbone, temporal, classes, num_segments, ratio=ratio)
    wanted = released_state_dict(model)
    check_fit(
        f"{where}: does not fit {temporal.upper() if temporal != 'none' else 'TSN'} on {backbone}",
        state,
        wanted,
        rule="the keys and shapes of the released network (after `module.`)",
    )
    whole = {key: _own_copy(state[key]) if key in state else torch.tensor(0) for key in wanted}
    model.load_state_dict(own_state_dict(model, whole), assign=True)
    if backbone == "inceptionv3" and temporal == "none":
        model.preprocessing = dataclasses.replace(model.preprocessing, size=299, short_side=341)
    frames, told_by = trained_frames(facts, path)
    if frames not in (None, num_segments):
        warnings.warn(
            f"{where}: was trained with {frames} frames a clip, says {told_by}, and is loaded with {num_segments}: it "
            f"fits, since no weight depends on the number, but scores lower; load it with num_segments={frames}",
            stacklevel=2,
        )
    plain = {key: value for key, value in facts.items() if isinstance(value, int | float | str)}
    model.released = Released(backbone, temporal, ratio, classes, frames, told_by, plain)
    return model.eval()


def _take_apart(where: str, content: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state dict without `module.`, and everything beside it, one-element tensors as numbers."""
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: holds a {type(content).__name__}, must hold a dict; pass a released checkpoint")
    name = next((name for name in _STATES if isinstance(content.get(name), Mapping)), None)
    if name is not None:
        state, beside = dict(content[name]), {str(key): value for key, value in content.items() if key != name}
    else:  # a state dict itself; texts among the tensors are the metadata of a safetensors file
        state = {str(key): value for key, value in content.items() if not isinstance(value, str)}
        beside = {str(key): value for key, value in content.items() if isinstance(value, str)}
    others = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if others or not state:
        found = f"holds {', '.join(map(str, others[:5]))}, which are no tensors" if others else "holds no tensors"
        raise ValueError(
            f"{where}: {found}, must hold {' or '.join(_STATES)}, or be a state dict itself; pass a released checkpoint"
        )
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    numbers = {key: value.item() for key, value in beside.items() if isinstance(value, Tensor) and value.numel() == 1}
    return state, beside | numbers


@cache
def _backbone_keys(backbone: str) -> frozenset[str]:
    with torch.device("meta"):
        model = create_model(backbone, "none", 1, 1)
    return frozenset(key for key in released_state_dict(model) if key.startswith("base_model."))


def _backbone(where: str, state: Mapping[str, Tensor]) -> str:
    """The backbone whose keys are nearest, so that a file that lacks some is still told what it lacks."""
    keys = {key for key in state if not _TEMPORAL.match(key)}
    nearest = min(OWN, key=lambda name: len(_backbone_keys(name) ^ keys))
    if 2 * len(_backbone_keys(nearest) & keys) < len(_backbone_keys(nearest)):
        raise ValueError(
            f"{where}: begins with keys {', '.join(list(state)[:3])}, must be a released network on one of "
            f"{', '.join(OWN)} with keys base_model.* and new_fc.*; weights of a backbone alone go to "
            "create_model(pretrained=...)"
        )
    return nearest


def _temporal(where: str, state: Mapping[str, Tensor]) -> Temporal:
    kinds = {match[1] or match[2] for key in state if (match := _TEMPORAL.match(key))}
    if len(kinds) > 1:
        raise ValueError(f"{where}: has modules of GSF and of GSM, must have one kind; pass a released checkpoint")
    found: Temporal = "gsf" if "gsf" in kinds else "gsm" if kinds else "none"
    return found


def _ratio(state: Mapping[str, Tensor], full: VideoModel) -> float:
    """Share of the channels in most modules (the others are mis-shaped), from `full`, which has all of them."""
    ratios: Counter[float] = Counter()
    for path, prefix in temporal_prefixes(full).items():
        if _rank(state, f"{prefix}.conv3D.weight") == 5:
            module = full.get_submodule(path)
            assert isinstance(module, GSF | GSM)
            ratios[2 * state[f"{prefix}.conv3D.weight"].shape[1] / module.channels] += 1
    usual = ratios.most_common(1)[0][0] if ratios else 1.0
    return usual if 0 < usual <= 1 else 1.0


def _rank(state: Mapping[str, Tensor], key: str) -> int | None:
    return state[key].dim() if key in state else None


def _own_copy(value: Tensor) -> Tensor:
    return value.detach().to(torch.float32 if value.is_floating_point() else value.dtype, copy=True).contiguous()
