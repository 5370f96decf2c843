"""Checkpoints as files for other programs, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gsf.cli import main
from gsf.deploy.named import named_model
from gsf.deploy.trained import find_trained
from gsf.errors import ParamsError, TrainError
from gsf.params.model import Model
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.train.checkpoint import CheckpointInfo, build_model, read_checkpoint, write_checkpoint
from tests.small_project import make_project

CLASSES = ["down", "left", "right"]
MODEL = {
    "name": "gsf",
    "backbone": "resnet18",
    "temporal": "gsf",
    "num_segments": 2,
    "input_size": 32,
    "short_side": 36,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one finished training, `gsf-s0`, of the active study."""
    project = make_project(tmp_path / "project")
    project.plan_file.write_text("study: s\n")
    model = Model.model_validate(MODEL)
    path = project.checkpoint("s", "gsf-s0")
    path.parent.mkdir(parents=True)
    write_checkpoint(path, build_model(model, num_classes=3).state_dict(), CheckpointInfo(model, CLASSES, 1, 0))
    content = {"format": 1, "stage": "train@s-gsf-s0", "command": "gsf train", "params": {}, "inputs": []}
    content |= {"outputs": {project.relative(path): sha256_file(path)}, "code": {}, "tools": {}, "seed": 0, "facts": {}}
    project.train_receipt("s", "gsf-s0").write_bytes(canonical_json(content))
    monkeypatch.chdir(project.root)
    return project


def test_exported_run_names_its_origin_and_computes_the_same(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "gsf-s0", "--format", "torch", "--output", "model.pt2"]) == 0
    assert "model.pt2: outputs agree with the checkpoint's" in capsys.readouterr().out
    extra = {"gsf": ""}
    program = torch.export.load("model.pt2", extra_files=extra)
    content = json.loads(extra["gsf"])
    path = project.checkpoint("s", "gsf-s0")
    assert content["classes"] == CLASSES
    assert content["checkpoint"] == {
        "sha256": sha256_file(path),
        "receipt": sha256_bytes(project.train_receipt("s", "gsf-s0").read_bytes()),
    }
    assert content["input"] == {"name": "clips", "shape": ["batch", 2, 3, 32, 32], "dtype": "float32"}
    clips = torch.randn(1, 2, 3, 32, 32)
    network, _ = read_checkpoint(path)
    torch.testing.assert_close(program.module()(clips), network(clips))


def test_checkpoint_file_is_bound_to_the_receipt_beside_it(project: Project) -> None:
    path = project.checkpoint("s", "gsf-s0")
    receipt = project.train_receipt("s", "gsf-s0")
    assert find_trained(str(path)).digest == sha256_bytes(receipt.read_bytes())
    receipt.unlink()
    assert find_trained(str(path)).digest is None


def test_checkpoint_that_its_receipt_does_not_promise_is_not_exported(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project.checkpoint("s", "gsf-s0")
    path.write_bytes(path.read_bytes() + b" ")
    for source in ("gsf-s0", str(path)):
        assert main(["export", source, "--format", "torch", "--output", "model.pt2"]) == 1
        assert "ProvenanceError" in capsys.readouterr().err
    assert not Path("model.pt2").exists()


def test_unknown_run_is_an_error_that_lists_those_that_are_here(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "tsn-s0", "--format", "onnx", "--output", "model.onnx"]) == 1
    assert "a run of the study s (here: gsf-s0), or STUDY/RUN of another (here: none)" in capsys.readouterr().err


def test_a_run_of_another_study_is_named_with_its_study(project: Project) -> None:
    named = find_trained("gsf-s0")
    project.plan_file.write_text("study: other\n")
    with pytest.raises(TrainError, match=r"of the study other \(here: none\), or STUDY/RUN of another \(here: s\)"):
        find_trained("gsf-s0")
    project.plan_file.unlink()
    assert find_trained("s/gsf-s0") == named
    with pytest.raises(ParamsError, match="must name the active study; run `gsf study NAME`, or say STUDY/RUN"):
        find_trained("gsf-s0")
    with pytest.raises(TrainError, match=r"runs/s/train/tsn-s0/.*of the study s \(here: gsf-s0\)"):
        find_trained("s/tsn-s0")


def test_a_file_is_taken_before_a_run(project: Project) -> None:
    file = project.root / "s/gsf-s0"
    file.parent.mkdir()
    file.write_bytes(project.checkpoint("s", "gsf-s0").read_bytes())
    assert find_trained("s/gsf-s0").path == Path("s/gsf-s0")
    assert find_trained("s/gsf-s0").digest is None


def test_network_of_a_file_takes_its_sizes_from_there(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "gsf", "--classes", "3", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["size"], content["num_segments"], content["num_classes"]) == (32, 2, 3)
    assert content["preprocessing"]["short_side"] == 36
    assert main(["model", "resnet18/none", "--segments", "4"]) == 0
    assert "4 frames of 224 x 224 px, 174 classes" in capsys.readouterr().out


def test_names_of_networks_are_checked(project: Project) -> None:
    with pytest.raises(ParamsError, match=r"'gfs' is unknown, must be backbone/temporal .*params/models: gsf, tsn"):
        named_model("gfs", num_classes=3)
    with pytest.raises(ParamsError, match=r"must be left to params/models/gsf\.yaml"):
        named_model("gsf", num_classes=3, ratio=0.5)
    with pytest.raises(ValueError, match="temporal is 'gst'"):
        named_model("resnet18/gst", num_classes=3)
