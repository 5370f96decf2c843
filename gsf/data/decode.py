"""JPEG bytes to pixels: the one place that knows which decoder is used."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from gsf.errors import ShardError


def decode_frame(jpeg: bytes, *, where: str) -> torch.Tensor:
    """RGB pixels `(3, H, W)`, uint8; `where` names the frame in the error."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            pixels = np.array(image.convert("RGB"))  # (H, W, 3)
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise ShardError(f"{where}: is not a JPEG frame ({error}); run `gsf verify --deep` on its shard") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)
