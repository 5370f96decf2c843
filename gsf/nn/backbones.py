"""Image networks as trunks: what they are called, how they are built, and what they want to see.

A trunk maps `(N, 3, H, W)` to `(N, width)`; it is the network without its classifier.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import Any, cast

from torch import nn

from .own import OWN, Own
from .preprocessing import Preprocessing as Preprocessing
from .resnet import ResNet

# Heads of the torchvision families, by the name of the attribute.
_HEADS = ("fc", "classifier", "head", "heads")
# Auxiliary classifiers change what a network returns in training.
_OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}


@dataclass(frozen=True)
class Trunk:
    """A network without classifier, its output width, and its preprocessing."""

    net: nn.Module
    width: int
    preprocessing: Preprocessing


def known_backbones() -> list[str]:
    """Names that `create_model` knows, sorted: ours, and torchvision's networks that end in a linear classifier."""
    models = _torchvision_models()
    names = models.list_models(module=models)
    # squeezenets end in a convolution
    return sorted({*OWN, *(name for name in names if not name.startswith("squeezenet"))})


def build_trunk(backbone: str, *, pretrained: bool) -> Trunk:
    """Build a backbone by name; `pretrained` fetches torchvision's own default weights.

    Raises:
        ValueError: an unknown name, or weights that cannot be had.
    """
    if backbone in OWN:
        return _own_trunk(backbone, OWN[backbone], pretrained=pretrained)
    known = known_backbones()
    if backbone not in known:
        close = difflib.get_close_matches(backbone, known, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ValueError(f"backbone is {backbone!r}{hint}, must be one of {', '.join(known)}")
    models = _torchvision_models()
    weights = models.get_model_weights(backbone).DEFAULT
    try:
        net = models.get_model(backbone, weights=weights if pretrained else None, **_OPTIONS.get(backbone, {}))
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise _cannot_be_had(backbone, weights, error) from error
    width = _remove_classifier(backbone, net)
    return Trunk(net, width, _preprocessing(backbone, net, weights.transforms()))


def _own_trunk(backbone: str, own: Own, *, pretrained: bool) -> Trunk:
    net = own.build()
    if not isinstance(net, ResNet):
        if pretrained:
            raise ValueError(
                f"backbone {backbone}: pretrained is 'torchvision', which has no weights for it, must be a local file: "
                "give the path of the published Caffe-converted weights (.pth or .safetensors)"
            )
        return Trunk(net, net.width, own.preprocessing)
    if pretrained:
        weights = _torchvision_models().get_model_weights(backbone).DEFAULT
        try:
            net.load_state_dict(weights.get_state_dict(progress=True, check_hash=True))
        except (OSError, RuntimeError) as error:
            raise _cannot_be_had(backbone, weights, error) from error
    return Trunk(net, _remove_classifier(backbone, net), own.preprocessing)


def _cannot_be_had(backbone: str, weights: Any, error: Exception) -> ValueError:
    return ValueError(
        f"backbone {backbone}: torchvision's weights {weights} cannot be had ({error}), must be downloadable "
        f"from {weights.url} or be in torch's hub cache; else give the path of a .safetensors state dict"
    )


def _torchvision_models() -> Any:
    """torchvision, only now: it takes seconds to import, and the layers do without. (It has no type hints.)"""
    return importlib.import_module("torchvision.models")


def head_prefix(net: nn.Module) -> str:
    """Name of the attribute that holds (or held) the classifier of a torchvision network."""
    return next(name for name in _HEADS if hasattr(net, name))


def _remove_classifier(backbone: str, net: nn.Module) -> int:
    """Put the identity in the place of the last linear layer, and of a dropout right before it; return the width."""
    parent, name = net, head_prefix(net)
    while not isinstance(child := getattr(parent, name), nn.Linear):
        names = list(child._modules)
        if not names:
            raise ValueError(f"backbone {backbone}: ends in {type(child).__name__}, must end in a linear layer")
        parent, name = child, names[-1]
    setattr(parent, name, nn.Identity())
    if isinstance(parent, nn.Sequential) and len(parent) > 1 and isinstance(parent[-2], nn.Dropout):
        parent[-2] = nn.Identity()
    return child.in_features


def _preprocessing(backbone: str, net: nn.Module, transforms: Any) -> Preprocessing:
    """RGB / 255 with the mean and std of the weights; sizes in the proportion 224 of 256 (299 of 342)."""
    size = int(getattr(net, "image_size", transforms.crop_size[0]))
    mean, std = (cast("tuple[float, float, float]", tuple(values)) for values in (transforms.mean, transforms.std))
    return Preprocessing(
        size=size, short_side=round(size * 256 / 224), mean=mean, std=std, colour_order="rgb", scale=255.0
    )
