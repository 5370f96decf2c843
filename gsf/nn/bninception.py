"""BNInception: the Inception network with batch norm, in the Caffe form that TSN made usual for video.

Ioffe, Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", ICML
2015, https://arxiv.org/abs/1502.03167, figure 5; Wang et al., "Temporal Segment Networks", ECCV 2016.
"""

from __future__ import annotations

import re
from typing import ClassVar

import torch
from torch import Tensor, nn

from .inception import ConvNorm, Head, check_halves, halve, peak, smooth, start_weights


class Mixed(nn.Module):
    """Four branches side by side.

    Args:
        inputs: channels of the input.
        one: channels of the 1x1 branch.
        three: channels of the 3x3 branch, (reduced, 3x3).
        double: channels of the branch of two 3x3, (reduced, each 3x3).
        proj: channels of the pooled branch.
        pool: what is in front of the projection.

    Shape:
        `(N, inputs, H, W)` to `(N, one + three[1] + double[1] + proj, H, W)`.
    """

    def __init__(
        self, inputs: int, one: int, three: tuple[int, int], double: tuple[int, int], proj: int, pool: nn.Module
    ) -> None:
        super().__init__()
        self.conv_1x1 = ConvNorm(inputs, one, 1)
        self.conv_3x3_reduce = ConvNorm(inputs, three[0], 1)
        self.conv_3x3 = ConvNorm(three[0], three[1], 3)
        self.double_3x3_reduce = ConvNorm(inputs, double[0], 1)
        self.double_3x3_1 = ConvNorm(double[0], double[1], 3)
        self.double_3x3_2 = ConvNorm(double[1], double[1], 3)
        self.pool = pool
        self.pool_proj = ConvNorm(inputs, proj, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            (
                self.conv_1x1(x),
                self.conv_3x3(self.conv_3x3_reduce(x)),
                self.double_3x3_2(self.double_3x3_1(self.double_3x3_reduce(x))),
                self.pool_proj(self.pool(x)),
            ),
            1,
        )


class Reduction(nn.Module):
    """Three branches that halve the resolution; the pooled one keeps its channels.

    Shape:
        `(N, inputs, H, W)` to `(N, three[1] + double[1] + inputs, H / 2, W / 2)`.

    Raises:
        ValueError: odd sides.
    """

    def __init__(self, inputs: int, three: tuple[int, int], double: tuple[int, int]) -> None:
        super().__init__()
        self.conv_3x3_reduce = ConvNorm(inputs, three[0], 1)
        self.conv_3x3 = ConvNorm(three[0], three[1], 3, stride=2)
        self.double_3x3_reduce = ConvNorm(inputs, double[0], 1)
        self.double_3x3_1 = ConvNorm(double[0], double[1], 3)
        self.double_3x3_2 = ConvNorm(double[1], double[1], 3, stride=2)
        self.pool = halve()

    def forward(self, x: Tensor) -> Tensor:
        check_halves(x, odd=False, sizes="multiples of 32 px")
        return torch.cat(
            (
                self.conv_3x3(self.conv_3x3_reduce(x)),
                self.double_3x3_2(self.double_3x3_1(self.double_3x3_reduce(x))),
                self.pool(x),
            ),
            1,
        )


_GATED = (
    "inception_3a.conv_1x1.conv",
    "inception_3b.conv_1x1.conv",
    "inception_3c.conv_3x3_reduce.conv",
    "inception_4a.conv_1x1.conv",
    "inception_4b.conv_1x1.conv",
    "inception_4c.conv_1x1.conv",
    "inception_4d.conv_1x1.conv",
    "inception_4e.conv_3x3_reduce.conv",
    "inception_5a.conv_1x1.conv",
    "inception_5b.conv_1x1.conv",
)


class BNInception(nn.Module):
    """Stem, ten blocks, global average; no classifier.

    Attributes:
        width: channels of the output.
        temporal_places: behind which convolutions GSF and GSM stand as published (GSF, TPAMI 2023, section 3.4); TSM
            by analogy in front of the same ones.

    Shape:
        `(N, 3, H, W)` to `(N, 1024)`.
    """

    width = 1024
    temporal_places: ClassVar = {"gsf": _GATED, "gsm": _GATED, "tsm": _GATED}

    def __init__(self) -> None:
        super().__init__()
        self.conv1_7x7_s2 = ConvNorm(3, 64, 7, stride=2)
        self.pool1 = halve()
        self.conv2_3x3_reduce = ConvNorm(64, 64, 1)
        self.conv2_3x3 = ConvNorm(64, 192, 3)
        self.pool2 = halve()
        #                         inputs  1x1   3x3         double 3x3  pooled
        self.inception_3a = Mixed(192, 64, (64, 64), (64, 96), 32, smooth())
        self.inception_3b = Mixed(256, 64, (64, 96), (64, 96), 64, smooth())
        self.inception_3c = Reduction(320, (128, 160), (64, 96))
        self.inception_4a = Mixed(576, 224, (64, 96), (96, 128), 128, smooth())
        self.inception_4b = Mixed(576, 192, (96, 128), (96, 128), 128, smooth())
        self.inception_4c = Mixed(576, 160, (128, 160), (128, 160), 128, smooth())
        self.inception_4d = Mixed(608, 96, (128, 192), (160, 192), 128, smooth())
        self.inception_4e = Reduction(608, (128, 192), (192, 256))
        self.inception_5a = Mixed(1056, 352, (192, 320), (160, 224), 128, smooth())
        self.inception_5b = Mixed(1024, 352, (192, 320), (192, 224), 128, peak())
        self.head = Head()
        start_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.conv1_7x7_s2(x))
        x = self.pool2(self.conv2_3x3(self.conv2_3x3_reduce(x)))
        x = self.inception_3c(self.inception_3b(self.inception_3a(x)))
        x = self.inception_4d(self.inception_4c(self.inception_4b(self.inception_4a(x))))
        x = self.inception_4e(x)
        x = self.inception_5b(self.inception_5a(x))
        out: Tensor = self.head(x)
        return out

    @staticmethod
    def published_name(path: str) -> str:
        """Caffe's name of a convolution or norm, from its path here.

        `inception_3a.conv_1x1.conv` is `inception_3a_1x1`, and the norm beside it `inception_3a_1x1_bn`.
        """
        place, _, kind = path.rpartition(".")
        name = re.sub(r"\.(conv_)?", "_", place)
        return name if kind == "conv" else f"{name}_bn"
