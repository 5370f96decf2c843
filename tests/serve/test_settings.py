"""What the owner of a server sets, and what may be registered to be served."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsf.errors import ParamsError
from gsf.params.benchmark import Extract
from gsf.params.model import Model
from gsf.params.protocol import Protocol
from gsf.serve.limits import Limits, read_limits
from gsf.serve.saved import served_as
from gsf.tracking.loading import _uri

NETWORK = Model(name="net", backbone="resnet18", temporal="gsf", num_segments=2, input_size=32, short_side=36)
FRAMES = Extract(short_side=36, jpeg_quality=5, max_seconds=20, max_frames=100, max_pixels=100_000)


def test_limits_come_from_the_environment(tmp_path: Path) -> None:
    assert read_limits({}) == Limits()
    found = read_limits({"GSF_SERVE_MAX_BYTES": "300", "GSF_SERVE_MAX_VIDEOS": "2", "GSF_SERVE_FOLDER": str(tmp_path)})
    assert found == Limits(bytes=300, videos=2, folder=tmp_path.resolve())
    assert found.body_bytes == 400 + 65536


@pytest.mark.parametrize("value", ["0", "-1", "x", "", "1.5", "1e3", "²"])
def test_nonsense_in_the_environment_is_an_error(value: str) -> None:
    with pytest.raises(ParamsError, match=r"GSF_SERVE_MAX_FRAMES is .*, must be an integer of 1 or more"):
        read_limits({"GSF_SERVE_MAX_FRAMES": value})
    with pytest.raises(ParamsError, match="GSF_SERVE_FOLDER is '/nonexistent', must be a folder of videos"):
        read_limits({"GSF_SERVE_FOLDER": "/nonexistent"})


def test_how_a_model_looks_at_videos_is_one_clip_unless_told() -> None:
    found = served_as(NETWORK, None, FRAMES)
    assert found["protocol"]["name"] == "2x1x1"
    assert found["extract"] == {"short_side": 36, "jpeg_quality": 5, "fps": None}
    assert served_as(NETWORK, Protocol(name="2x2x3", frames=2, clips=2, crops=3), FRAMES)["protocol"]["crops"] == 3


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (Protocol(name="8x1x1", frames=8, clips=1, crops=1), "frames is 8, must be the num_segments of net, 2"),
        (Protocol(name="2x1x10", frames=2, clips=1, crops=10), "has mirrored views, must have none to be served"),
        (Protocol(name="f", frames=2, clips=1, crops=1, flips=True), "has mirrored views, must have none"),
    ],
)
def test_protocols_that_cannot_be_served_are_refused(protocol: Protocol, words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        served_as(NETWORK, protocol, FRAMES)


def test_a_model_is_named_as_registered_or_is_a_folder(tmp_path: Path) -> None:
    assert _uri("demo.gsf-s0/3") == "models:/demo.gsf-s0/3"
    assert _uri("demo.gsf-s0@best") == "models:/demo.gsf-s0@best"
    assert _uri("models:/m-1") == "models:/m-1"
    assert _uri(str(tmp_path)) == str(tmp_path.resolve())
