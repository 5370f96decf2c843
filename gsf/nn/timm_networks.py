"""timm's image networks as trunks: `timm:NAME`, with `pip install gsf-video[timm]`.

https://github.com/huggingface/pytorch-image-models; each network says itself what it wants to see.
"""

from __future__ import annotations

import difflib
import importlib
import math
from typing import Any, cast

from torch import nn

from .preprocessing import Preprocessing

TIMM_PREFIX = "timm:"


def build_timm(backbone: str, *, pretrained: bool) -> tuple[nn.Module, int, Preprocessing]:
    """A network without classifier, its output width, and its preprocessing; `pretrained` fetches its default weights.

    Args:
        backbone: `timm:NAME`, NAME as in `timm.list_models()`, with a tag of weights (`NAME.TAG`) if wanted.
        pretrained: whether to fetch those weights.

    Raises:
        ValueError: timm is not installed, an unknown name, or weights that cannot be had.
    """
    timm = _timm(backbone)
    name = backbone.removeprefix(TIMM_PREFIX)
    if not timm.is_model(name):
        known = timm.list_models()
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(TIMM_PREFIX + each for each in close)}?" if close else "see timm.list_models()"
        raise ValueError(f"backbone is {backbone!r}, must be timm: and one of timm's {len(known)} names; {hint}")
    try:
        net = timm.create_model(name, pretrained=pretrained, num_classes=0)
    except (OSError, RuntimeError) as error:
        if not pretrained and "Invalid pretrained tag" not in str(error):
            raise
        raise ValueError(
            f"backbone {backbone}: timm's weights cannot be had ({error}), must be downloadable or in the hub's cache; "
            "else give the path of a .safetensors state dict"
        ) from error
    width = int(getattr(net, "head_hidden_size", None) or net.num_features)
    return net, width, _preprocessing(backbone, timm.data.resolve_data_config(model=net))


def _timm(backbone: str) -> Any:
    """timm, only now: it is an extra, and takes seconds to import."""
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise ValueError(
            f"backbone is {backbone!r}, and timm is not installed, must be for its networks: "
            "pip install 'gsf-video[timm]'"
        ) from error


def _preprocessing(backbone: str, config: dict[str, Any]) -> Preprocessing:
    """RGB / 255 with the network's own mean and std; the short side is timm's: the input size by `crop_pct`."""
    channels, height, width = config["input_size"]
    if channels != 3 or height != width:
        raise ValueError(f"backbone {backbone}: input is {channels} x {height} x {width}, must be 3 x N x N")
    mean, std = (cast("tuple[float, float, float]", tuple(map(float, config[key]))) for key in ("mean", "std"))
    return Preprocessing(
        size=height,
        short_side=math.floor(height / config["crop_pct"]),
        mean=mean,
        std=std,
        colour_order="rgb",
        scale=255.0,
    )
