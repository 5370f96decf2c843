"""JPEG bytes to pixels: the one place that knows which decoder is used."""

from __future__ import annotations

import torch
from torchvision.io import ImageReadMode, decode_jpeg

from gsf.errors import ShardError


def decode_frame(jpeg: bytes, *, where: str) -> torch.Tensor:
    """RGB pixels `(3, H, W)`, uint8; `where` names the frame in the error."""
    try:
        frame: torch.Tensor = decode_jpeg(torch.frombuffer(bytearray(jpeg), dtype=torch.uint8), mode=ImageReadMode.RGB)
    except RuntimeError as error:
        raise ShardError(f"{where}: is not a JPEG frame ({error}); run `gsf verify --deep` on its shard") from error
    return frame
