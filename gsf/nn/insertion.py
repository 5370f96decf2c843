"""Insertion of temporal modules into a convolutional network.

A convolution is replaced by one that holds the temporal module (GSF and GSM right after it, in front of what followed;
TSM in front of it), so that every key of the network's state dict stays as it is and the module's own keys are
`<convolution>.temporal.*`. Where they stand is decided in `places.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ._clips import Start, check_start
from .causal import CausalGSF, CausalGSM, CausalTSM
from .gsf import GSF
from .gsm import GSM
from .places import TEMPORALS, Place, find_places
from .places import Temporal as Temporal
from .tsm import TSM


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
    gate: bool = True,
    fuse: bool = True,
    interleave: bool = True,
    causal: bool = False,
) -> list[Insertion]:
    """Insert temporal modules into `net`, in place, and list them.

    Args:
        net: a network of 2D convolutions over `(B*T, 3, H, W)`.
        temporal: "none" (nothing is inserted), "tsm", "gsm" or "gsf".
        num_segments: frames T of a clip.
        ratio: share of the channels that takes part in GSM and GSF; rounded down to a multiple of 4 channels
            where it does not divide. TSM shifts one eighth either way, rounded down, whatever the ratio.
        where: names or patterns of convolutions to insert at, or of parts of the network whose default places are
            meant, see `find_places`. Without it every default place: the ones that the network publishes in a class
            attribute `temporal_places` (temporal -> names of convolutions), else those of `gsf.nn.places.TABLE`.
        strict: rounding is an error.
        start: initial state; "identity" leaves the outputs of `net` unchanged (not for TSM).
        gate, fuse: False leaves that part of GSF out, as in `GSF` (GSF alone).
        interleave: as in `GSF` and `GSM`; off with start "identity".
        causal: modules that look only backwards, see `gsf.nn.causal`.

    Raises:
        ValueError: an unknown choice or one that does not apply, a network without a place, an entry of `where` that
            matches nothing, a network that has temporal modules, channels that do not divide with `strict`.
    """
    _check_choices(temporal, start, ratio)
    _check_parts(temporal, start, gate=gate, fuse=fuse, interleave=interleave)
    if temporal == "none":
        if causal:
            raise ValueError("causal is True with temporal 'none', must be False: single frames have no time")
        if where is not None:
            raise ValueError("where is given with temporal 'none', must be left out: nothing is inserted")
        return []
    name = type(net).__name__
    if any(isinstance(module, TemporalConv2d) for module in net.modules()):
        raise ValueError(f"{name}: has temporal modules already, must have none; insert into a fresh network")
    places = find_places(net, temporal, where)
    report = [_plan(temporal, place, ratio) for place in places]
    rounded = [f"{row.where} ({row.processed} of {row.channels})" for row in report if row.rounded]
    if strict and rounded:
        raise ValueError(
            f"{name}: channels * ratio {ratio} must be a multiple of {8 if temporal == 'tsm' else 4}, is not at "
            f"{', '.join(rounded)}; choose another ratio or strict=False"
        )
    for row, place in zip(report, places, strict=True):
        if not row.processed:
            continue
        share = row.processed / row.channels
        module: nn.Module
        if temporal == "gsf":
            module = (CausalGSF if causal else GSF)(
                row.channels,
                num_segments,
                share,
                gate=gate,
                fuse=fuse,
                interleave=interleave,
                start=start,
                fuse_init=place.fuse_init,
            )
        elif temporal == "gsm":
            kind = CausalGSM if causal else GSM
            module = kind(row.channels, num_segments, ratio=share, start=start, interleave=interleave)
        else:
            module = (CausalTSM if causal else TSM)(row.channels, num_segments)
        module.to(device=place.conv.weight.device, dtype=place.conv.weight.dtype)
        parent, _, child = place.path.rpartition(".")
        setattr(net.get_submodule(parent), child, TemporalConv2d(place.conv, module, in_front=temporal == "tsm"))
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


def _check_parts(temporal: Temporal, start: Start, *, gate: bool, fuse: bool, interleave: bool) -> None:
    """ValueError if a part is left out that the module does not have."""
    parts = {"gate": (gate, ("gsf",)), "fuse": (fuse, ("gsf",)), "interleave": (interleave, ("gsf", "gsm"))}
    for part, (on, owners) in parts.items():
        if not on and temporal not in owners:
            raise ValueError(
                f"{part} is False with temporal {temporal!r}, must be True: {' and '.join(owners)} alone go without it"
            )
    if not gate and start == "identity":
        raise ValueError("gate is False with start 'identity', must be True: without a gate every feature moves")


def _plan(temporal: Temporal, place: Place, ratio: float) -> Insertion:
    if temporal == "tsm":
        channels = place.conv.in_channels
        return Insertion(place.path, channels, 2 * (channels // 8), bool(channels % 8))
    channels = place.conv.out_channels
    asked = channels * ratio
    processed = int(asked + 1e-6) // 4 * 4
    return Insertion(place.path, channels, processed, abs(asked - processed) > 1e-6)
