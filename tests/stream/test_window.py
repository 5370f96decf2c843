"""`gsf stream --show`, with a stand-in for tkinter, whose window nobody sees."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import PIL
import pytest
from PIL import Image

from gsf.errors import VideoError
from gsf.stream.window import Window
from tests.stream.typed import stream


class Tk:
    """What the program asks of a window; `ends_at` pictures, q is pressed."""

    made: list[Tk]
    ends_at: int | None = None

    def __init__(self) -> None:
        self.called, self.shown, self.open = "", list[Image.Image](), True
        self.keys: dict[str, Callable[[object], None]] = {}
        self.made.append(self)

    def title(self, text: str) -> None:
        self.called = text

    def protocol(self, name: str, call: Callable[[], None]) -> None:
        assert name == "WM_DELETE_WINDOW"

    def bind(self, key: str, call: Callable[[object], None]) -> None:
        self.keys[key] = call

    def update(self) -> None:
        if len(self.shown) == self.ends_at:
            self.keys["q"](None)

    def destroy(self) -> None:
        self.open = False


class Label:
    def __init__(self, root: Tk, borderwidth: int) -> None:
        self._root = root

    def pack(self) -> None:
        pass

    def configure(self, image: Image.Image) -> None:
        self._root.shown.append(image)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[Tk]:
    """The windows that were opened."""
    made = list[Tk]()
    monkeypatch.setattr(Tk, "made", made, raising=False)
    fake, pictures = ModuleType("tkinter"), ModuleType("PIL.ImageTk")
    vars(fake).update(Tk=Tk, Label=Label, TclError=OSError)
    vars(pictures).update(PhotoImage=lambda picture: picture)
    monkeypatch.setitem(sys.modules, "tkinter", fake)
    monkeypatch.setitem(sys.modules, "PIL.ImageTk", pictures)
    monkeypatch.setattr(PIL, "ImageTk", pictures, raising=False)
    return made


def test_a_window_shows_each_picture_and_closes_with_the_stream(
    video: str,
    windows: list[Tk],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert stream(video, "--show") == 0
    (window,) = windows
    assert window.called == f"gsf stream {video}"
    assert 8 <= len(window.shown) <= 10  # frames of the video
    assert {picture.size for picture in window.shown} == {(480, 360)}
    assert not window.open
    assert "answers" in capsys.readouterr().err


def test_q_ends_the_stream_with_its_sum(
    video: str,
    windows: list[Tk],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Tk, "ends_at", 2)
    assert stream(video, "--show") == 0
    (window,) = windows
    assert (len(window.shown), window.open) == (2, False)
    assert "1 answers" in capsys.readouterr().err


def test_a_display_that_does_not_open_is_said(windows: list[Tk], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Tk) -> None:
        raise OSError("couldn't connect to display")

    monkeypatch.setattr(Tk, "__init__", refused)
    with pytest.raises(VideoError, match=r"no window can be opened here \(couldn't connect to display\); leave --show"):
        Window("x")
