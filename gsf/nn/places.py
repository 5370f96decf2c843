"""Where temporal modules stand: a table of blocks, and the choice of a part of its places.

GSF and GSM stand right after the last convolution of a block, in front of its batch norm; TSM stands in front of the
first one, and so shifts what enters the block's branch. A row of the table names both convolutions for one kind of
block, which may occur in several networks. Another family of networks is one more row.

Published are the ResNets (GSF, TPAMI 2023, section 3.4; TSM, ICCV 2019, section 3.2), the 1x1 branch of Inception nets
(on two other Inception networks, which name their places themselves in `temporal_places`), and TSM in MobileNetV2, in
blocks with a shortcut alone. All others are by analogy:

* inverted residuals (MobileNet, MNASNet, EfficientNet) follow MobileNetV2: a block without shortcut has no place,
  because what the module takes from a frame would be lost to it;
* DenseNet has its norms in front of convolutions: what the last one adds to the others is what moves;
* the block of a ConvNeXt has one convolution, the depthwise one: it is first and last;
* the branches of a Fire block (SqueezeNet) open with the squeeze and close with the wider expansion;
* networks without blocks (VGG, AlexNet) have stages that end in a max pooling: the last convolution of each, and for
  TSM the first of each but the first stage, which sees pixels;
* of a MaxViT the convolutional half of a block. Networks of attention alone (ViT, Swin) have no place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from torch import nn

from .gsf import FuseInit

Temporal = Literal["none", "tsm", "gsm", "gsf"]
TEMPORALS: tuple[Temporal, ...] = ("none", "tsm", "gsm", "gsf")


@dataclass(frozen=True)
class Block:
    """One row: a kind of block, by the qualified name of its class, and its two places.

    Paths lead from the block to a convolution; a number is a position among the children, from the end if negative.
    """

    kind: str
    first: str  # the convolution that opens the branch: TSM stands in front of it
    last: str  # the convolution that closes it: GSF and GSM stand right after it
    only_if: str | None = None  # attribute of the block that must be true
    fuse_init: FuseInit = "default"


@dataclass(frozen=True)
class Stages:
    """One row: a kind of network whose `layers` are convolutions in stages, each of which ends in a max pooling."""

    kind: str
    layers: str


@dataclass(frozen=True)
class Place:
    """A convolution at which a temporal module is to stand."""

    path: str
    conv: nn.Conv2d
    fuse_init: FuseInit


TABLE: tuple[Block | Stages, ...] = (
    Block("gsf.nn.resnet.BasicBlock", "conv1", "conv2", fuse_init="kaiming"),
    Block("gsf.nn.resnet.Bottleneck", "conv1", "conv3", fuse_init="kaiming"),
    # torchvision; ResNeXt and Wide ResNet are made of the same blocks as ResNet
    Block("torchvision.models.resnet.BasicBlock", "conv1", "conv2", fuse_init="kaiming"),
    Block("torchvision.models.resnet.Bottleneck", "conv1", "conv3", fuse_init="kaiming"),
    Block("torchvision.models.regnet.ResBottleneckBlock", "f.a.0", "f.c.0", fuse_init="kaiming"),
    Block("torchvision.models.mobilenetv2.InvertedResidual", "conv.0.0", "conv.-2", only_if="use_res_connect"),
    Block("torchvision.models.mobilenetv3.InvertedResidual", "block.0.0", "block.-1.0", only_if="use_res_connect"),
    Block("torchvision.models.mnasnet._InvertedResidual", "layers.0", "layers.-2", only_if="apply_residual"),
    Block("torchvision.models.efficientnet.MBConv", "block.0.0", "block.-1.0", only_if="use_res_connect"),
    Block("torchvision.models.efficientnet.FusedMBConv", "block.0.0", "block.-1.0", only_if="use_res_connect"),
    Block("torchvision.models.convnext.CNBlock", "block.0", "block.0"),
    Block("torchvision.models.densenet._DenseLayer", "conv1", "conv2"),
    Block("torchvision.models.shufflenetv2.InvertedResidual", "branch2.0", "branch2.5"),
    Block("torchvision.models.googlenet.Inception", "branch1.conv", "branch1.conv"),
    Block("torchvision.models.inception.InceptionA", "branch1x1.conv", "branch1x1.conv"),
    Block("torchvision.models.inception.InceptionB", "branch3x3.conv", "branch3x3.conv"),
    Block("torchvision.models.inception.InceptionC", "branch1x1.conv", "branch1x1.conv"),
    Block("torchvision.models.inception.InceptionD", "branch3x3_1.conv", "branch3x3_1.conv"),
    Block("torchvision.models.inception.InceptionE", "branch1x1.conv", "branch1x1.conv"),
    Block("torchvision.models.squeezenet.Fire", "squeeze", "expand3x3"),
    Block("torchvision.models.maxvit.MBConv", "layers.conv_a.0", "layers.conv_c"),
    Stages("torchvision.models.vgg.VGG", "features"),
    Stages("torchvision.models.alexnet.AlexNet", "features"),
    # timm
    Block("timm.models.resnet.BasicBlock", "conv1", "conv2", fuse_init="kaiming"),
    Block("timm.models.resnet.Bottleneck", "conv1", "conv3", fuse_init="kaiming"),
    Block("timm.models.res2net.Bottle2neck", "conv1", "conv3", fuse_init="kaiming"),
    Block("timm.models.resnest.ResNestBottleneck", "conv1", "conv3", fuse_init="kaiming"),
    Block("timm.models.regnet.Bottleneck", "conv1.conv", "conv3.conv", fuse_init="kaiming"),
    Block("timm.models.dla.DlaBasic", "conv1", "conv2", fuse_init="kaiming"),
    Block("timm.models.dla.DlaBottleneck", "conv1", "conv3", fuse_init="kaiming"),
    Block("timm.models._efficientnet_blocks.ConvBnAct", "conv", "conv", only_if="has_skip"),
    Block("timm.models._efficientnet_blocks.DepthwiseSeparableConv", "conv_dw", "conv_pw", only_if="has_skip"),
    Block("timm.models._efficientnet_blocks.InvertedResidual", "conv_pw", "conv_pwl", only_if="has_skip"),
    Block("timm.models._efficientnet_blocks.EdgeResidual", "conv_exp", "conv_pwl", only_if="has_skip"),
    Block(
        "timm.models._efficientnet_blocks.UniversalInvertedResidual", "pw_exp.conv", "pw_proj.conv", only_if="has_skip"
    ),
    Block("timm.models.convnext.ConvNeXtBlock", "conv_dw", "conv_dw"),
    Block("timm.models.densenet.DenseLayer", "conv1", "conv2"),
    Block("timm.models.inception_v3.InceptionA", "branch1x1.conv", "branch1x1.conv"),
    Block("timm.models.inception_v3.InceptionB", "branch3x3.conv", "branch3x3.conv"),
    Block("timm.models.inception_v3.InceptionC", "branch1x1.conv", "branch1x1.conv"),
    Block("timm.models.inception_v3.InceptionD", "branch3x3_1.conv", "branch3x3_1.conv"),
    Block("timm.models.inception_v3.InceptionE", "branch1x1.conv", "branch1x1.conv"),
    Stages("timm.models.vgg.VGG", "features"),
)


def find_places(net: nn.Module, temporal: Temporal, where: Sequence[str] | None = None) -> list[Place]:
    """The places in `net` for a temporal module, in the order of the network.

    Without `where`: those the network publishes as its class attribute `temporal_places` (temporal -> names of
    convolutions), else those of `TABLE`. An entry of `where` is a name, or a pattern in which `*`, `?` and `[..]` stay
    within one part of a dotted name. It means the convolutions it matches; if it matches none, the places that would
    have been taken inside the modules it matches:

        layer3.*.conv2      conv2 of every block of layer3
        layer3              every place in layer3, the ones in front of conv1 for TSM, after conv3 for GSF
        features.[45]       every place in these two stages

    Raises:
        ValueError: no place, an entry that matches nothing, or a place that is no plain `Conv2d`.
    """
    if where is None:
        paths = _default_paths(net, temporal)
        if not paths:
            raise ValueError(_no_place(net, temporal))
        chosen = set(paths)
    else:
        if not where or len(set(where)) != len(where):
            rule = "name something; leave it out for the default" if not where else "name each thing once"
            raise ValueError(f"where is [{', '.join(where)}], must {rule}")
        paths = _default_paths(net, temporal)
        chosen = {path for entry in where for path in _matched(net, entry, paths)}
    return [
        Place(path, _plain_conv(net, path), paths.get(path, "default"))
        for path, _ in net.named_modules()
        if path in chosen
    ]


def _default_paths(net: nn.Module, temporal: Temporal) -> dict[str, FuseInit]:
    """Paths of the default places, and how fuse convolutions start there."""
    published: Mapping[str, Sequence[str]] | None = getattr(net, "temporal_places", None)
    if published is not None:
        return dict.fromkeys(published.get(temporal, ()), "default")
    return dict(_from_table(net, in_front=temporal == "tsm"))


def _from_table(net: nn.Module, *, in_front: bool) -> Iterator[tuple[str, FuseInit]]:
    rows = {row.kind: row for row in TABLE}
    for name, module in net.named_modules():
        row = rows.get(f"{type(module).__module__}.{type(module).__qualname__}")
        if isinstance(row, Stages):
            for path in _in_stages(module.get_submodule(row.layers), in_front=in_front):
                yield _join(name, row.layers, path), "default"
        elif row is not None and (row.only_if is None or getattr(module, row.only_if)):
            yield _join(name, _resolve(module, row.first if in_front else row.last)), row.fuse_init


def _resolve(block: nn.Module, path: str) -> str:
    """A path of the table with names instead of positions."""
    names: list[str] = []
    for step in path.split("."):
        if step.lstrip("-").isdigit():
            step = list(block._modules)[int(step)]
        block = block.get_submodule(step)
        names.append(step)
    return ".".join(names)


def _in_stages(layers: nn.Module, *, in_front: bool) -> Iterator[str]:
    """The last convolution in front of each max pooling; or the first one after each that still has one after it."""
    last = None
    after_pool = False
    for name, layer in layers.named_children():
        if isinstance(layer, nn.Conv2d):
            if in_front and after_pool:
                yield name
            last, after_pool = name, False
        elif isinstance(layer, nn.MaxPool2d):
            if not in_front and last is not None:
                yield last
            after_pool = True


def _matched(net: nn.Module, entry: str, defaults: Mapping[str, FuseInit]) -> set[str]:
    modules = {path: module for path, module in net.named_modules() if _matches(path, entry)}
    convs = {path for path, module in modules.items() if isinstance(module, nn.Conv2d)}
    inside = {path for path in defaults if any(path.startswith(f"{parent}.") for parent in modules)}
    if not convs and not inside:
        raise ValueError(_nothing_matched(net, entry, known=bool(modules)))
    return convs or inside


def _matches(path: str, entry: str) -> bool:
    """Whether a dotted name matches a pattern part by part."""
    parts, patterns = path.split("."), entry.split(".")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _plain_conv(net: nn.Module, path: str) -> nn.Conv2d:
    """The convolution at a path; another class, or hooks, would be lost with what they compute when it is replaced."""
    module = net.get_submodule(path)
    hooked = bool(module._forward_hooks or module._forward_pre_hooks)
    if type(module) is not nn.Conv2d or hooked:
        what = f"{type(module).__name__}{' with hooks' if hooked else ''}"
        raise ValueError(
            f"{type(net).__name__}: {path} is a {what}, must be a plain Conv2d to take a temporal module; "
            "name other convolutions with where="
        )
    return module


def _nothing_matched(net: nn.Module, entry: str, *, known: bool) -> str:
    convs = [path for path, module in net.named_modules() if isinstance(module, nn.Conv2d)]
    parents = {".".join(path.split(".")[:depth]) for path in convs for depth in range(1, path.count(".") + 1)}
    near = difflib.get_close_matches(re.sub(r"[*?\[\]]", "", entry), [*convs, *sorted(parents)], n=5, cutoff=0.3)
    found = "which holds no place for temporal modules" if known else "which matches nothing"
    return (
        f"{type(net).__name__}: where names {entry!r}, {found}; must name a Conv2d, or a module with such places, by "
        f"its dotted name or a pattern; near it: {', '.join(near) or 'nothing'}; see named_modules()"
    )


def _no_place(net: nn.Module, temporal: Temporal) -> str:
    name = type(net).__name__
    convs = [(path, module) for path, module in net.named_modules() if isinstance(module, nn.Conv2d)]
    if len(convs) == 1 and convs[0][1].kernel_size == convs[0][1].stride:
        return (
            f"{name}: has no place for temporal modules: its only convolution, {convs[0][0]}, cuts the picture into "
            "patches, which makes it a transformer and no CNN; choose a CNN, or temporal 'none'"
        )
    if hasattr(net, "temporal_places"):
        known = f"its temporal_places have none for {temporal!r}"
    else:
        known = "must contain one of the kinds of blocks in gsf.nn.places.TABLE"
    return (
        f"{name}: has no place for temporal modules, {known}; name convolutions with where=, or choose temporal 'none'"
    )


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)
