"""A folder of JPEG frames is a video for a prediction as it is one for a benchmark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gsf.cli import main
from gsf.data import inventory, listing, manifest
from gsf.evaluate.metrics import video_probabilities
from gsf.evaluate.scores import read_scores
from gsf.evaluate.stage import run as evaluate
from gsf.predict.answers import ranked
from gsf.project import Project
from gsf.store import extract
from gsf.tables import write_table
from tests.predict.conftest import answers
from tests.untrained import write_training
from tests.video.test_folders import PARAMS, fill, jpeg

PLACE = ("s", "gsf-s0", "2x2x3")
VIDEOS = {"1": ("x", "train"), "2": ("y", "train"), "3": ("x", "test"), "deep/4": ("y", "test"), "5": ("y", "test")}


@pytest.fixture
def pictures(small_project: Callable[[], Project], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A benchmark of folders of frames, an untrained network `gsf-s0` and its scores; the current folder is in it."""
    project = small_project()
    (project.root / "params/benchmarks/pictures.yaml").write_text(PARAMS)
    for number, name in enumerate(VIDEOS):
        names = {f"{n:05d}.jpg": jpeg(10 * number + n, size=(64, 48)) for n in range(1, 8)}
        fill(project.root / "frames" / name, names)
    rows = [(name, *facts) for name, facts in VIDEOS.items()]
    write_table(project.root / "params/benchmarks/pictures.csv", ("path", "label", "split"), rows)
    listing.run(project, "pictures")
    inventory.run(project, "pictures")
    extract.run(project, "pictures", "00")
    manifest.run(project, "pictures")
    write_training(project, benchmark="pictures")
    project.plan_file.write_text("study: s\n")
    evaluate(
        project, benchmark="pictures", study="s", run="gsf-s0", protocol=PLACE[2], threads=1, workers=0, device="cpu"
    )
    monkeypatch.chdir(project.root)
    return project


def test_folders_of_frames_get_the_probabilities_of_the_evaluation(
    pictures: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = read_scores(pictures.scores(*PLACE))
    facts, *found = answers(capsys, "frames", "--protocol", PLACE[2])
    assert facts["extract"]["max_frames"] == 12
    said = {item["video"]: item["answers"][0] for item in found}
    assert list(said) == ["1", "2", "3", "5", "deep/4"]
    assert set(scores.ids) == {"3", "deep/4", "5"}
    for video, row in zip(scores.ids, video_probabilities(scores), strict=True):
        assert (said[video]["stop_frame"], said[video]["seconds"]) == (7, None)
        expected = [value for _, value in ranked(scores.classes, row.tolist())]
        assert [item["probability"] for item in said[video]["top"]] == pytest.approx(expected, abs=1e-5)
    _, alone = answers(capsys, "frames/deep/4", "--protocol", PLACE[2])
    assert alone["video"] == "4"
    assert alone["answers"][0]["top"][0]["probability"] == pytest.approx(
        said["deep/4"]["top"][0]["probability"], abs=1e-5
    )


def test_a_folder_that_lost_a_frame_and_one_that_is_empty_are_named(
    pictures: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("frames/2/00003.jpg").unlink()
    Path("frames/6").mkdir()
    assert main(["predict", "frames", "--model", "gsf-s0", "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert "no answer: 2: the picture before 00004.jpg is missing, numbers must go up by one" in said
    assert "no answer: 6: holds no picture" in said
    assert "2 of 6 videos have no answer" in said
    assert (
        "folders of frames as they are, as those of params/benchmarks/pictures.yaml; of video files frames of" in said
    )


def test_windows_of_seconds_are_refused_for_frames_without_a_rate(
    pictures: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = answers(capsys, "frames/1", "--window", "1")
    assert "1: gives no frame rate" in found["problem"]


def test_frames_are_explained(pictures: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["explain", "frames/1", "--model", "gsf-s0", "--device", "cpu", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [f"1.explained.{ending}" for ending in ("json", "mp4", "png")]


def test_a_video_file_and_a_network_of_frames_go_together(
    pictures: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = answers(capsys, "data/arrow/videos/up/test_000.mp4")
    assert len(found["answers"]) == 1
    _, found = answers(capsys, "frames/1", "--benchmark", "arrow")
    assert len(found["answers"]) == 1
