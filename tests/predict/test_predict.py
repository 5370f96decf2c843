"""What `gsf predict` says is what `gsf evaluate` says, whatever is wrong with some of the files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gsf.cli import _parser, main
from gsf.data.lists import read_manifest
from gsf.data.views import view_frames
from gsf.errors import ParamsError, VideoError
from gsf.evaluate.metrics import video_probabilities
from gsf.evaluate.scores import read_scores
from gsf.evaluate.stage import run as evaluate
from gsf.params.protocol import Protocol
from gsf.predict.answers import COLUMNS, Answer, Prediction, ranked
from gsf.predict.files import File
from gsf.predict.predict import Predictor
from gsf.predict.timeline import leading_classes
from gsf.predict.windows import Part, Sliding, parts
from gsf.project import Project
from tests.predict.conftest import answers


@pytest.mark.parametrize("protocol", ["2x1x1", "2x2x3", "2x2x10", "2x1x1-reversed", "2x2x3-dense"])
def test_a_file_gets_the_probabilities_that_its_shard_gets(
    project: Project, capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    evaluate(project, benchmark="arrow", study="s", run="gsf-s0", protocol=protocol, threads=1, workers=0, device="cpu")
    scores = read_scores(project.scores("s", "gsf-s0", protocol))
    facts, *found = answers(capsys, *(f"data/arrow/videos/{name}" for name in scores.ids), "--protocol", protocol)
    assert facts["benchmark"] == "arrow"
    assert [item["video"] for item in found] == [f"data/arrow/videos/{name}" for name in scores.ids]
    expected = video_probabilities(scores)
    for item, row in zip(found, expected, strict=True):
        (answer,) = item["answers"]  # type: ignore[misc]
        assert len(answer["top"]) == 5
        for label_and_value, (label, value) in zip(answer["top"], ranked(scores.classes, row.tolist()), strict=False):
            assert label_and_value["probability"] == pytest.approx(value, abs=1e-5)
            assert label_and_value["label"] == label or np.ptp(row) < 1e-3


def test_a_disorder_is_that_of_the_evaluation_where_a_video_has_the_name_that_it_has_there() -> None:
    protocol = Protocol(name="p", frames=8, clips=1, crops=1, time="shuffled")
    predictor: Any = SimpleNamespace(how=SimpleNamespace(protocol=protocol))
    part = Part(0, 24, None)
    by_name: list[Any] = [
        Predictor.frames_of(predictor, SimpleNamespace(name=name), part).tolist()  # type: ignore[arg-type]
        for name in ("up/a.mp4", "a.mp4")
    ]
    assert by_name[0] == view_frames(protocol, video="up/a.mp4", num_frames=24).tolist()
    assert by_name[0] != by_name[1]


def test_a_folder_with_bad_files_answers_for_the_others_and_names_them(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = sorted((project.root / "data/arrow/videos/left").glob("*.mp4"))
    folder = tmp_path / "mine"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.mp4").write_bytes(good[0].read_bytes())
    (folder / "b.mp4").write_text("#EXTM3U\nfile:///etc/passwd\n")
    (folder / "sub/-c d.mp4").write_bytes(good[1].read_bytes())
    (folder / "notes.txt").write_text("no video")
    table = tmp_path / "table.csv"
    code = main(["predict", str(folder), "--model", "gsf-s0", "--device", "cpu", "--top", "2", "--csv", str(table)])
    said = capsys.readouterr()
    assert code == 1
    assert "no answer: b.mp4: cannot be" in said.err
    assert "1 of 3 videos have no answer" in said.err
    assert "a.mp4\n  " in said.out
    assert "b.mp4: NO ANSWER" in said.out
    rows = list(csv.DictReader(table.open()))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["video"], row["rank"]) for row in rows] == [
        ("a.mp4", "1"),
        ("a.mp4", "2"),
        ("sub/-c d.mp4", "1"),
        ("sub/-c d.mp4", "2"),
    ]


def test_a_long_video_gets_an_answer_for_each_window_and_a_picture(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = min((project.root / "data/arrow/videos/up").glob("*.mp4"))
    _, found = answers(
        capsys, str(video), "--window", "0.25", "--stride", "0.125", "--timeline", str(tmp_path / "pictures")
    )
    listed = found["answers"]
    manifest = read_manifest(project, "arrow")
    frames = dict(zip(manifest.ids, manifest.frames, strict=True))[f"up/{video.name}"]
    assert [(item["start_frame"], item["stop_frame"]) for item in listed] == [  # type: ignore[attr-defined]
        (part.start, part.stop) for part in parts(frames, Fraction(12), Sliding(0.25, 0.125), video="")
    ]
    picture = Image.open(tmp_path / "pictures" / f"{video.name}.png")
    assert picture.width > 500
    assert np.asarray(picture.convert("L")).std() > 10


def test_windows_cover_every_frame_and_the_last_ends_with_the_video() -> None:
    for frames in (1, 7, 24, 25, 100, 101):
        for seconds, stride in ((1.0, 0.5), (1.0, 1.0), (0.3, 0.1), (50.0, 3.0)):
            found = parts(frames, Fraction(24), Sliding(seconds, stride), video="v")
            assert found[0].start == 0
            assert found[-1].stop == frames
            covered = {frame for part in found for frame in range(part.start, part.stop)}
            assert covered == set(range(frames))
            assert len({part.start for part in found}) == len(found)
            assert {part.stop - part.start for part in found} == {min(frames, max(1, round(24 * seconds)))}


@pytest.mark.parametrize(("seconds", "stride"), [(0, 0), (1, 2), (-1, -1), (1, 0)])
def test_windows_that_leave_frames_out_are_refused(seconds: float, stride: float) -> None:
    with pytest.raises(ParamsError, match="must be seconds above 0, the stride at most the window"):
        Sliding(seconds, stride)


def test_windows_need_a_frame_rate() -> None:
    with pytest.raises(VideoError, match=r"v\.mp4: gives no frame rate"):
        parts(10, None, Sliding(1, 1), video="v.mp4")
    assert parts(10, None, None, video="v.mp4")[0].seconds is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stride", "1"], "--stride and --timeline must come with --window"),
        (["--protocol", "4x1x1"], "protocol 4x1x1: frames is 4, must be the num_segments of the model, 2"),
        (["--benchmark", "nowhere"], "nowhere.yaml"),
    ],
)
def test_what_does_not_fit_is_said(
    project: Project, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (project.root / "params/protocols/4x1x1.yaml").write_text("name: 4x1x1\nframes: 4\nclips: 1\ncrops: 1\n")
    assert main(["predict", "data/arrow/videos", "--model", "gsf-s0", "--device", "cpu", *arguments]) == 1
    assert words in capsys.readouterr().err


def test_a_number_of_classes_is_one_or_more(capsys: pytest.CaptureFixture[str]) -> None:
    for value in ("0", "-3", "x"):
        with pytest.raises(SystemExit):
            main(["predict", "clip.mp4", "--model", "gsf-s0", "--top", value])
        assert f"argument --top: is '{value}', must be an integer of 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    "verb", [["predict", "clip.mp4"], ["explain", "clip.mp4"], ["app"], ["stream", "-"], ["serve"]]
)
def test_the_device_is_that_of_the_environment_unless_told(verb: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSF_DEVICE", "cuda:3")
    parser = _parser()
    assert parser.parse_args([*verb, "--model", "m"]).device == "cuda:3"
    assert parser.parse_args([*verb, "--model", "m", "--device", "cpu"]).device == "cpu"


def test_rows_are_in_the_table_as_soon_as_they_are_said(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Predictor.predict

    def interrupted(self: Predictor, files: Iterable[File]) -> Iterator[Prediction]:
        for number, prediction in enumerate(whole(self, files)):
            if number == 2:
                raise KeyboardInterrupt
            yield prediction

    monkeypatch.setattr(Predictor, "predict", interrupted)
    table = tmp_path / "made/table.csv"
    arguments = ["predict", "data/arrow/videos/up", "--model", "gsf-s0", "--device", "cpu", "--top", "1"]
    assert main([*arguments, "--csv", str(table)]) == 130
    names = sorted(path.name for path in (project.root / "data/arrow/videos/up").glob("*.mp4"))
    with table.open(encoding="utf-8", newline="") as file:
        assert [row["video"] for row in csv.DictReader(file)] == names[:2]


def test_a_run_that_is_not_there_is_said(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "data/arrow/videos/up", "--model", "gsf-s9"]) == 1
    assert "here: gsf-s0" in capsys.readouterr().err


def test_a_file_without_a_receipt_answers_outside_of_any_project(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "net.safetensors"
    alone.write_bytes(project.checkpoint("s", "gsf-s0").read_bytes())
    video = min((project.root / "data/arrow/videos/up").glob("*.mp4"))
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(video), "--model", str(alone), "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert "no receipt" in said.err
    assert "256 px on the short side, because no benchmark says" in said.err
    ten = tmp_path / "project/params/protocols/2x2x10.yaml"
    assert ten.is_file()
    monkeypatch.chdir(project.root)
    assert main(["predict", str(video), "--model", str(alone), "--protocol", "2x2x10"]) == 1
    assert "mirrored views must come with a network whose benchmark is known" in capsys.readouterr().err


def test_the_leading_classes_come_in_the_order_in_which_they_lead() -> None:
    rows = [[0.0, 0.9, 0.1, 0.0], [0.6, 0.4, 0.0, 0.0], [0.0, 0.5, 0.05, 0.45]]
    found = leading_classes(
        [Answer(Part(i, i + 1, None), ("a", "b", "c", "d"), np.array(row)) for i, row in enumerate(rows)]
    )
    assert found == ["b", "a", "d", "c"]


def test_the_most_probable_class_comes_first_and_at_a_tie_the_first_one() -> None:
    answer = Answer(Part(0, 1, None), ("a", "b", "c"), np.array([0.25, 0.5, 0.25]))
    assert answer.probabilities == (("b", 0.5), ("a", 0.25), ("c", 0.25))
    assert answer.best(2) == (("b", 0.5), ("a", 0.25))
