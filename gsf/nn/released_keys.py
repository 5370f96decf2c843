"""Key names of the released checkpoints, and ours: either way.

A released module has `conv3D.*`, `bn.*` and, for GSF, one fuse convolution a group, `channel_conv1.*` and
`channel_conv2.*`; ours holds both of them as one convolution of two groups, and the 3D convolution as a 2D one.
A released network has `base_model.*` and `new_fc.*`:

    backbone.layer1.0.conv3.weight                      base_model.layer1.0.conv3.weight
    backbone.layer1.0.conv3.temporal.gate.norm.weight   base_model.layer1.0.gsf.bn.weight
    backbone.inception_3a.conv_1x1.conv.weight          base_model.inception_3a_1x1.weight
    backbone.inception_3a.conv_1x1.norm.weight          base_model.inception_3a_1x1_bn.weight
    backbone.inception_3a.conv_1x1.conv.temporal.*      base_model.gsf_inception_3a_1x1.*
    classifier.weight                                   new_fc.weight
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .bninception import BNInception
from .gsf import GSF
from .gsm import GSM
from .inceptionv3 import InceptionV3
from .model import VideoModel

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


def released_module_state_dict(module: GSF | GSM) -> dict[str, Tensor]:
    """State dict of one module in the released names, without prefix: the inverse of `module_state_dict`."""
    ours = module.state_dict()
    released = {
        "conv3D.weight": ours["gate.weight"].unflatten(0, (2, 3)).transpose(1, 2).contiguous(),
        "conv3D.bias": ours["gate.bias"],
    }
    norm = "gate.norm."
    released |= {f"bn.{key.removeprefix(norm)}": value for key, value in ours.items() if key.startswith(norm)}
    if isinstance(module, GSF):
        released |= {f"channel_conv{i + 1}.{name}": ours[f"fuse.{name}"][i : i + 1] for i in (0, 1) for name in _FUSE}
    return released


def released_state_dict(model: VideoModel) -> dict[str, Tensor]:
    """State dict of a whole model on a backbone of ours in the released names, without `module.`."""
    ours = model.state_dict()
    released = {name: ours[key] for key, name in _plain_keys(model).items()}
    for path, prefix in temporal_prefixes(model).items():
        module = model.get_submodule(path)
        assert isinstance(module, GSF | GSM)
        released |= {f"{prefix}.{key}": value for key, value in released_module_state_dict(module).items()}
    return released


def own_state_dict(model: VideoModel, released: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse: `released`, which has the keys of `released_state_dict(model)`, in the names of `model`."""
    ours = {key: released[name] for key, name in _plain_keys(model).items()}
    for path, prefix in temporal_prefixes(model).items():
        names = (key.removeprefix(f"{prefix}.") for key in released if key.startswith(f"{prefix}."))
        module = module_state_dict({name: released[f"{prefix}.{name}"] for name in names})
        ours |= {f"{path}.{key}": value for key, value in module.items()}
    return ours


def temporal_prefixes(model: VideoModel) -> dict[str, str]:
    """Where each GSF or GSM stands here, and its released prefix."""
    prefixes = {}
    for path, module in model.named_modules():
        if isinstance(module, GSF | GSM):
            conv = path.removeprefix("backbone.").removesuffix(".temporal")
            kind = "gsf" if isinstance(module, GSF) else "gsm"
            prefixes[path] = f"base_model.{_temporal_name(model.backbone, conv, kind)}"
    return prefixes


def _plain_keys(model: VideoModel) -> dict[str, str]:
    """Our key and the released one, of everything but the temporal modules."""
    keys = {}
    for key in model.state_dict():
        path, _, leaf = key.rpartition(".")
        if path == "classifier":
            keys[key] = f"new_fc.{leaf}"
        elif ".temporal." not in key:
            keys[key] = f"base_model.{_name(model.backbone, path.removeprefix('backbone.'))}.{leaf}"
    return keys


def _name(net: nn.Module, path: str) -> str:
    return net.published_name(path) if isinstance(net, BNInception | InceptionV3) else path


def _temporal_name(net: nn.Module, conv: str, kind: str) -> str:
    if isinstance(net, BNInception | InceptionV3):
        return f"{kind}_{net.published_name(conv)}"
    return f"{conv.rpartition('.')[0]}.{kind}"  # one to a residual block
