"""A served network answers as `gsf evaluate` scores, and whatever else is sent to it gets 4xx and a reason."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gsf.errors import ProvenanceError, VideoError
from gsf.evaluate.metrics import video_probabilities
from gsf.evaluate.scores import read_scores
from gsf.evaluate.stage import run as evaluate
from gsf.params.benchmark import Extract
from gsf.predict.answers import ranked
from gsf.project import Project
from gsf.serve.server import application
from gsf.tracking.loading import load_model
from tests.serve.made import PROTOCOL, ask, in_base64, rows, running

REPOSITORY = Path(__file__).resolve().parents[2]
MOST = 200_000  # bytes of the videos of a request


@pytest.fixture(scope="module")
def host(project: Project, model: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSF_SERVE_FOLDER", str(project.root / "data/arrow/videos"))
        patch.setenv("GSF_SERVE_MAX_BYTES", str(MOST))
        patch.setenv("GSF_SERVE_MAX_VIDEOS", "3")
        patch.setenv("GSF_DEVICE", "cpu")
        app = application(load_model(str(model)))
    with running(app) as address:
        yield address


def test_answers_are_the_probabilities_of_the_evaluation(project: Project, host: str) -> None:
    evaluate(project, benchmark="arrow", study="s", run="gsf-s0", protocol=PROTOCOL, threads=1, workers=0, device="cpu")
    scores = read_scores(project.scores("s", "gsf-s0", PROTOCOL))
    names = list(scores.ids)[:3]
    folder = project.root / "data/arrow/videos"
    sent = [
        {"path": names[0]},
        {"path": str(folder / names[1])},
        {"video": in_base64((folder / names[2]).read_bytes())},
    ]
    status, text = ask(host, rows(*sent, params={"top": 3}))
    assert status == 200, text
    answers = json.loads(text)["predictions"]
    assert [item["video"] for item in answers] == [names[0], str(folder / names[1]), "video 2"]
    for answer, row in zip(answers, video_probabilities(scores), strict=False):
        expected = ranked(scores.classes, row.tolist())[:3]
        assert [item["probability"] for item in answer["top"]] == pytest.approx([p for _, p in expected], abs=1e-5)
        assert len(answer["top"]) == 3


def test_a_table_of_columns_is_answered_too(host: str, video: Path) -> None:
    table = {"columns": ["video"], "data": [[in_base64(video.read_bytes())]]}
    status, text = ask(host, {"dataframe_split": table})
    assert status == 200, text
    assert len(json.loads(text)["predictions"][0]["top"]) == 5


BODIES: dict[str, tuple[Any, int, str]] = {
    "nothing": (b"", 400, "is not JSON"),
    "text": (b"hello", 400, "is not JSON"),
    "bytes": (b"\xff\xfe{", 400, "is not JSON"),
    "deep": (b"[" * 50_000, 400, "nested too deeply"),
    "rather deep": (b'{"dataframe_records":[{"video":%s}]}' % (b"[" * 930 + b"]" * 930), 400, "nested too deeply"),
    "digits": (b'{"dataframe_records":[{"video":%s}]}' % (b"9" * 5000), 400, "is not JSON: Exceeds the limit"),
    "list": ([1], 400, "must be an object such as"),
    "no table": ({}, 400, "with dataframe_records or dataframe_split"),
    "inputs": ({"inputs": [{"video": "A" * 1000}]}, 400, "with dataframe_records or dataframe_split"),
    "two tables": ({"dataframe_records": [], "dataframe_split": {}}, 400, "with dataframe_records or"),
    "unknown key": (rows(parameters={}), 400, "must be an object such as"),
    "params": (rows(params=3), 400, "params must be an object"),
    "unknown param": (rows({"video": "AAAA"}, params={"tops": 3}), 400, "and hold nothing else"),
    "no rows": (rows(), 400, "the request has 0 videos, must have 1 to 3"),
    "numbers": (rows(1, 2), 400, "the request has 0 videos"),  # type: ignore[arg-type]
    "other column": (rows({"video": "AAAA", "name": "x"}), 400, "a row has name, must have `video` or `path` alone"),
    "other columns": ({"dataframe_split": {"columns": [[1]], "data": []}}, 400, "a row has [1], must have"),
    "too many": (rows(*[{"video": "AAAA"}] * 4), 400, "has 4 videos, must have 1 to 3 (GSF_SERVE_MAX_VIDEOS)"),
    "ragged": ({"dataframe_split": {"columns": ["video"], "data": [["AAAA", 1]]}}, 400, "1 columns passed"),
    "twice": ({"dataframe_split": {"columns": ["video"] * 2, "data": [["AAAA"] * 2]}}, 400, "not compatible"),
    "empty": (rows({"video": ""}), 400, "video 0: video is empty"),
    "number": (rows({"video": 3}), 400, "video 0: video is of type int"),
    "both": (rows({"video": "AAAA", "path": "x"}), 400, "video 0: has video and path"),
    "neither": (rows({}, {"video": "AAAA"}), 400, "video 0: has neither of both"),
    "not base64": (rows({"video": "hello world!"}), 400, "video 0: is not base64"),
    "not ASCII": (rows({"video": "ééé"}), 400, "video 0: is not base64"),
    "surrogate": (b'{"dataframe_records":[{"path":"\\ud800"}]}', 400, "surrogates not allowed"),
    "prose": (rows({"video": in_base64(b"hello, this is text")}), 400, "video 0: cannot be probed"),
    "playlist": (rows({"video": in_base64(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")}), 400, "cannot be probed"),
    "script": (rows({"video": in_base64(b"ffconcat version 1.0\nfile /etc/passwd\n")}), 400, "cannot be probed"),
    "too large": (rows({"video": in_base64(bytes(MOST + 1))}), 400, "must have at most 200000 bytes together"),
    "two too large": (rows(*[{"video": in_base64(bytes(MOST // 2 + 9))}] * 2), 400, "video 1: too large"),
    "far too large": (b" " * (2 * MOST), 413, "larger than 332202 bytes, the limit (GSF_SERVE_MAX_BYTES"),
    "top": (rows({"video": "AAAA"}, params={"top": 0}), 400, "top is 0, must be an integer of 1 or more"),
    "top: null": (rows({"video": "AAAA"}, params={"top": None}), 400, "top is None, must be an integer"),
    "top: text": (rows({"video": "AAAA"}, params={"top": "x"}), 400, "Invalid parameters found"),
    "upwards": (rows({"path": "../annotations.csv"}), 400, "path leads out of the server's folder"),
    "elsewhere": (rows({"path": "/etc/passwd"}), 400, "path leads out of the server's folder"),
    "nowhere": (rows({"path": "/nonexistent"}), 400, "path leads out of the server's folder"),
    "linked": (rows({"path": "etc/passwd"}), 400, "path leads out of the server's folder"),
    "circle": (rows({"path": "circle"}), 400, "path leads out of the server's folder"),
    "zero byte": (rows({"path": "a\0b"}), 400, "path leads out of the server's folder"),
    "long": (rows({"path": "a" * 5000}), 400, "path leads out of the server's folder"),
    "folder": (rows({"path": "up"}), 400, "up: no such file in the server's folder"),
    "pipe": (rows({"path": "pipe"}), 400, "pipe: no such file"),
    "absent": (rows({"path": "none.mp4"}), 400, "none.mp4: no such file"),
    "address": (rows({"path": "http://127.0.0.1/x.mp4"}), 400, "no such file"),
}


@pytest.fixture(scope="module")
def traps(project: Project) -> None:
    folder = project.root / "data/arrow/videos"
    (folder / "etc").symlink_to("/etc")
    (folder / "circle").symlink_to("circle")
    os.mkfifo(folder / "pipe")


@pytest.mark.parametrize("case", BODIES)
@pytest.mark.usefixtures("traps")
def test_what_cannot_be_answered_is_refused_with_a_reason(host: str, case: str) -> None:
    body, status, words = BODIES[case]
    found, text = ask(host, body)
    assert (found, words in json.loads(text)["message"]) == (status, True), text
    assert "Traceback" not in text
    assert len(text) < 1500


def test_a_video_that_is_cut_off_is_refused_and_the_server_goes_on(host: str, video: Path) -> None:
    data = video.read_bytes()
    for part in (data[: len(data) // 2], data[:-200], data[:40]):
        status, text = ask(host, rows({"video": in_base64(data)}, {"video": in_base64(part)}))
        assert (status, "video 1: cannot be" in text) == (400, True), text
    assert ask(host, rows({"video": in_base64(data)}))[0] == 200


@pytest.mark.parametrize("kind", [None, "text/csv", "application/x-parquet", "video/mp4"])
def test_only_json_is_read(host: str, kind: str | None) -> None:
    status, text = ask(host, b"{}", headers={"Content-Type": kind or ""})
    assert (status, "JSON" in text or "json" in text or "UTF-8" in text) == (415, True)


def test_the_example_of_the_page_is_answered(host: str, video: Path, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    page = (REPOSITORY / "docs/serve.md").read_text(encoding="utf-8")
    start = page.index('    echo "{')
    command = page[start : page.index("\n\n", start)].replace("http://127.0.0.1:5001", host)
    shutil.copy(video, tmp_path / "clip.mp4")
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=True, timeout=300)
    (answer,) = json.loads(done.stdout)["predictions"]
    assert len(answer["top"]) == 2
    assert answer["video"] == "video 0"


def test_a_model_is_text_and_safetensors_and_names_no_place_of_this_machine(project: Project, model: Path) -> None:
    files = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    names = ("checkpoint.safetensors", "model.json", "protocol.json", "receipt.json")
    assert {name for name in files if name.startswith("artifacts/")} == {f"artifacts/{name}" for name in names}
    for name in files - {"artifacts/checkpoint.safetensors"}:
        text = (model / name).read_text(encoding="utf-8")
        assert str(project.root) not in text
        assert str(REPOSITORY) not in text
        assert "/tmp/" not in text


def test_weights_that_are_not_those_of_the_receipt_are_not_served(model: Path, tmp_path: Path) -> None:
    import mlflow

    other = Path(shutil.copytree(model, tmp_path / "model"))
    weights = other / "artifacts/checkpoint.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ProvenanceError, match=r"is not what .*receipt\.json says"):
        mlflow.pyfunc.load_model(str(other))


def test_a_model_loads_and_answers_without_a_network_and_refuses_paths(
    model: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    def forbidden(*arguments: object) -> None:
        raise AssertionError(f"the network was used: {arguments}")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.delenv("GSF_SERVE_FOLDER", raising=False)
    loaded = mlflow.pyfunc.load_model(str(model))
    (answer,) = loaded.predict([{"video": in_base64(video.read_bytes())}], params={"top": 1})
    assert len(answer["top"]) == 1
    assert loaded.predict([{"video": video.read_bytes()}], params={"top": 1}) == [answer]
    with pytest.raises(MlflowException, match="this server accepts no paths") as caught:
        loaded.predict([{"path": str(video)}])
    assert caught.value.get_http_status_code() == 400


def test_a_program_gives_bytes_or_paths_in_any_form_of_a_table(
    project: Project, model: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    import pandas as pd
    from mlflow.exceptions import MlflowException

    monkeypatch.setenv("GSF_SERVE_FOLDER", str(project.root / "data/arrow/videos"))
    loaded = mlflow.pyfunc.load_model(str(model))
    data = video.read_bytes()
    (expected,) = loaded.predict([{"video": in_base64(data)}])
    for given in (
        [{"video": data}],
        {"video": [data]},
        pd.DataFrame({"video": [data]}),
        [{"video": bytearray(data)}],
        pd.DataFrame({"path": [f"up/{video.name}"]}),
    ):
        (found,) = loaded.predict(given)
        assert found["top"] == expected["top"]
    mixed = loaded.predict([{"video": data}, {"path": f"up/{video.name}"}, {"video": in_base64(data)}])
    assert [item["video"] for item in mixed] == ["video 0", f"up/{video.name}", "video 2"]
    for bad, words in (({"video": b""}, "video is empty"), ({"path": b"x"}, "path is of type bytes")):
        with pytest.raises(MlflowException, match=words):
            loaded.predict([bad])
    monkeypatch.setenv("GSF_SERVE_MAX_BYTES", "1000")
    limited = mlflow.pyfunc.load_model(str(model))
    with pytest.raises(MlflowException, match="must have at most 1000 bytes together"):
        limited.predict([{"video": b"x" * 1001}])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("FRAMES", "3", "has more than 3 frames"), ("PIXELS", "1000", "has 48 x 36 pixels, more than 1000, the limit")],
)
def test_limits_of_the_owner_hold(
    model: Path, video: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    monkeypatch.setenv(f"GSF_SERVE_MAX_{name}", value)
    loaded = mlflow.pyfunc.load_model(str(model))
    with pytest.raises(MlflowException, match=words):
        loaded.predict([{"video": in_base64(video.read_bytes())}])


def test_the_videos_of_a_request_share_its_time(model: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    given = []

    def cut_short(how: Extract, path: Path, *, name: str) -> Iterator[bytes]:
        given.append(how.max_seconds)
        raise VideoError(f"{name}: decoding took longer than {how.max_seconds:g} s")

    monkeypatch.setenv("GSF_SERVE_MAX_SECONDS", "12")
    monkeypatch.setattr("gsf.predict.frames.file_frames", cut_short)
    loaded = mlflow.pyfunc.load_model(str(model))
    with pytest.raises(MlflowException, match="video 0: decoding took longer than 4 s"):
        loaded.predict([{"video": in_base64(video.read_bytes())}] * 3)
    assert given == [4.0] * 3
