"""`gsf stream` as it is typed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from gsf.project import Project
from gsf.stream.draw import overlay
from gsf.stream.following import Answered
from gsf.stream.words import to_json
from gsf.video.ffmpeg import executable
from tests.signals import as_by_default
from tests.stream.tiny import FPS, clip
from tests.stream.typed import T, stream
from tests.video.clips import convert

REPOSITORY = Path(__file__).resolve().parents[2]


def test_json_says_what_it_is_then_each_answer_then_the_sum(video: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stream(video, "--json", "--top", "2") == 0
    facts, *answers, last = map(json.loads, capsys.readouterr().out.splitlines())
    frames = av.open(video).streams.video[0].frames
    assert (facts["source"], facts["behind"], facts["window"], facts["benchmark"]) == ("file", "wait", T, "arrow")
    assert facts["short_side"] == 36
    # T frames in the median of the training videos, 8 to 10 frames at 12 a second.
    assert T / (10 / 12) <= facts["rate"] <= T / (8 / 12)
    assert [item["frames"] for item in answers] == [min(count, T) for count in range(1, len(answers) + 1)]
    assert T - 1 <= len(answers) <= frames
    for item in answers:
        assert item["top"][0] == {"label": item["label"], "probability": item["probability"]}
        assert len(item["top"]) == 2
        assert item["latency_ms"] > 0
        assert item["behind_ms"] is None
    assert last["summary"]["answers"] == len(answers)
    assert last["summary"]["dropped"] == 0


def test_answers_are_drawn_into_a_video_at_the_times_of_the_stream(
    video: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new folder/-x.mp4"
    assert stream(video, "--out", str(out), "--rate", "6") == 0
    said = capsys.readouterr()
    assert " %  " in said.out
    assert "6 frames a second, as asked for" in said.err
    assert "0 frames dropped" in said.err
    with av.open(f"file:{out}") as written, av.open(video) as read:
        drawn = [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in written.decode(video=0)]
        times = [float(frame.time) for frame in read.decode(video=0)]
    assert [time for time, _ in drawn] == pytest.approx(times, abs=0.002)
    top, bottom = (np.mean([picture[rows].mean() for _, picture in drawn]) for rows in (slice(0, 60), slice(-60, None)))
    assert top < bottom  # the shade behind the words


def test_an_error_of_the_stream_comes_behind_its_answers_and_their_sum(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = convert(clip(tmp_path, frames=40), tmp_path / "damaged.ts", "-c", "copy")
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 600] = bytes(600)
    damaged.write_bytes(data)
    assert stream(str(damaged), "--json", "--rate", "10") == 1
    said = capsys.readouterr()
    _, *answers, last = map(json.loads, said.out.splitlines())
    assert 0 < len(answers) < 40
    assert last["summary"]["answers"] == len(answers)
    assert "VideoError: damaged.ts: cannot be decoded" in said.err


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_stream_as_ctrl_c_does(
    video: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ending: signal.Signals,
) -> None:
    def kill_at_the_third(answered: Answered, *, top: int) -> dict[str, Any]:
        said.append(answered)
        if len(said) == 3:
            assert signal.getsignal(ending) is not signal.SIG_DFL  # which would end this process
            signal.raise_signal(ending)
        return to_json(answered, top=top)

    said: list[Answered] = []
    monkeypatch.setattr("gsf.stream.words.to_json", kill_at_the_third)
    out = tmp_path / "seen.mkv"
    with as_by_default(ending):
        assert stream(video, "--json", "--out", str(out)) == 0
        assert signal.getsignal(ending) is signal.SIG_DFL
    _, *answers, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (len(answers), last["summary"]["answers"]) == (2, 3)
    with av.open(f"file:{out}") as written:
        assert len(list(written.decode(video=0))) >= 2


def test_a_network_that_looks_ahead_is_refused(video: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stream(video, model="gsf-s0") == 1
    said = capsys.readouterr().err
    assert "EvaluationError: model gsf: looks at frames that are still to come, must be causal" in said


def test_outside_of_any_project_the_rate_is_said_to_be_unknown(
    project: Project, video: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "net.safetensors"
    alone.write_bytes(project.checkpoint("s", "gsf-causal-s0").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert stream(video, model=str(alone)) == 0
    assert f"{T / 4:g} frames a second, because it is not known here how long" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["clip.mp4", "link.mp4", "./clip.mp4"])
def test_a_video_is_not_written_over_while_it_is_read(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    source = clip(tmp_path)
    (tmp_path / "link.mp4").hardlink_to(source)
    data = source.read_bytes()
    assert stream(str(source), "--out", f"{tmp_path}/{name}") == 1
    assert f"{name}: is the video that is read, must be another file" in capsys.readouterr().err
    assert source.read_bytes() == data


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http://a/b.mp4"], "http://a/b.mp4: is a network address"),
        (["VIDEO", "--out", "x.avi"], "--out x.avi: must end in .mp4 or .mkv"),
        (["VIDEO", "--out", "-", "--json"], "--json and --out - both want the standard output"),
        (["VIDEO", "--rate", "0"], "--rate is 0, must be above 0"),
        (["-", "--realtime"], "--realtime must come with a file"),
        (["VIDEO", "--format", "mjpeg"], "--format is for pipes"),
    ],
)
def test_what_does_not_fit_is_said(
    video: str, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert stream(*(video if word == "VIDEO" else word for word in arguments)) == 1
    assert words in capsys.readouterr().err


def test_what_a_program_pipes_in_comes_out_as_a_video_that_plays(project: Project, tmp_path: Path) -> None:
    sending = [executable(), "-v", "error", "-nostdin", "-i", str(clip(tmp_path)), "-c", "copy", "-f", "mpegts", "-"]
    options = ("--rate", str(FPS), "--behind", "wait", "--out", "-", "--device", "cpu")
    following = [sys.executable, "-m", "gsf.cli", "stream", "-", "--model", "gsf-causal-s0", *options]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(sending, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as sender:
        done = subprocess.run(
            following, stdin=sender.stdout, capture_output=True, cwd=project.root, env=environment, check=False
        )
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert "8 answers" in said
    with av.open(io.BytesIO(done.stdout), format="matroska") as played:
        times = [float(frame.time) for frame in played.decode(video=0)]
    assert times == pytest.approx([index / FPS for index in range(8)], abs=0.002)


def test_a_window_needs_a_display(
    video: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert stream(video, "--show") == 1
    said = capsys.readouterr().err
    assert "0 answers" not in said
    assert "--show: " in said
    assert "--out - | mpv -" in said


def test_a_long_label_is_cut_and_a_picture_keeps_its_size() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (640, 360), (90, 120, 60)).save(buffer, "JPEG")
    for label in ("left", "Putting something similar to other things that are already on the table " * 4, "日本", "\n"):
        picture = np.asarray(overlay(buffer.getvalue(), [(label, 0.75), ("other", 0.25)], "41 ms"))
        assert picture.shape == (360, 640, 3)
        assert (picture[:60] > 240).all(-1).any()  # white letters
        assert abs(picture[-60:].astype(int) - (90, 120, 60)).max() < 6
