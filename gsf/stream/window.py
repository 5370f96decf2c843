"""A window that shows pictures, by Python's own tkinter; only where there is a display."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from PIL import Image

from gsf.errors import VideoError


class Window:
    """A window, in a context that closes it.

    Raises:
        VideoError: there is no display, or this Python comes without tkinter.
    """

    def __init__(self, title: str) -> None:
        remedy = "leave --show out, and write a file (--out x.mp4) or pipe to a player (--out - | mpv -)"
        try:
            import tkinter
        except ImportError:
            raise VideoError(f"--show: this Python has no tkinter, must have it for a window; {remedy}") from None
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise VideoError(f"--show: no window can be opened here ({error}); {remedy}") from None
        self._root.title(f"gsf stream {title}")
        self._place = tkinter.Label(self._root, borderwidth=0)
        self._place.pack()
        self._open = True
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        self._root.bind("q", lambda _: self._close())

    def show(self, picture: Image.Image) -> bool:
        """Show the next picture; False once the window was closed, or q was pressed."""
        if self._open:
            from PIL import ImageTk

            image = ImageTk.PhotoImage(picture)
            self._place.configure(image=image)
            self._shown = image  # tkinter keeps no reference of its own
            self._root.update()
        return self._open

    def _close(self) -> None:
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._root.destroy()
