"""An imported network through the whole chain: converted, evaluated, reported, traced and verified."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from gsf.data.clips import EvaluationClips
from gsf.data.inputs import shard_paths, split_of
from gsf.data.lists import read_manifest
from gsf.data.preprocess import normalize
from gsf.data.videos import Videos
from gsf.evaluate import stage as evaluation
from gsf.evaluate.scores import read_scores
from gsf.imported import stage as conversion
from gsf.imported.init import import_checkpoint
from gsf.params.base import load
from gsf.params.protocol import Protocol
from gsf.pipeline.study import activate
from gsf.project import Project
from gsf.proof.trace import trace
from gsf.proof.verify import verify_study
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import read_receipt
from gsf.report import stage as report
from gsf.tracking.record import collect
from tests.released import make_network, write_released

ROOT = Path(__file__).resolve().parents[2]
RUN = "gsf-r18"


@pytest.fixture(scope="module")
def reported(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose only network is an imported one, with its report; read only or put back after a change."""
    folder = tmp_path_factory.mktemp("imported")
    checkpoint = write_released(folder / "weights" / "gsf_r18.pth.tar")
    project = Project(folder / "project")
    shutil.copytree(small_data.root, project.root)
    shutil.copy(ROOT / "dvc.yaml", project.root / "dvc.yaml")
    sizes = {"num_segments": 2, "input_size": 32, "short_side": 36}
    import_checkpoint(project, checkpoint, benchmark="arrow", name=RUN, study="released", **sizes)
    activate(project, "released")
    conversion.run(project, benchmark="arrow", study="released", run=RUN, imported=RUN)
    evaluation.run(
        project, benchmark="arrow", study="released", run=RUN, protocol="2x1x1", threads=1, workers=0, device="cpu"
    )
    report.run(project, "released")
    return project


def checkpoint_of(project: Project) -> Path:
    return project.root.parent / "weights" / "gsf_r18.pth.tar"


def clips_of(project: Project) -> torch.Tensor:
    """The clip of every test video: `(N, 2, 3, 32, 32)` uint8, RGB."""
    manifest = read_manifest(project, "arrow")
    split = split_of(manifest, "test")
    protocol = load(Protocol, project.params_file("protocols", "2x1x1"))
    videos = Videos(split, shard_paths(project, "arrow", manifest))
    clips = EvaluationClips(videos, protocol=protocol, short_side=36, size=32)
    return torch.cat([clips[index][0] for index in range(len(clips))])


def test_the_scores_are_those_of_the_released_network(reported: Project) -> None:
    network = make_network()
    with torch.inference_mode():
        expected = network(normalize(clips_of(reported), network.preprocessing))
    scores = read_scores(reported.scores("released", RUN, "2x1x1"))
    np.testing.assert_allclose(scores.logits[:, 0], expected.numpy(), rtol=1e-4, atol=1e-4)
    assert np.ptp(scores.logits) > 1  # or all networks would agree


def test_an_inception_network_sees_blue_first_and_0_to_255(small_data: Project, tmp_path: Path) -> None:
    theirs = make_network(backbone="bninception", ratio=1.0)
    checkpoint = write_released(tmp_path / "weights" / "bninception.pth.tar", theirs)
    project = Project(tmp_path / "project")
    shutil.copytree(small_data.root, project.root)
    import_checkpoint(project, checkpoint, benchmark="arrow", name="gsf-bn", num_segments=2)
    file = project.params_file("imports", "gsf-bn")
    assert "input_size: 224  # px\nshort_side: 256  # px" in file.read_text()
    file.write_text(file.read_text().replace(": 224 ", ": 32 ").replace(": 256 ", ": 36 "))
    conversion.run(project, benchmark="arrow", study="s", run="gsf-bn", imported="gsf-bn")
    place = {"study": "s", "run": "gsf-bn", "protocol": "2x1x1"}
    evaluation.run(project, benchmark="arrow", **place, threads=1, workers=0, device="cpu")
    mean = torch.tensor([104.0, 117.0, 128.0]).view(3, 1, 1)
    with torch.inference_mode():
        expected = theirs(clips_of(project).float().flip(2) - mean)
    scores = read_scores(project.scores("s", "gsf-bn", "2x1x1"))
    np.testing.assert_allclose(scores.logits[:, 0], expected.numpy(), rtol=1e-3, atol=1e-3)
    assert np.ptp(scores.logits) > 0.1


def test_the_report_marks_the_row_with_file_and_digest(reported: Project) -> None:
    page = (reported.results("released") / "README.md").read_text()
    digest = sha256_file(checkpoint_of(reported))
    rows = [line for line in page.splitlines() if line.startswith("| gsf-r18, *imported* ")]
    assert f"from `gsf_r18.pth.tar` (sha256 {digest[:12]})" in rows[0]
    assert f"| gsf-r18 | gsf on resnet18 | 2 | 0.25 | `gsf_r18.pth.tar` | `{digest}` | 58 | 50.62 % |" in page
    assert "curves.png" not in page
    index = (reported.root / "results" / "README.md").read_text()
    assert rows[0] in index
    cells = json.loads((reported.results("released") / "results.json").read_bytes())
    assert {cell["experiment"] for cell in cells} == {RUN}


def test_the_trace_ends_at_the_file_and_says_whether_it_agrees(reported: Project) -> None:
    found = trace(reported, f"arrow/{RUN}/2x1x1/top1")
    (weights,) = found.weights
    assert (weights.name, weights.sha256) == ("gsf_r18.pth.tar", sha256_file(checkpoint_of(reported)))
    assert (weights.here, weights.agrees, weights.stage) == (True, True, f"convert@released-{RUN}")
    assert {step.stage.split("@")[0] for step in found.steps} >= {"convert", "evaluate", "inventory"}
    assert f"weights from elsewhere: gsf_r18.pth.tar   sha256 {weights.sha256}" in found.to_text()
    assert "has this sha256" in found.to_text()


def test_no_receipt_says_where_the_file_lies(reported: Project) -> None:
    folder = str(reported.root.parent)
    receipts = [path for path in reported.root.rglob("*receipt*.json") if ".work" not in path.parts]
    assert len(receipts) > 5
    assert [path for path in receipts if folder in path.read_text()] == []
    params = read_receipt(reported.train_receipt("released", RUN)).content["params"][f"params/imports/{RUN}.yaml"]
    assert "checkpoint" not in params
    assert params["sha256"] == sha256_file(checkpoint_of(reported))


def test_the_chain_verifies_down_to_the_file(reported: Project) -> None:
    shallow, deep = verify_study(reported, "released"), verify_study(reported, "released", deep=True)
    assert [finding for finding in (*shallow.findings, *deep.findings) if finding.kind != "uncommitted"] == []
    assert deep.checked["weights"] == 1
    assert any("how weights were made elsewhere" in line for line in shallow.not_proven)


def test_a_changed_file_is_named(reported: Project) -> None:
    path = checkpoint_of(reported)
    before = path.read_bytes()
    try:
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        assert verify_study(reported, "released").ok
        broken = verify_study(reported, "released", deep=True).of("broken")
        assert [finding.link for finding in broken] == ["weights/gsf_r18.pth.tar"]
        assert "gsf_r18.pth.tar has sha256" in broken[0].what
        found = trace(reported, f"arrow/{RUN}/2x1x1/top1")
        assert (found.weights[0].here, found.weights[0].agrees) == (True, False)
        assert "is another file" in found.to_text()
    finally:
        path.write_bytes(before)


def test_a_file_that_is_gone_is_absent_and_the_rest_still_verifies(reported: Project) -> None:
    path = checkpoint_of(reported)
    path.rename(path.with_suffix(".away"))
    try:
        verdict = verify_study(reported, "released", deep=True)
        assert verdict.ok
        assert [finding.link for finding in verdict.of("absent")] == ["weights/gsf_r18.pth.tar"]
        assert (
            "params/imports/gsf-r18.yaml: checkpoint says where it lies"
            in trace(reported, f"arrow/{RUN}/2x1x1/top1").to_text()
        )
    finally:
        path.with_suffix(".away").rename(path)


def test_a_forged_digest_breaks_the_chain(reported: Project) -> None:
    path = reported.train_receipt("released", RUN)
    before = path.read_bytes()
    try:
        path.write_bytes(before.replace(sha256_file(checkpoint_of(reported)).encode(), b"0" * 64))
        broken = verify_study(reported, "released", deep=True).of("broken")
        assert reported.relative(path) in {finding.link for finding in broken}
    finally:
        path.write_bytes(before)


def test_mlflow_shows_the_import_as_a_run_without_training(reported: Project) -> None:
    (record,) = collect(reported, study="released", run=RUN)
    assert (record.points, record.problems) == ((), ())
    assert record.measured["2x1x1.top1"] >= 0
    assert record.tags["gsf.imported"] == f"gsf_r18.pth.tar {sha256_file(checkpoint_of(reported))}"
    assert (record.params["model.backbone"], record.params["model.temporal"]) == ("resnet18", "gsf")
    assert not {"seed", "model.classes"} & record.params.keys()
    assert [item.context for item in record.data] == ["test"]
