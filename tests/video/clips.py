"""Tiny videos that the tests write themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from gsf.video.ffmpeg import encode_h264, executable, safe_url


def write_clip(path: Path, *, frames: int = 8, width: int = 48, height: int = 36, seed: int = 0) -> Path:
    """An H.264 file of moving noise."""
    generator = np.random.default_rng(seed)
    picture = generator.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    picture = picture.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    images = (np.roll(picture, 2 * index, axis=1).tobytes() for index in range(frames))
    path.parent.mkdir(parents=True, exist_ok=True)
    encode_h264(path, images, width=width, height=height, fps=10, qp=20)
    return path


def run_ffmpeg(*arguments: str | Path) -> None:
    """ffmpeg as a user would call it."""
    command = [executable(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def convert(source: Path, target: Path, *options: str) -> Path:
    """`source` written again as `target`."""
    run_ffmpeg("-i", safe_url(source), *options, safe_url(target))
    return target
