"""Key names of the released checkpoints, translated to ours.

A released module has `conv3D.*`, `bn.*` and, for GSF, one fuse convolution a group, `channel_conv1.*` and
`channel_conv2.*`; ours holds both of them as one convolution of two groups, and the 3D convolution as a 2D one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_FUSE = ("weight", "bias")


def module_state_dict(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of one GSF or GSM in our names, from the released names without prefix (`conv3D.weight`, ...).

    Raises:
        ValueError: a key that no released module has, or a fuse convolution without its partner.
    """
    ours: dict[str, Tensor] = {}
    for key, value in state.items():
        owner, _, name = key.partition(".")
        if owner == "conv3D" and name in _FUSE:
            # (2 planes, F/2, 3 steps, 3, 3) -> (2 planes * 3 steps, F/2, 3, 3)
            ours[f"gate.{name}"] = value.transpose(1, 2).flatten(0, 1) if name == "weight" else value
        elif owner == "bn":
            ours[f"gate.norm.{name}"] = value
        elif owner not in ("channel_conv1", "channel_conv2") or name not in _FUSE:
            raise ValueError(
                f"released module: key {key!r} is unknown, must be conv3D.*, bn.*, channel_conv1.* or channel_conv2.*; "
                "pass one module's keys without their prefix"
            )
    for name in _FUSE:
        both = [state[key] for key in (f"channel_conv1.{name}", f"channel_conv2.{name}") if key in state]
        if len(both) == 1:
            raise ValueError(
                f"released module: {name} of one fuse convolution is missing, must have channel_conv1.{name} "
                f"and channel_conv2.{name}; check that the checkpoint is whole"
            )
        if both:
            ours[f"fuse.{name}"] = torch.cat(both)
    return ours


def resnet_state_dict(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of a `VideoModel` on a ResNet, from a released network's keys (with or without `module.`).

    `base_model.layer1.0.gsf.*` becomes `backbone.layer1.0.conv3.temporal.*` (bottlenecks) or `...conv2...` (basic
    blocks), `base_model.*` otherwise `backbone.*`, and `new_fc.*` `classifier.*`.

    Raises:
        ValueError: keys that belong to no such network.
    """
    state = {key.removeprefix("module."): value for key, value in state.items()}
    ours: dict[str, Tensor] = {}
    modules: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        temporal = re.fullmatch(r"base_model\.(layer\d\.\d+)\.gs[fm]\.(.+)", key)
        if temporal:
            modules.setdefault(temporal[1], {})[temporal[2]] = value
        elif key.startswith("base_model."):
            ours["backbone." + key.removeprefix("base_model.")] = value
        elif key.startswith("new_fc."):
            ours["classifier." + key.removeprefix("new_fc.")] = value
        else:
            raise ValueError(
                f"released ResNet: key {key!r} is unknown, must begin with base_model. or new_fc.; "
                "pass the model_state_dict of the checkpoint"
            )
    for block, module in modules.items():
        last = "conv3" if f"base_model.{block}.conv3.weight" in state else "conv2"
        for name, value in module_state_dict(module).items():
            ours[f"backbone.{block}.{last}.temporal.{name}"] = value
    return ours
