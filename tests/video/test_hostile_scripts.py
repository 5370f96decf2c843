"""Playlists, scripts and references named like videos open no file and no connection."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.video.boxes import alias, location, referring
from tests.video.clips import convert, run_ffmpeg
from tests.video.outcome import outcome

MARKER = b"This line must never be read by anything but its owner."


class Listener:
    """A server that only remembers whether somebody came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port, self.visits, self._stop = self._socket.getsockname()[1], 0, False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop:
            try:
                self._socket.accept()[0].close()
                self.visits += 1
            except TimeoutError:
                continue

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


class Watch:
    """Whether anybody opened one of some files, as the kernel says (inotify)."""

    _OPENED = 0x20

    def __init__(self, *paths: Path) -> None:
        if not sys.platform.startswith("linux"):
            pytest.skip("needs inotify")
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for path in paths:
            assert libc.inotify_add_watch(self._events, os.fsencode(path), self._OPENED) >= 0

    def opened(self) -> bool:
        try:
            return bool(os.read(self._events, 4096))
        except BlockingIOError:
            return False


SCRIPTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n",
    "hls_key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:5,\nclip.mp4\n#EXT-X-ENDLIST\n',
    "hls_concat": "#EXTM3U\n#EXTINF:5,\nconcat:{url}|{url}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{url}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
    'contentType="video"><Representation id="1"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period>'
    "</MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "asx": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "asf": "[Reference]\nRef1={url}?MSWMExt=.asf\n",
    "rtsp": "rtsp://127.0.0.1:{port}/x\n",
    "imf": '<?xml version="1.0"?><CompositionPlaylist><Annotation>{url}</Annotation></CompositionPlaylist>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
    "avisynth": 'DirectShowSource("{url}")\n',
    "lrc": "[re:{url}]\n[00:01.00]text\n",
}


def test_a_script_named_like_a_video_opens_nothing(
    clip: Path, tmp_path: Path, videos: Path, listener: Listener
) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip.read_bytes())
    text = tmp_path / "secret.txt"
    text.write_bytes(MARKER)
    targets = {
        "file": f"file://{secret}", "path": str(secret), "up": "../secret.mp4", "text": f"file:{text}",
        "http": f"http://127.0.0.1:{listener.port}/x.mp4", "tcp": f"tcp://127.0.0.1:{listener.port}",
    }  # fmt: skip
    for kind, script in SCRIPTS.items():
        for target, url in targets.items():
            content = script.format(url=url, port=listener.port)
            for suffix in (".mp4", ".ts") if target in ("file", "http") else (".avi",):
                (videos / f"{kind}_{target}{suffix}").write_text(content)
    watch = Watch(secret, text)
    found = outcome(tmp_path)
    assert not watch.opened()
    assert all(not text.isdigit() for text in found.values()), found
    assert listener.visits == 0
    secret.read_bytes()
    assert watch.opened()  # so it would have seen that
    assert not any(MARKER in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != text)


def test_a_movie_whose_track_lies_elsewhere_stays_without_it(
    clip: Path, tmp_path: Path, videos: Path, listener: Listener
) -> None:
    """QuickTime may keep its samples in another file, named by a data reference."""
    canary = convert(clip, tmp_path / "canary.mov", "-c", "copy")
    data = canary.read_bytes()
    references = {
        "file": location(b"url ", f"file://{canary}"),
        "http": location(b"url ", f"http://127.0.0.1:{listener.port}/canary.mov"),
        "urn": location(b"urn ", f"http://127.0.0.1:{listener.port}/canary.mov"),
        "alias": alias(str(canary)),
        "alias up": alias(str(canary), up=2, down=1),
    }
    for name, reference in references.items():
        (videos / f"{name}.mov").write_bytes(referring(data, reference))
    watch = Watch(canary)
    for name, text in outcome(tmp_path).items():
        assert text == "12" or not text.isdigit(), (name, text)
    assert not watch.opened()
    assert listener.visits == 0
    for name in ("alias", "alias up"):  # the files do name it: a reader that follows such references opens it
        follow = ("-enable_drefs", "1", "-use_absolute_path", "1")
        run_ffmpeg(*follow, "-i", videos / f"{name}.mov", "-f", "null", "-")
        assert watch.opened(), name
