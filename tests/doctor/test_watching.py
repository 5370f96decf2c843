"""The lines about a camera and a window, where they are and where they are not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from gsf.doctor import programs, watching
from gsf.doctor.finding import Finding
from gsf.video import ffmpeg as video_ffmpeg


def cameras(folder: Path, *, closed: tuple[str, ...] = (), reads: bool = True) -> Finding:
    return watching.cameras(folder, opens=lambda path: path.name not in closed, reads=lambda: reads)


def test_cameras_are_those_that_this_account_may_open(tmp_path: Path) -> None:
    assert f"none, no {tmp_path}/video* is here; plug one in" in str(cameras(tmp_path))
    for name in ("video10", "video0", "video2", "videos"):
        (tmp_path / name).touch()
    found = cameras(tmp_path)
    assert (found.state, found.text) == ("ok", f"{tmp_path}/video0, {tmp_path}/video2, {tmp_path}/video10")
    assert cameras(tmp_path, closed=("video0", "video10")).text == f"{tmp_path}/video2"
    found = cameras(tmp_path, closed=("video0", "video2", "video10"))
    assert (found.state, "not open to this account; `sudo usermod -aG video" in str(found)) == ("absent", True)
    found = cameras(tmp_path, reads=False)
    assert (found.state, "reads no Video4Linux; GSF_FFMPEG" in str(found)) == ("absent", True)


def test_a_device_that_is_not_there_may_not_be_opened(tmp_path: Path) -> None:
    assert not watching.may_open(tmp_path / "video0")
    (tmp_path / "video0").touch()
    assert watching.may_open(tmp_path / "video0")


def test_the_ffmpeg_in_use_is_asked_for_cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mine"
    monkeypatch.setenv("GSF_FFMPEG", str(program))
    try:
        for said, reads in ((" D  video4linux2,v4l2 Video4Linux2", True), (" D  lavfi", False)):
            video_ffmpeg.executable.cache_clear()
            program.write_text(f'#!/bin/sh\n[ "$2" = -devices ] && echo "{said}"\n')
            program.chmod(0o755)
            assert watching.reads_cameras() is reads
        monkeypatch.setenv("GSF_FFMPEG", "nowhere")
        video_ffmpeg.executable.cache_clear()
        assert watching.reads_cameras()  # the line of ffmpeg says that there is none
    finally:
        video_ffmpeg.executable.cache_clear()


def test_a_window_needs_tkinter_and_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tkinter", ModuleType("tkinter"))
    monkeypatch.setenv("DISPLAY", ":7")
    assert watching.window("linux").text == "tkinter on the display :7"
    monkeypatch.delenv("DISPLAY")
    assert "none, DISPLAY is not set; a session with a screen, `ssh -X`" in str(watching.window("linux"))
    assert watching.window("darwin").state == "ok"
    monkeypatch.setitem(sys.modules, "tkinter", None)
    found = watching.window("darwin")
    assert (found.state, "this Python has no tkinter" in found.text) == ("absent", True)


def test_the_extras_say_what_the_app_lacks() -> None:
    requires = ['python-multipart>=0.0.18; extra == "app"', 'starlette>=1; extra == "app"']

    def installed(name: str) -> str:
        if name == "python-multipart":
            raise programs.metadata.PackageNotFoundError(name)
        return "1"

    found = programs.extras(requires, installed=installed)
    assert str(found).endswith("app lacks python-multipart (gsf app); `pip install 'gsf-video[app]'`")
