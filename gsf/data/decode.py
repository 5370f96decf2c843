"""JPEG bytes to pixels: the one place that knows which decoder is used.

simplejpeg (libjpeg-turbo) decodes straight into one buffer a clip, with the exact inverse transform and smooth chroma
upsampling, which give the same pixels as Pillow, torchvision and torchcodec: tests/data/test_decode.py compares them.
Unlike these it takes libjpeg's warnings as errors, so a frame with damaged bytes in its middle never passes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import simplejpeg
import torch

from gsf.errors import ShardError


def decode_frames(jpegs: Sequence[bytes], *, names: Sequence[str]) -> torch.Tensor:
    """RGB pixels `(T, 3, H, W)`, uint8, channels last in memory.

    Args:
        jpegs: T pictures of one size, at least one.
        names: what the error calls each of them.

    Raises:
        ShardError: a picture that is not a whole, undamaged JPEG, or has another size than the first.
    """
    height, width = _size(jpegs[0], name=names[0])
    clip = np.empty((len(jpegs), height, width, 3), dtype=np.uint8)
    for frame, jpeg, name in zip(clip, jpegs, names, strict=True):
        size = _size(jpeg, name=name)
        if size != (height, width):
            raise ShardError(
                f"{name}: is {size[1]} x {size[0]} pixels, must be {width} x {height} as {names[0]};"
                " run `gsf verify --deep` on its shard"
            )
        try:
            simplejpeg.decode_jpeg(jpeg, colorspace="RGB", buffer=frame, strict=True)
        except ValueError as error:
            raise _damaged(name, error) from error
    return torch.from_numpy(clip).permute(0, 3, 1, 2)


def _size(jpeg: bytes, *, name: str) -> tuple[int, int]:
    """Height and width."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg, strict=True)
    except ValueError as error:
        raise _damaged(name, error) from error
    return height, width


def _damaged(name: str, error: ValueError) -> ShardError:
    return ShardError(f"{name}: is not an undamaged JPEG frame ({error}); run `gsf verify --deep` on its shard")
