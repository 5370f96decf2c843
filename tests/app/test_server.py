"""What the app answers over HTTP, to a good video and to what is none."""

from __future__ import annotations

import http.client
import io
import json
import re
import secrets
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import pytest
from PIL import Image

from gsf.app.desk import WAITING, Answered, BusyError, Desk, Limits
from gsf.app.origin import origin
from gsf.app.serve import HOST, examples_in, listening
from gsf.cli import main
from gsf.deploy.trained import Trained, find_trained
from gsf.errors import ParamsError, VideoError
from gsf.params.benchmark import Extract
from gsf.predict.frames import VideoFrames
from gsf.predict.job import Job
from gsf.project import Project
from gsf.proof.results import read_cells
from tests.app.conftest import MEGABYTES, Running


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(running: Running, path: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> Reply:
    connection = http.client.HTTPConnection(running.address.removeprefix("http://"), timeout=300)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    with connection.getresponse() as response:
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


def send(running: Running, data: bytes, name: str = "clip.mp4", field: str = "video", **headers: str) -> Reply:
    """As a form with one file."""
    edge = secrets.token_hex(8)
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
    kind = f"multipart/form-data; boundary={edge}"
    return ask(running, "/answer", method="POST", body=body, Content_Type=kind, **headers)


def test_a_video_gets_the_answer_of_predict_with_film_pictures_and_the_trace_of_its_numbers(
    running: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = send(running, running.video.read_bytes())
    assert sent.status == 303
    place = sent.headers["location"]
    page = ask(running, place)
    assert page.status == 200
    monkeypatch.chdir(running.project.root)
    capsys.readouterr()
    main(["predict", str(running.video), "--model", "gsf-s0", "--device", "cpu", "--json"])
    expected = json.loads(capsys.readouterr().out.splitlines()[1])["answers"][0]["top"]
    rows = re.findall(r'<th scope="row"><bdi>(\w+)</bdi></th><td>([0-9.]+) %</td>', page.text)
    assert rows == [(item["label"], f"{100 * item['probability']:.1f}") for item in expected]

    film = ask(running, f"{place}/clip.explained.mp4")
    with av.open(io.BytesIO(film.body)) as found:
        assert len(list(found.decode(video=0))) == 2  # frames of a clip of this network
    part = ask(running, f"{place}/clip.explained.mp4", Range="bytes=0-99")  # as a browser asks
    assert (part.status, part.body) == (206, film.body[:100])
    for name in ("clip.explained.png", "timeline.png"):
        assert Image.open(io.BytesIO(ask(running, f"{place}/{name}").body)).width > 500
    cells = [cell for cell in read_cells(running.project, "demo") if cell.experiment == "gsf-s0"]
    assert len(cells) == page.text.count('<th scope="row"><bdi>demo/arrow/gsf-s0/')
    assert cells[0].receipt[:12] in page.text
    assert "evaluate@demo-gsf-s0-2x1x1" in page.text  # the trace
    assert running.address + place not in page.text
    assert place in ask(running, "/").text


def test_an_example_is_answered_and_none_else_is(running: Running) -> None:
    edge = b'--e\r\nContent-Disposition: form-data; name="example"\r\n\r\n%s\r\n--e--\r\n'
    kind = "multipart/form-data; boundary=e"
    assert '<button type="submit" name="example" value="left">' in ask(running, "/").text
    good = ask(running, "/answer", method="POST", body=edge % b"left", Content_Type=kind)
    assert good.status == 303
    bad = ask(running, "/answer", method="POST", body=edge % b"/etc/passwd", Content_Type=kind)
    assert bad.status == 400
    assert "no video was sent" in bad.text


def test_what_is_no_video_is_said_and_shown_as_text(running: Running) -> None:
    for data, name in ((b"#EXTM3U\nfile:///etc/passwd\n", "<script>alert(1)<"), (b"", "../../empty.mp4")):
        reply = send(running, data, name)
        assert reply.status == 422
        assert "No answer: " in reply.text
        assert "cannot be" in reply.text
        assert "<script>alert" not in reply.text
        assert "root:" not in reply.text


def test_too_much_is_refused_and_told_so_though_all_is_still_sent(running: Running) -> None:
    reply = send(running, b"\0" * ((MEGABYTES << 20) + (1 << 25)))
    assert (reply.status, reply.text) == (413, "larger than 1 MB, the limit (--limit-mb)\n")
    # as chunks, without saying before how much it will be
    connection = http.client.HTTPConnection(running.address.removeprefix("http://"), timeout=300)
    head = b'--e\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n'
    chunks = iter([head, *([b"\0" * (1 << 17)] * 299)])
    headers = {"Content-Type": "multipart/form-data; boundary=e", "Transfer-Encoding": "chunked"}
    connection.request("POST", "/answer", chunks, headers, encode_chunked=True)
    with connection.getresponse() as response:
        assert (response.status, response.getheader("connection")) == (413, "close")
    assert ask(running, "/").status == 200


def test_other_sites_and_other_names_are_refused(running: Running) -> None:
    data = running.video.read_bytes()
    before = len(running.desk.latest())
    for origin_header in ("http://evil.example", "null", "https://127.0.0.1"):
        assert send(running, data, Origin=origin_header).status == 403
    assert ask(running, "/", Host="evil.example").status == 400
    assert len(running.desk.latest()) == before
    assert send(running, data, Origin=running.address).status == 303


@pytest.mark.parametrize(
    "path",
    ["/answer/0123456789abcdef", "/static/../server.py", "/static/server.py", "/x", "/answer/x/../../etc"],
)
def test_nothing_else_is_there(running: Running, path: str) -> None:
    assert ask(running, path).status == 404


def test_files_of_an_answer_are_those_that_it_shows(running: Running) -> None:
    place = send(running, running.video.read_bytes()).headers["location"]
    for name in ("clip.explained.json", "%2e%2e%2fx", "..%2f..%2fetc%2fpasswd", "checkpoint.safetensors"):
        assert ask(running, f"{place}/{name}").status == 404


def test_pages_ask_for_nothing_from_elsewhere(running: Running) -> None:
    home = ask(running, "/")
    assert "default-src 'none'" in home.headers["content-security-policy"]
    links = re.findall(r'(?:src|href|action)="([^"]*)"', home.text)
    assert links
    assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in links)
    for name in ("style.css", "app.css", "app.js"):
        found = ask(running, f"/static/{name}")
        assert found.status == 200
        assert b"http" not in found.body


def test_the_desk_keeps_few_answers_and_lets_four_wait_while_one_is_answered(
    job: Job, running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gsf.app.desk.KEPT", 2)
    desk = Desk(job, tmp_path, limits=Limits(), window=60)
    made = [desk.answer(running.video, f"{number}.mp4") for number in range(3)]
    assert [item.video for item in desk.latest()] == ["2.mp4", "1.mp4"]
    assert [item.folder.exists() for item in made] == [False, True, True]
    assert desk.known(made[0].key) is None
    assert made[0].windows == ()  # the video is shorter than a window

    begun, go, given = threading.Event(), threading.Event(), list[Answered]()

    def answer(_: VideoFrames) -> Answered:
        begun.set()
        assert go.wait(60)
        return made[2]

    monkeypatch.setattr(desk, "_answer", answer)
    ask = partial(desk.answer, running.video, "x.mp4")
    threads = [threading.Thread(target=lambda: given.append(ask())) for _ in range(1 + WAITING)]
    threads[0].start()
    assert begun.wait(60)
    for thread in threads[1:]:
        thread.start()
    while desk._waiting < WAITING:
        time.sleep(0.01)
    with pytest.raises(BusyError, match="4 videos wait"):
        ask()
    go.set()
    for thread in threads:
        thread.join()
    assert len(given) == 1 + WAITING
    assert desk._waiting == 0


def test_limits_narrow_what_the_benchmark_says_and_never_widen_it(job: Job, running: Running, tmp_path: Path) -> None:
    extract = Extract(short_side=36, jpeg_quality=5, max_seconds=20, max_frames=100, max_pixels=100_000)
    assert Limits(seconds=60, frames=50, pixels=1 << 40).of(extract) == extract.model_copy(update={"max_frames": 50})
    desk = Desk(job, tmp_path, limits=Limits(frames=3), window=60)
    with pytest.raises(VideoError, match="has more than 3 frames"):
        desk.answer(running.video, "long.mp4")
    assert desk.latest() == []
    assert not list(tmp_path.iterdir())


def test_a_network_without_results_says_so(finished: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(finished.root)
    trained = find_trained("gsf-s0")
    assert origin(trained).cells
    assert "No receipt lies beside" in origin(Trained(trained.path, None)).words
    monkeypatch.chdir(tmp_path)
    assert "No results table is here" in origin(trained).words


def test_it_listens_on_this_machine_alone_and_says_which_port_is_taken() -> None:
    with listening(0) as one:
        assert one.getsockname()[0] == HOST == "127.0.0.1"
        with pytest.raises(ParamsError, match="must be a free port; --port 0 takes any"):
            listening(one.getsockname()[1])


def test_a_folder_of_examples_must_hold_some(finished: Project, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="holds no video"):
        examples_in(tmp_path)
    found = examples_in(finished.root / "data/arrow/videos")
    assert next(iter(found)) == "appear/test_000.mp4"
    assert len(found) == 24
