"""Decoders of JPEG frames: CPU time of a frame, whether their pixels are the same, and whether damage is noticed.

    python bench/decode.py [--frames FOLDER] [--rounds 41]

Frames of 340 x 256 pixels, or the JPEG files of a folder; one thread. The frames are rendered with a camera's noise and
encoded by Pillow at quality 88: 4:2:0 as those that the extract stage stores, but not by its encoder. Each decoder is a
case, with ours (simplejpeg) as its value and the other as its baseline; one that gives other pixels stops the script,
and one that is not installed is named as not measured. They take turns, and CPU time counts, so that another load of
the machine meets all of them.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from PIL import Image

from bench.lib.record import case, unmeasured, write
from bench.lib.turns import median_seconds
from gsf.data.decode import decode_frames

COUNT, WIDTH, HEIGHT, QUALITY = 64, 340, 256, 88
OURS = "simplejpeg"
METRIC = "CPU time of a frame"
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


OTHERS: dict[str, Decoder] = {"torchcodec": torchcodec, "torchvision": torchvision, "Pillow": pillow}


def absent(name: str) -> str:
    """Why a decoder takes no part; empty where it does."""
    if name == "torchcodec":
        try:
            import torchcodec as _  # noqa: F401
        except ImportError:
            return "torchcodec is not installed"
        except RuntimeError:
            return "torchcodec finds no FFmpeg"
    return ""


def damaged(data: bytes) -> bytes:
    """A frame that ends in its middle, with the marker of an end, and goes on behind it."""
    half = len(data) // 2
    return data[:half] + b"\xff\xd9" + data[half + 2 :]


def outcome(decode: Decoder, data: bytes) -> str:
    """What becomes of a damaged frame."""
    try:
        decode(data)
    except Exception:  # each library has its own
        return "an error"
    return "passes"


def rendered() -> list[bytes]:
    from bench.loader import rendered as clip

    frames = []
    for number in range(COUNT // 8):
        for pixels in list(clip(number, frames=8)):
            buffer = io.BytesIO()
            Image.frombytes("RGB", (WIDTH, HEIGHT), pixels).save(buffer, "JPEG", quality=QUALITY)
            frames.append(buffer.getvalue())
    return frames


def measured(frames: list[bytes], rounds: int) -> list[dict[str, Any]]:
    """A case a decoder."""
    there = {name: decode for name, decode in OTHERS.items() if not absent(name)}
    decoders = {OURS: ours} | there
    for name, decode in there.items():
        if not all(torch.equal(decode(data), ours(data)) for data in frames):
            raise SystemExit(f"{name}: gives other pixels than {OURS}, must be the same")

    def all_frames(decode: Decoder) -> None:
        for data in frames:
            decode(data)

    steps = [partial(all_frames, decode) for decode in decoders.values()]
    times = median_seconds(steps, rounds, clock=time.process_time)
    spent = {name: seconds / len(frames) * 1000 for name, seconds in zip(decoders, times, strict=True)}
    size = sum(map(len, frames)) // len(frames)
    cases = []
    for name, decode in OTHERS.items():
        title, decoder = f"against {name}, frames of {size} bytes, same pixels", {"decoder": name}
        if name not in there:
            cases.append({**unmeasured(title, METRIC, "ms", reason=absent(name)), **decoder})
            continue
        row = case(title, METRIC, spent[OURS], "ms", baseline=spent[name], ratio=spent[name] / spent[OURS])
        broken = damaged(frames[0])
        cases.append({**row, **decoder, "damage": outcome(decode, broken), "damage_ours": outcome(ours, broken)})
    return cases


def main() -> None:
    """Compare pixels, then time the decoders in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, help="folder of JPEG files; default: rendered ones")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    frames = rendered() if options.frames is None else [f.read_bytes() for f in sorted(options.frames.glob("*.jpg"))]
    torch.set_num_threads(1)
    write("decode", measured(frames, options.rounds))


if __name__ == "__main__":
    main()
