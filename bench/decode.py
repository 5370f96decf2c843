"""Decoders of JPEG frames: time, and whether their pixels are the same.

    python bench/decode.py [--frames FOLDER]

Frames of 340 x 256 pixels as the extract stage stores them (rendered, with a camera's noise), or the JPEG files of a
folder; one thread. torchcodec takes part where it is installed. Each decoder is a case, with ours as its value and the
other as its baseline; a decoder that gives other pixels stops the script.
"""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from PIL import Image

from bench.record import case, write
from bench.turns import median_seconds
from gsf.data.decode import decode_frames

COUNT, WIDTH, HEIGHT, QUALITY = 64, 340, 256, 88
Decoder = Callable[[bytes], torch.Tensor]  # to (3, H, W)


def ours(data: bytes) -> torch.Tensor:
    return decode_frames([data], names=["frame"])[0]


def pillow(data: bytes) -> torch.Tensor:
    with Image.open(io.BytesIO(data)) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def torchvision(data: bytes) -> torch.Tensor:
    from torchvision.io import ImageReadMode, decode_jpeg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)


def torchcodec(data: bytes) -> torch.Tensor:
    from torchcodec.decoders import decode_jpeg

    return decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8))


def others() -> dict[str, Decoder]:
    """The decoders that are installed here."""
    found: dict[str, Decoder] = {"Pillow": pillow, "torchvision": torchvision}
    try:
        import torchcodec as _  # noqa: F401
    except (ImportError, RuntimeError):  # the latter where it finds no FFmpeg
        return found
    return found | {"torchcodec": torchcodec}


def rendered() -> list[bytes]:
    from bench.loader import rendered as clip

    frames = []
    for number in range(COUNT // 8):
        for pixels in list(clip(number, frames=8)):
            buffer = io.BytesIO()
            Image.frombytes("RGB", (WIDTH, HEIGHT), pixels).save(buffer, "JPEG", quality=QUALITY)
            frames.append(buffer.getvalue())
    return frames


def main() -> None:
    """Compare pixels, then time the decoders in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, help="folder of JPEG files; default: rendered ones")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    frames = rendered() if options.frames is None else [f.read_bytes() for f in sorted(options.frames.glob("*.jpg"))]
    torch.set_num_threads(1)
    decoders = {"ours": ours} | others()
    for name, decode in decoders.items():
        if not all(torch.equal(decode(data), ours(data)) for data in frames):
            raise SystemExit(f"{name}: gives other pixels than ours, must be the same")

    def all_frames(decode: Decoder) -> None:
        for data in frames:
            decode(data)

    times = median_seconds([partial(all_frames, decode) for decode in decoders.values()], options.rounds)
    mine, *rest = (spent / len(frames) * 1000 for spent in times)
    size = sum(map(len, frames)) // len(frames)
    write(
        "decode",
        [
            case(
                f"against {name}, frames of {size} bytes, same pixels",
                "time a frame",
                mine,
                "ms",
                baseline=other,
                ratio=other / mine,
            )
            for name, other in zip(list(decoders)[1:], rest, strict=True)
        ],
    )


if __name__ == "__main__":
    main()
