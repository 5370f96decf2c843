"""JPEG to pixels: the same as other decoders give, and nothing damaged passes."""

from __future__ import annotations

import io

import numpy as np
import pytest
import simplejpeg
import torch
from PIL import Image

from bench.decode import OTHERS, Decoder, absent
from gsf.data.decode import decode_frames
from gsf.errors import ShardError


def picture(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """Smooth colours with noise on them: all frequencies, and every chroma."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [127 + 120 * np.sin(x / (3 + 5 * c) + y / (9 - 2 * c)) for c in range(3)]
    pixels: np.ndarray = np.clip(np.stack(waves, -1) + generator.normal(0, 25, (height, width, 3)), 0, 255)
    return pixels.astype(np.uint8)


def jpeg(height: int = 37, width: int = 53, *, seed: int = 0, subsampling: str = "4:2:0", quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(height, width, seed=seed)).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


@pytest.fixture(params=list(OTHERS))
def other(request: pytest.FixtureRequest) -> Decoder:
    """Another decoder, as bench/decode.py calls it; torchcodec is not in the lock."""
    if absent(request.param):
        pytest.skip(absent(request.param))
    return OTHERS[request.param]


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize(("height", "width"), [(37, 53), (64, 48), (1, 9)])
def test_pixels_are_those_of_other_decoders(other: Decoder, height: int, width: int, subsampling: str) -> None:
    for quality in (40, 85, 98):
        data = jpeg(height, width, subsampling=subsampling, quality=quality)
        assert torch.equal(decode_frames([data], names=["f"])[0], other(data))


def test_the_frames_of_a_clip_lie_in_one_buffer_channels_last() -> None:
    data = [jpeg(seed=seed) for seed in range(3)]
    clip = decode_frames(data, names=["a", "b", "c"])
    assert (clip.shape, clip.dtype) == ((3, 3, 37, 53), torch.uint8)
    assert clip.is_contiguous(memory_format=torch.channels_last)
    for frame, one in zip(clip, data, strict=True):
        assert torch.equal(frame, decode_frames([one], names=["x"])[0])


def test_grey_pictures_become_three_equal_channels() -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture(16, 16)[..., 0]).save(buffer, "JPEG")
    clip = decode_frames([buffer.getvalue()], names=["f"])
    assert clip.shape == (1, 3, 16, 16)
    assert torch.equal(clip[:, 0], clip[:, 2])


WHOLE = jpeg(64, 64)
DAMAGED = {
    "cut in half": WHOLE[: len(WHOLE) // 2],
    "without its end": WHOLE[:-2],
    "no bytes": b"",
    "no JPEG": b"GIF89a" + bytes(100),
    "an end in its middle": WHOLE[:1200] + b"\xff\xd9" + WHOLE[1202:],
    "zeros in its middle": WHOLE[:900] + bytes(300) + WHOLE[1200:],
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("place", [0, 1])
def test_a_damaged_frame_is_an_error_with_its_name(damage: str, place: int) -> None:
    jpegs = [jpeg(64, 64, seed=1)] * 2
    jpegs[place] = DAMAGED[damage]
    with pytest.raises(ShardError, match=f"video v, frame {place}: .*gsf verify --deep"):
        decode_frames(jpegs, names=["video v, frame 0", "video v, frame 1"])


def test_damage_that_other_decoders_let_pass_is_found(other: Decoder) -> None:
    data = DAMAGED["an end in its middle"]
    assert other(data).shape == (3, 64, 64)  # no complaint
    with pytest.raises(ShardError):
        decode_frames([data], names=["f"])


def test_a_frame_of_another_size_is_an_error_with_both_sizes() -> None:
    with pytest.raises(ShardError, match="b: is 53 x 37 pixels, must be 40 x 30 as a"):
        decode_frames([jpeg(30, 40), jpeg(37, 53)], names=["a", "b"])


def test_the_decoder_has_not_been_told_to_be_fast_and_rough() -> None:
    data = jpeg(128, 128, quality=70)
    rough = simplejpeg.decode_jpeg(data, fastdct=True, fastupsample=True)
    assert not np.array_equal(decode_frames([data], names=["f"])[0].permute(1, 2, 0).numpy(), rough)
