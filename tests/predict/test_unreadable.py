"""What cannot be read is named with the reason, the others are answered, and the exit code says that some were not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from gsf.cli import main
from gsf.errors import ParamsError, VideoError
from gsf.params.benchmark import Extract
from gsf.predict.answers import written_table
from gsf.predict.frames import VideoFrames
from gsf.project import Project
from gsf.store.decode import file_frames
from tests.unprivileged import obeying
from tests.video.clips import write_clip

HOW = Extract(short_side=36, jpeg_quality=5, max_seconds=20, max_frames=100, max_pixels=100_000)
DECODE = """
import json, sys
from pathlib import Path
from gsf.params.benchmark import Extract
from gsf.predict.decoding import Unread, decoded
from gsf.predict.files import video_files

how = Extract.model_validate_json(sys.argv[1])
for name, found in decoded(video_files([Path(path) for path in sys.argv[2:]]), how):
    print(json.dumps([name, found.problem if isinstance(found, Unread) else len(found)]))
"""


def test_what_is_not_there_or_holds_no_video_does_not_stop_the_others(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, absent, pipe = (tmp_path / name for name in ("empty", "none.mp4", "pipe"))
    empty.mkdir()
    os.mkfifo(pipe)
    good = min((project.root / "data/arrow/videos/up").glob("*.mp4"))
    given = [str(path) for path in (absent, empty, good, pipe)]
    assert main(["predict", *given, "--model", "gsf-s0", "--device", "cpu", "--json"]) == 1
    said = capsys.readouterr()
    found = [json.loads(line) for line in said.out.splitlines()][1:]
    assert [item["video"] for item in found] == given
    assert found[0]["problem"] == f"{absent}: is not there, must be a video file, or a folder of JPEG frames"
    assert found[1]["problem"].startswith(f"{empty}: holds no video, must hold names that end in ")
    assert len(found[2]["answers"]) == 1
    assert found[3]["problem"].startswith(f"{pipe}: is no file, must be a video file")
    assert said.err.count("no answer: ") == 3
    assert "3 of 4 videos have no answer" in said.err


def test_a_video_that_changes_its_size_is_named_without_a_word_about_shards(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide, tall = (write_clip(tmp_path / f"{w}.mp4", frames=4, width=w, height=h) for w, h in ((64, 36), (36, 64)))

    def as_it_comes(how: Extract, path: Path, *, name: str) -> Iterator[bytes]:
        # some builds of ffmpeg refuse a file that turns on the way, and this is what others make of it
        yield from file_frames(how, path, name=name)
        if path == wide:
            yield from file_frames(how, tall, name=name)

    monkeypatch.setattr("gsf.predict.frames.file_frames", as_it_comes)
    assert main(["predict", str(wide), str(tall), "--model", "gsf-s0", "--device", "cpu"]) == 1
    said = capsys.readouterr()
    assert f"no answer: {wide}, frame 6: is 36 x 64 pixels, must be 64 x 36 as {wide}, frame 2\n" in said.err
    assert "shard" not in said.err
    assert f"{tall}\n" in said.out


def test_no_room_for_frames_is_said_and_no_traceback(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = SimpleNamespace(TemporaryFile=lambda: Path("/dev/full").open("wb"))  # noqa: SIM115
    monkeypatch.setattr("gsf.predict.frames.tempfile", full)
    video = min((project.root / "data/arrow/videos/up").glob("*.mp4"))
    assert main(["predict", str(video), "--model", "gsf-s0", "--device", "cpu"]) == 1
    words = f"no answer: {video.name}: there is no room for its frames: No space left on device; make some, or"
    assert words in capsys.readouterr().err


def test_no_folder_for_temporary_files_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/nowhere']")

    monkeypatch.setattr("gsf.predict.frames.tempfile", SimpleNamespace(TemporaryFile=none))
    with pytest.raises(VideoError, match=r"v: cannot be read: No usable temporary directory found"):
        VideoFrames(write_clip(tmp_path / "v.mp4"), HOW, name="v")


def test_a_closed_folder_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    good = write_clip(tmp_path / "good.mp4")
    inside = write_clip(tmp_path / "closed/clip.mp4")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    picture = pictures / "1.jpg"
    picture.write_bytes(b"")
    for path, mode in ((inside.parent, 0), (picture, 0)):
        path.chmod(mode)
    try:
        given = [str(path) for path in (inside, inside.parent, pictures, good)]
        command = obeying(sys.executable, "-c", DECODE, HOW.model_dump_json(), *given)
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    finally:
        inside.parent.chmod(0o755)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, _ in found] == given
    assert found[0][1] == f"{inside}: cannot be read: Permission denied"
    assert found[1][1].startswith(f"{inside.parent}: cannot be listed: Permission denied")
    assert found[2][1] == f"{pictures}: cannot be read: Permission denied"
    assert found[3][1] == 8


def test_a_table_that_cannot_be_written_is_said_before_anything_is_decoded(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"--csv .*must be a file"), written_table(tmp_path, top=1):
        pass
