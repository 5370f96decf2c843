"""What a server cannot do for want of room or time is answered with 503, to be sent again: nobody's fault who asks."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gsf.evaluate.predict import full_float32
from gsf.machine import usable_cores
from tests.serve.made import in_base64


@pytest.fixture(scope="module")
def loaded(model: Path) -> Any:
    import mlflow

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSF_DEVICE", "cpu")
        return mlflow.pyfunc.load_model(str(model))


def refused(loaded: Any, video: Path) -> tuple[int, str]:
    """Status and words for a request that nothing is wrong with."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        loaded.predict([{"video": in_base64(video.read_bytes())}])
    return caught.value.get_http_status_code(), str(caught.value)


def test_no_room_for_frames_is_no_fault_of_the_sender(
    loaded: Any, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SimpleNamespace(TemporaryFile=lambda: Path("/dev/full").open("wb"))  # noqa: SIM115
    monkeypatch.setattr("gsf.predict.frames.tempfile", full)
    status, words = refused(loaded, video)
    assert status == 503
    assert "video 0: there is no room for its frames: No space left on device" in words


def test_no_room_for_a_video_is_no_fault_of_the_sender_and_nothing_is_left(
    loaded: Any, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        status, words = refused(loaded, video)
    assert status == 503
    assert "the server has no place for the videos of a request: No space left on device" in words
    assert list(tmp_path.iterdir()) == []


def test_a_request_waits_for_its_turn_for_some_time_only_and_before_its_videos_are_written(
    loaded: Any, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_early(*arguments: object) -> None:
        raise AssertionError("its videos were written")

    turns = loaded.unwrap_python_model()._turns
    for _ in range(usable_cores()):
        assert turns.acquire(timeout=10)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("gsf.serve.network.TURN_SECONDS", 0.1)
            patch.setattr("gsf.serve.network.received", too_early)
            status, words = refused(loaded, video)
    finally:
        for _ in range(usable_cores()):
            turns.release()
    assert status == 503
    assert "the server was at work on other requests for 0.1 s, the limit; send it again later" in words
    assert len(loaded.predict([{"video": in_base64(video.read_bytes())}])) == 1


def test_products_are_float32_proper_for_as_long_as_the_process_lives(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("GSF_DEVICE", "cpu")
    with full_float32():  # which puts back what was set before
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        mlflow.pyfunc.load_model(str(model))
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cudnn.allow_tf32
