"""Where temporal modules stand in a convolutional network, and their insertion.

A table says, for each kind of residual block, which convolution closes its branch (GSF and GSM stand right after it,
in front of its batch norm) and which opens it (TSM stands in front of it). The convolution is replaced by one that
holds the temporal module, so that every key of the backbone's state dict stays as it is and the module's own
keys are `<convolution>.temporal.*`.

Sources: GSF, TPAMI 2023, section 3.4 (ResNets); TSM, ICCV 2019, section 3.2 (ResNets and MobileNetV2). GSM in ResNets,
basic blocks and GSF in MobileNetV2 by analogy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from ._clips import Start, check_start
from .gsf import GSF, FuseInit
from .gsm import GSM
from .tsm import TSM

Temporal = Literal["none", "tsm", "gsm", "gsf"]
TEMPORALS: tuple[Temporal, ...] = ("none", "tsm", "gsm", "gsf")


@dataclass(frozen=True)
class Block:
    """One row: a kind of block, by the qualified name of its class, and its two places.

    Paths lead from the block to a convolution; a number is a position among the children, from the end if negative.
    """

    kind: str
    first: str  # the convolution that opens the residual branch
    last: str  # the convolution that closes it, in front of its batch norm
    only_if: str | None = None  # attribute of the block that must be true
    fuse_init: FuseInit = "default"


TABLE: tuple[Block, ...] = (
    Block("gsf.nn.resnet.BasicBlock", "conv1", "conv2", fuse_init="kaiming"),
    Block("gsf.nn.resnet.Bottleneck", "conv1", "conv3", fuse_init="kaiming"),
    Block("torchvision.models.resnet.BasicBlock", "conv1", "conv2", fuse_init="kaiming"),
    Block("torchvision.models.resnet.Bottleneck", "conv1", "conv3", fuse_init="kaiming"),
    Block("torchvision.models.mobilenetv2.InvertedResidual", "conv.0.0", "conv.-2", only_if="use_res_connect"),
)


@dataclass(frozen=True)
class Insertion:
    """One temporal module that was inserted, or left out because too few channels remained."""

    where: str  # the convolution it stands at, by its name in the network
    channels: int  # channels of the feature map there
    processed: int  # channels that take part; 0: no module stands here
    rounded: bool  # fewer channels take part than `ratio` asks for


class TemporalConv2d(nn.Conv2d):
    """A convolution with a temporal module after it (GSF, GSM) or in front of it (TSM); shares its parameters.

    Shape:
        `(B*T, C_in, H, W)` to `(B*T, C_out, H', W')`, as the convolution's.
    """

    def __init__(self, conv: nn.Conv2d, temporal: nn.Module, *, in_front: bool) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]
            conv.stride,  # type: ignore[arg-type]
            conv.padding,  # type: ignore[arg-type]
            conv.dilation,  # type: ignore[arg-type]
            conv.groups,
            conv.bias is not None,
            conv.padding_mode,
            device="meta",  # no memory, and no draw from the random generator
        )
        self.weight = conv.weight
        self.bias = conv.bias
        self.temporal = temporal
        self.in_front = in_front
        self.train(conv.training)

    def forward(self, x: Tensor) -> Tensor:
        if self.in_front:
            out: Tensor = super().forward(self.temporal(x))
        else:
            out = self.temporal(super().forward(x))
        return out

    def extra_repr(self) -> str:
        return f"{nn.Conv2d.extra_repr(self)}, in_front={self.in_front}"  # type: ignore[no-untyped-call]


def insert_temporal(
    net: nn.Module,
    temporal: Temporal,
    num_segments: int,
    *,
    ratio: float = 1.0,
    where: Sequence[str] | None = None,
    strict: bool = False,
    start: Start = "published",
    interleave: bool = True,
) -> list[Insertion]:
    """Insert temporal modules into `net`, in place, and list them.

    Args:
        net: a network of 2D convolutions over `(B*T, 3, H, W)`.
        temporal: "none" (nothing is inserted), "tsm", "gsm" or "gsf".
        num_segments: frames T of a clip.
        ratio: share of the channels that takes part in GSM and GSF; rounded down to a multiple of 4 channels
            where it does not divide. TSM shifts one eighth either way, rounded down, whatever the ratio.
        where: names of convolutions to insert at, so that any CNN can be used. Without it, a class attribute
            `temporal_places` of the network (temporal -> names of convolutions) decides, else the blocks of `TABLE`.
        strict: rounding is an error.
        start: initial state; "identity" leaves the outputs of `net` unchanged (not for TSM).
        interleave: as in `GSF` and `GSM`; off with start "identity".

    Raises:
        ValueError: an unknown choice, a network without a known block, a name in `where` that is no convolution,
            a network that has temporal modules, channels that do not divide with `strict`.
    """
    _check_choices(temporal, start, ratio)
    if temporal == "none":
        return []
    name = type(net).__name__
    if any(isinstance(module, TemporalConv2d) for module in net.modules()):
        raise ValueError(f"{name}: has temporal modules already, must have none; insert into a fresh network")
    places = list(_places(net, temporal, where))
    if not places:
        kinds = ", ".join(row.kind for row in TABLE)
        raise ValueError(
            f"{name}: has no place for temporal modules, must contain blocks of {kinds}; "
            "name convolutions with where=, or choose temporal 'none'"
        )
    report = [_plan(temporal, path, conv, ratio) for path, conv, _ in places]
    rounded = [f"{row.where} ({row.processed} of {row.channels})" for row in report if row.rounded]
    if strict and rounded:
        raise ValueError(
            f"{name}: channels * ratio {ratio} must be a multiple of {8 if temporal == 'tsm' else 4}, is not at "
            f"{', '.join(rounded)}; choose another ratio or strict=False"
        )
    for row, (path, conv, fuse_init) in zip(report, places, strict=True):
        if not row.processed:
            continue
        share = row.processed / row.channels
        module: nn.Module
        if temporal == "gsf":
            module = GSF(row.channels, num_segments, share, start=start, interleave=interleave, fuse_init=fuse_init)
        elif temporal == "gsm":
            module = GSM(row.channels, num_segments, ratio=share, start=start, interleave=interleave)
        else:
            module = TSM(row.channels, num_segments)
        module.to(device=conv.weight.device, dtype=conv.weight.dtype)
        parent, _, child = path.rpartition(".")
        setattr(net.get_submodule(parent), child, TemporalConv2d(conv, module, in_front=temporal == "tsm"))
    return report


def _check_choices(temporal: str, start: str, ratio: float) -> None:
    if temporal not in TEMPORALS:
        raise ValueError(f"temporal is {temporal!r}, must be one of {', '.join(TEMPORALS)}")
    check_start("insert_temporal", start)
    if not 0 < ratio <= 1:
        raise ValueError(f"ratio is {ratio}, must be > 0 and <= 1; use 1, 1/2, 1/4 or 1/8")
    if temporal == "tsm" and start == "identity":
        raise ValueError(
            "start is 'identity' with temporal 'tsm', must be 'published': a shift has no weights that could undo it"
        )


def _plan(temporal: Temporal, path: str, conv: nn.Conv2d, ratio: float) -> Insertion:
    if temporal == "tsm":
        channels = conv.in_channels
        return Insertion(path, channels, 2 * (channels // 8), bool(channels % 8))
    channels = conv.out_channels
    asked = channels * ratio
    processed = int(asked + 1e-6) // 4 * 4
    return Insertion(path, channels, processed, abs(asked - processed) > 1e-6)


def _places(
    net: nn.Module, temporal: Temporal, where: Sequence[str] | None
) -> Iterator[tuple[str, nn.Conv2d, FuseInit]]:
    """Those asked for, else those the network publishes for itself, else those of the table."""
    if where is None:
        where = getattr(net, "temporal_places", {}).get(temporal)
    return _named(net, where) if where is not None else _from_table(net, in_front=temporal == "tsm")


def _named(net: nn.Module, where: Sequence[str]) -> Iterator[tuple[str, nn.Conv2d, FuseInit]]:
    convs = {path: module for path, module in net.named_modules() if isinstance(module, nn.Conv2d)}
    if len(set(where)) != len(where):
        raise ValueError(f"where has a name twice, must name each convolution once: {', '.join(where)}")
    for path in where:
        if path not in convs:
            raise ValueError(
                f"{type(net).__name__}: where names {path!r}, must name a Conv2d of the network; see named_modules()"
            )
        yield path, convs[path], "default"


def _from_table(net: nn.Module, *, in_front: bool) -> Iterator[tuple[str, nn.Conv2d, FuseInit]]:
    rows = {row.kind: row for row in TABLE}
    for name, block in net.named_modules():
        row = rows.get(f"{type(block).__module__}.{type(block).__qualname__}")
        if row is None or (row.only_if and not getattr(block, row.only_if)):
            continue
        path, module = name, block
        for step in (row.first if in_front else row.last).split("."):
            if step.lstrip("-").isdigit():
                step = list(module._modules)[int(step)]
            module = module.get_submodule(step)
            path = f"{path}.{step}"
        assert isinstance(module, nn.Conv2d)
        yield path, module, row.fuse_init
