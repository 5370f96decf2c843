"""`gsf explain`: the files it writes, and that their numbers are those of `gsf predict`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from gsf.cli import main
from gsf.data.lists import read_manifest
from gsf.explain.cells import AGAINST, BACKWARD, CARD, FORWARD, MARK, fuse_cell, gate_cell
from gsf.explain.explain import side_of
from gsf.explain.sheet import by_mean
from gsf.params.base import load
from gsf.params.model import Model
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.train.checkpoint import CheckpointInfo, build_model, write_checkpoint
from tests.untrained import write_training

LAYERS = 8  # of a ResNet-18


@pytest.fixture(scope="module")
def project(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Arrow's small copy with untrained networks: the run gsf-s0, and a file each for GSM, TSM and TSN."""
    import shutil

    made = Project(Path(shutil.copytree(small_data.root, tmp_path_factory.mktemp("explain") / "project")))
    write_training(made)
    made.plan_file.write_text("study: s\n")
    params, classes = load(Model, made.params_file("models", "tsn")), list(read_manifest(made, "arrow").classes)
    for temporal in ("gsm", "tsm", "none"):
        model = params.model_copy(update={"temporal": temporal})
        torch.manual_seed(0)
        weights = build_model(model, num_classes=len(classes)).state_dict()
        write_checkpoint(
            made.root / f"{temporal}.safetensors", weights, CheckpointInfo(model, classes, epoch=1, seed=0)
        )
    return made


@pytest.fixture
def run(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Explains `up/test_000.mp4`; the numbers written."""
    monkeypatch.chdir(project.root)

    def explain(*arguments: str, model: str = "gsf-s0") -> Any:
        words = ["explain", "data/arrow/videos/up/test_000.mp4", "--model", model, "--device", "cpu"]
        assert main([*words, "--out", str(tmp_path / "out"), *arguments]) == 0
        return json.loads((tmp_path / "out/test_000.explained.json").read_bytes())

    return explain


def test_the_picture_and_the_film_have_the_size_said_and_the_answer_is_that_of_predict(
    run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run()
    assert len(found["layers"]) == LAYERS
    said = found["picture"]
    with Image.open(tmp_path / "out" / said["file"]) as picture:
        assert picture.size == (said["width"], said["height"])
        pixels = np.asarray(picture.convert("RGB"))
        step = said["cell"] + said["gap"]
        assert picture.height > step * (2 + 3 * LAYERS)
        for colour in (MARK, AGAINST, CARD):
            assert (pixels == np.array(colour)).all(-1).any()
    with av.open(tmp_path / "out" / found["film"]["file"]) as film:
        stream = film.streams.video[0]
        frames = list(film.decode(stream))
        assert (stream.codec_context.name, frames[0].format.name) == ("h264", "yuv420p")
    assert len(frames) == found["film"]["frames"] == len(found["frames"]) == 2
    assert np.abs(frames[0].to_ndarray(format="gray").astype(int) - frames[1].to_ndarray(format="gray")).max() > 50

    evidence = found["evidence"]
    assert sum(evidence["by_frame"]) == pytest.approx(evidence["logit"], abs=1e-5)
    assert evidence["class"] == found["answer"][0]["label"]
    capsys.readouterr()
    main(["predict", "data/arrow/videos/up/test_000.mp4", "--model", "gsf-s0", "--device", "cpu", "--json"])
    predicted = json.loads(capsys.readouterr().out.splitlines()[1])
    assert predicted["answers"][0]["top"] == [
        {"label": item["label"], "probability": pytest.approx(item["probability"], abs=1e-6)}
        for item in found["answer"]
    ]


def test_layers_class_and_part_are_chosen(run: Callable[..., Any]) -> None:
    found = run("--layers", "layer1.*,layer4.0.conv2", "--class", "close", "--start", "0.25", "--seconds", "0.25")
    assert [layer["name"] for layer in found["layers"]] == ["layer1.0.conv2", "layer1.1.conv2", "layer4.0.conv2"]
    assert found["evidence"]["class"] == "close"
    assert found["evidence"]["rival"]["class"] != "close"
    assert all(3 <= frame < 6 for frame in found["frames"])  # at 12 frames a second


def test_views_of_a_protocol_are_clips_and_crops(run: Callable[..., Any]) -> None:
    first, last = (run("--protocol", "2x2x3", "--view", view) for view in ("1", "6"))
    assert first["view"] == "protocol 2x2x3, view 1 of 6 (clip 1, crop 1)"
    assert last["view"] == "protocol 2x2x3, view 6 of 6 (clip 2, crop 3)"
    assert first["frames"] != last["frames"]
    assert first["answer"] == last["answer"]  # that of the video, over all views
    assert first["evidence"]["logit"] != last["evidence"]["logit"]


def test_two_videos_of_one_name_do_not_overwrite_each_other_and_one_video_does(
    project: Project, run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run("--layers", "layer1.0.conv2")
    other = "data/arrow/videos/left/test_000.mp4"
    words = ["explain", other, "--model", "gsf-s0", "--device", "cpu", "--layers", "layer1.0.conv2"]
    for _ in range(2):
        assert main([*words, "--out", str(tmp_path / "out")]) == 0
    names = [f"{stem}.explained.{ending}" for stem in ("test_000-2", "test_000") for ending in ("json", "mp4", "png")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert json.loads((tmp_path / "out/test_000.explained.json").read_bytes()) == first
    second = json.loads((tmp_path / "out/test_000-2.explained.json").read_bytes())
    assert second["sha256"] == sha256_file(project.root / other) != first["sha256"]
    assert second["picture"]["file"] == "test_000-2.explained.png"


@pytest.mark.parametrize(
    ("model", "words"), [("tsm", "TSM shifts the same channels"), ("none", "TSN looks at every frame")]
)
def test_networks_without_gates_show_their_evidence_and_say_so(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str], model: str, words: str
) -> None:
    found = run(model=f"./{model}.safetensors")
    assert found["layers"] == []
    assert sum(found["evidence"]["by_frame"]) == pytest.approx(found["evidence"]["logit"], abs=1e-5)
    assert words in capsys.readouterr().out


def test_gsm_shows_gates_alone(run: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    found = run(model="./gsm.safetensors")
    assert len(found["layers"]) == LAYERS
    assert all(layer["fuse"] is None and len(layer["gate"]) == 2 for layer in found["layers"])
    assert "no fuse weights" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--class", "jump"], "--class is 'jump', must be one of the network's 12 classes: "),
        (
            ["--layers", "layer9*"],
            "--layers 'layer9*' names no layer, must be names or patterns of these: layer1.0.conv2",
        ),
        (["--view", "2"], "--view is 2, must be 1 .. 1: protocol 2x1x1"),
        (["--start", "9"], "--start 9 --seconds 0 holds no frame, must lie within its 0."),
    ],
)
def test_what_is_not_there_is_said(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(project.root)
    video = "data/arrow/videos/up/test_000.mp4"
    out = tmp_path / "out"
    assert main(["explain", video, "--model", "gsf-s0", "--device", "cpu", "--out", str(out), *arguments]) == 1
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_a_file_in_the_place_of_the_folder_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.root)
    (tmp_path / "out").write_bytes(b"mine")
    command = ["explain", "data/arrow/videos/up/test_000.mp4", "--model", "gsf-s0", "--device", "cpu"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert f"error: {tmp_path / 'out'}: File exists" in capsys.readouterr().err
    assert (tmp_path / "out").read_bytes() == b"mine"


def test_gates_colour_their_frame_by_sign_and_leave_it_where_they_are_zero() -> None:
    frame = torch.full((3, 8, 8), 100, dtype=torch.uint8)
    plane = torch.tensor([[0.5, -0.5], [0.0, 0.25]])
    pixels = np.asarray(gate_cell(frame, plane, 0.5, 8)).astype(int)
    none = pixels[6, 1]
    assert none[0] == none[1] == none[2]  # grey
    for place, colour in (((1, 1), FORWARD), ((1, 6), BACKWARD)):
        assert np.abs(pixels[place] - np.array(colour)).max() < 20
    half = (pixels[6, 6] - none) / (pixels[1, 1] - none)
    assert half == pytest.approx(0.5, abs=0.03)


def test_fuse_weights_are_sorted_by_their_mean_and_coloured_by_their_distance_from_a_half() -> None:
    weights = torch.tensor([[[0.2, 0.8], [0.5, 0.6]], [[0.3, 0.7], [0.5, 0.4]]])  # (T, 2, F/2)
    assert by_mean(weights).tolist() == torch.tensor([[[0.8, 0.2], [0.5, 0.6]], [[0.7, 0.3], [0.5, 0.4]]]).tolist()
    pixels = np.asarray(fuse_cell(by_mean(weights)[0], 0.3, 8)).astype(int)
    green, purple, pale = pixels[1, 1], pixels[6, 1], pixels[1, 6]
    assert green[1] == green.max() > green[0] + 50
    assert purple[1] == purple.min() < purple[0] - 50
    assert pale.min() > 240


def test_cells_are_large_for_few_frames_and_stay_visible_for_many() -> None:
    assert [side_of(frames) for frames in (2, 8, 32, 128)] == [96, 96, 48, 24]
