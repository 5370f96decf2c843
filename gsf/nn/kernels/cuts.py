"""How the work of one module is cut into programs.

Cuts depend on shapes alone, not on measurements or on the device, and every sum has one owner, without atomics: the
same input gives the same bits, run after run.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from .operator import memory_format

PROGRAMS = 1024  # fill a GPU when a pass over a map is cut by frames and channels


@dataclass(frozen=True)
class Options:
    """The flags of a module, and the shape of its input."""

    num_segments: int
    processed: int
    factor: float
    mixed: bool
    gated: bool
    fused: bool


@dataclass(frozen=True)
class Kept:
    """Small tensors that the gradient needs beside x; empty where a flag is off."""

    gate: Tensor  # (frames, 2, pixels)
    norm: Tensor  # (5, F): mean, variance, 1 / deviation, scale, shift
    packed: Tensor  # (F, 32): weight of the gate
    means: Tensor  # (2, frames, F): of y and of x
    weights: Tensor  # (frames, F): w


class Map:
    """Shape and strides of a feature map, and the cuts that follow from them."""

    def __init__(self, x: Tensor, options: Options) -> None:
        self.frames, self.all_channels, self.height, self.width = x.shape
        self.channels, self.half = options.processed, options.processed // 2
        self.pixels = self.height * self.width
        self.last = memory_format(x) == torch.channels_last
        inner = (1, self.all_channels) if self.last else (self.pixels, 1)
        self.strides = (self.all_channels * self.pixels, *inner)  # of a frame, a channel, a pixel
        self.joined = self.last and options.mixed
        self.clips = self.frames // options.num_segments

    def pixel_block(self, most: int) -> int:
        return block(self.pixels, most)

    def chunks(self, pixel_block: int, others: int) -> tuple[int, int]:
        """Pixels of a chunk and chunks of a frame, so that with `others` there are enough programs."""
        tiles = triton.cdiv(self.pixels, pixel_block)
        splits = min(tiles, triton.cdiv(PROGRAMS, self.frames * others))
        chunk = triton.cdiv(tiles, splits) * pixel_block
        return chunk, triton.cdiv(self.pixels, chunk)


def block(length: int, most: int) -> int:
    """A power of two that covers `length` if it may; 16 is the least that products take."""
    return int(max(16, min(most, triton.next_power_of_2(length))))


def absent(x: Tensor) -> Tensor:
    return x.new_empty(0, dtype=torch.float32)  # a new one each time: results of an operator share no memory


def device_of(x: Tensor) -> AbstractContextManager[Any]:
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def precision_of(x: Tensor) -> tuple[str, Any]:
    """Precision of float32 products, and the type of those in the backward pass.

    float16 would overflow there when the loss is scaled: such products take tf32, whose mantissa is as long.
    """
    if x.dtype == torch.bfloat16:
        return "tf32", tl.bfloat16
    return ("ieee" if x.dtype == torch.float32 else "tf32"), tl.float32
