"""InceptionV3, in the TensorFlow form that was converted for TSN.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
https://arxiv.org/abs/1512.00567. Its 7x1 and 1x7 convolutions stand in the other order than in torchvision's
`inception_v3`, every convolution has a bias, and pooling rounds up: neither network's weights serve the other.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from .inception import ConvNorm, Head, check_halves, halve, peak, smooth, start_weights

# Inputs whose maps all halve evenly: 32 k + 5 .. 32 k + 12 px.
_SIZES = "229 or 299 px, or other sides of 32 k + 5 to 32 k + 12 px"


class MixedSquare(nn.Module):
    """Branches of 1x1, 5x5, two 3x3, and pooling: `(N, inputs, H, W)` to `(N, 224 + proj, H, W)`."""

    def __init__(self, inputs: int, proj: int) -> None:
        super().__init__()
        self.conv = ConvNorm(inputs, 64, 1)
        self.tower_conv = ConvNorm(inputs, 48, 1)
        self.tower_conv_1 = ConvNorm(48, 64, 5)
        self.tower_1_conv = ConvNorm(inputs, 64, 1)
        self.tower_1_conv_1 = ConvNorm(64, 96, 3)
        self.tower_1_conv_2 = ConvNorm(96, 96, 3)
        self.pool = smooth()
        self.tower_2_conv = ConvNorm(inputs, proj, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            (
                self.conv(x),
                self.tower_conv_1(self.tower_conv(x)),
                self.tower_1_conv_2(self.tower_1_conv_1(self.tower_1_conv(x))),
                self.tower_2_conv(self.pool(x)),
            ),
            1,
        )


class ReductionSquare(nn.Module):
    """Branches of 3x3, two 3x3, and pooling: `(N, 288, H, W)`, odd sides, to `(N, 768, (H-1)/2, (W-1)/2)`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvNorm(288, 384, 3, stride=2, padding=0)
        self.tower_conv = ConvNorm(288, 64, 1)
        self.tower_conv_1 = ConvNorm(64, 96, 3)
        self.tower_conv_2 = ConvNorm(96, 96, 3, stride=2, padding=0)
        self.pool = halve()

    def forward(self, x: Tensor) -> Tensor:
        check_halves(x, odd=True, sizes=_SIZES)
        return torch.cat(
            (self.conv(x), self.tower_conv_2(self.tower_conv_1(self.tower_conv(x))), self.pool(x)),
            1,
        )


class MixedLines(nn.Module):
    """7x7 as pairs of 7x1 and 1x7, once and twice, inside `mid` channels: `(N, 768, H, W)` to the same."""

    def __init__(self, mid: int) -> None:
        super().__init__()
        self.conv = ConvNorm(768, 192, 1)
        self.tower_conv = ConvNorm(768, mid, 1)
        self.tower_conv_1 = ConvNorm(mid, mid, (7, 1))
        self.tower_conv_2 = ConvNorm(mid, 192, (1, 7))
        self.tower_1_conv = ConvNorm(768, mid, 1)
        self.tower_1_conv_1 = ConvNorm(mid, mid, (1, 7))
        self.tower_1_conv_2 = ConvNorm(mid, mid, (7, 1))
        self.tower_1_conv_3 = ConvNorm(mid, mid, (1, 7))
        self.tower_1_conv_4 = ConvNorm(mid, 192, (7, 1))
        self.pool = smooth()
        self.tower_2_conv = ConvNorm(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        once = self.tower_conv_2(self.tower_conv_1(self.tower_conv(x)))
        twice = self.tower_1_conv_2(self.tower_1_conv_1(self.tower_1_conv(x)))
        twice = self.tower_1_conv_4(self.tower_1_conv_3(twice))
        return torch.cat((self.conv(x), once, twice, self.tower_2_conv(self.pool(x))), 1)


class ReductionLines(nn.Module):
    """Branches of 3x3, 7x7 and 3x3, and pooling: `(N, 768, H, W)`, odd sides, to `(N, 1280, (H-1)/2, (W-1)/2)`."""

    def __init__(self) -> None:
        super().__init__()
        self.tower_conv = ConvNorm(768, 192, 1)
        self.tower_conv_1 = ConvNorm(192, 320, 3, stride=2, padding=0)
        self.tower_1_conv = ConvNorm(768, 192, 1)
        self.tower_1_conv_1 = ConvNorm(192, 192, (7, 1))
        self.tower_1_conv_2 = ConvNorm(192, 192, (1, 7))
        self.tower_1_conv_3 = ConvNorm(192, 192, 3, stride=2, padding=0)
        self.pool = halve()

    def forward(self, x: Tensor) -> Tensor:
        check_halves(x, odd=True, sizes=_SIZES)
        square = self.tower_conv_1(self.tower_conv(x))
        lines = self.tower_1_conv_2(self.tower_1_conv_1(self.tower_1_conv(x)))
        return torch.cat((square, self.tower_1_conv_3(lines), self.pool(x)), 1)


class MixedFork(nn.Module):
    """3x3 as 3x1 and 1x3 side by side, at the end of two branches: `(N, inputs, H, W)` to `(N, 2048, H, W)`."""

    def __init__(self, inputs: int, pool: nn.Module) -> None:
        super().__init__()
        self.conv = ConvNorm(inputs, 320, 1)
        self.tower_conv = ConvNorm(inputs, 384, 1)
        self.tower_mixed_conv = ConvNorm(384, 384, (3, 1))
        self.tower_mixed_conv_1 = ConvNorm(384, 384, (1, 3))
        self.tower_1_conv = ConvNorm(inputs, 448, 1)
        self.tower_1_conv_1 = ConvNorm(448, 384, 3)
        self.tower_1_mixed_conv = ConvNorm(384, 384, (3, 1))
        self.tower_1_mixed_conv_1 = ConvNorm(384, 384, (1, 3))
        self.pool = pool
        self.tower_2_conv = ConvNorm(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        short = self.tower_conv(x)
        long = self.tower_1_conv_1(self.tower_1_conv(x))
        return torch.cat(
            (
                self.conv(x),
                self.tower_mixed_conv(short),
                self.tower_mixed_conv_1(short),
                self.tower_1_mixed_conv(long),
                self.tower_1_mixed_conv_1(long),
                self.tower_2_conv(self.pool(x)),
            ),
            1,
        )


_GSF = (
    "mixed.conv.conv",
    "mixed_1.conv.conv",
    "mixed_2.conv.conv",
    "mixed_3.conv.conv",
    "mixed_4.conv.conv",
    "mixed_5.conv.conv",
    "mixed_6.conv.conv",
    "mixed_7.conv.conv",
    "mixed_8.tower_conv.conv",
    "mixed_9.conv.conv",
    "mixed_10.conv.conv",
)
# As published with GSM: in the other branch of the reduction, and none in mixed_6.
_GSM = tuple(
    "mixed_3.tower_conv.conv" if path == "mixed_3.conv.conv" else path for path in _GSF if path != "mixed_6.conv.conv"
)


class InceptionV3(nn.Module):
    """Stem, eleven blocks, global average; no classifier.

    Attributes:
        width: channels of the output.
        temporal_places: behind which convolutions GSF (TPAMI 2023, section 3.4) and GSM (CVPR 2020) stand as
            published; TSM by analogy in front of GSF's.

    Shape:
        `(N, 3, H, W)` to `(N, 2048)`.
    """

    width = 2048
    temporal_places: ClassVar = {"gsf": _GSF, "gsm": _GSM, "tsm": _GSF}

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvNorm(3, 32, 3, stride=2, padding=0)
        self.conv_1 = ConvNorm(32, 32, 3, padding=0)
        self.conv_2 = ConvNorm(32, 64, 3)
        self.pool1 = halve()
        self.conv_3 = ConvNorm(64, 80, 1)
        self.conv_4 = ConvNorm(80, 192, 3, padding=0)
        self.pool2 = halve()
        self.mixed = MixedSquare(192, proj=32)
        self.mixed_1 = MixedSquare(256, proj=64)
        self.mixed_2 = MixedSquare(288, proj=64)
        self.mixed_3 = ReductionSquare()
        self.mixed_4 = MixedLines(mid=128)
        self.mixed_5 = MixedLines(mid=160)
        self.mixed_6 = MixedLines(mid=160)
        self.mixed_7 = MixedLines(mid=192)
        self.mixed_8 = ReductionLines()
        self.mixed_9 = MixedFork(1280, smooth())
        self.mixed_10 = MixedFork(2048, peak())
        self.head = Head()
        start_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.conv_2(self.conv_1(self.conv(x))))
        x = self.pool2(self.conv_4(self.conv_3(x)))
        x = self.mixed_3(self.mixed_2(self.mixed_1(self.mixed(x))))
        x = self.mixed_7(self.mixed_6(self.mixed_5(self.mixed_4(x))))
        x = self.mixed_10(self.mixed_9(self.mixed_8(x)))
        out: Tensor = self.head(x)
        return out

    @staticmethod
    def published_name(path: str) -> str:
        """TensorFlow's name of a convolution or norm, from its path here.

        `mixed_8.tower_1_conv_3.conv` is `mixed_8_tower_1_conv_3_Conv2D`, and the norm beside it ends in `_batchnorm`.
        """
        place, _, kind = path.rpartition(".")
        return f"{place.replace('.', '_')}_{'Conv2D' if kind == 'conv' else 'batchnorm'}"
