from __future__ import annotations

from pathlib import Path

import pytest

from gsf.project import Project
from gsf.proof.links import check_roots
from gsf.proof.weights import check_weights, weights_of
from gsf.provenance.hashing import sha256_file
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, seal
from tests.small_project import MODEL, make_project

TRAIN = "gsf train arrow --study s --run gsf-s0 --model gsf --recipe quick --seed 0 --threads 1"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "w.safetensors").write_bytes(b"weights")
    return make_project(tmp_path / "project")


def trained_from(project: Project, pretrained: str, *, name: str = "weights/w.safetensors") -> Receipt:
    """The receipt of a training that started from a file."""
    text = MODEL.format(name="gsf", temporal="gsf") + f"pretrained: {pretrained}\n"
    project.params_file("models", "gsf").write_text(text)
    file = project.root / pretrained
    output = project.root / "out.txt"
    output.write_text("out")
    inputs = [Input(path=name, sha256=sha256_file(file), receipt=None)]
    result = StageResult("train@s-gsf-s0", TRAIN.split(), {}, inputs, [output], entry="gsf.errors")
    return seal(project, result, project.root / "receipt.json")


def test_pretrained_weights_from_elsewhere_are_found_by_the_model_file(project: Project) -> None:
    receipt = trained_from(project, "../elsewhere/w.safetensors")
    (weights,) = weights_of(project, receipt)
    assert (weights.here, weights.found()) == (True, weights.item.sha256)
    assert weights.params == "params/models/gsf.yaml: pretrained"
    checked: dict[str, int] = {}
    assert list(check_weights(project, [receipt], checked)) == []
    assert checked == {"weights": 1}
    assert list(check_roots(project, [receipt])) == []


def test_weights_that_changed_are_broken_and_weights_that_are_gone_absent(project: Project) -> None:
    receipt = trained_from(project, "../elsewhere/w.safetensors")
    file = project.root.parent / "elsewhere" / "w.safetensors"
    file.write_bytes(b"others")
    (finding,) = check_weights(project, [receipt], {})
    assert (finding.kind, finding.link) == ("broken", "weights/w.safetensors")
    file.unlink()
    (finding,) = check_weights(project, [receipt], {})
    assert (finding.kind, "params/models/gsf.yaml: pretrained" in finding.remedy) == ("absent", True)


def test_published_annotations_are_found_by_the_benchmark_file_and_checked_like_weights(project: Project) -> None:
    folder = project.root.parent / "elsewhere"
    (folder / "trainlist01.txt").write_text("list")
    benchmark = project.params_file("benchmarks", "arrow")
    benchmark.write_text(f"{benchmark.read_text()}published:\n  files: ../elsewhere\n")
    output = project.root / "out.txt"
    output.write_text("out")
    inputs = [Input(path="published/trainlist01.txt", sha256=sha256_file(folder / "trainlist01.txt"), receipt=None)]
    command = ["gsf", "annotate", "arrow"]
    result = StageResult("annotate@arrow", command, {}, inputs, [output], entry="gsf.errors")
    receipt = seal(project, result, project.root / "receipt.json")
    (found,) = weights_of(project, receipt)
    assert (found.kind, found.here, found.params) == (
        "annotations", True, "params/benchmarks/arrow.yaml: published.files",
    )  # fmt: skip
    checked: dict[str, int] = {}
    assert list(check_weights(project, [receipt], checked)) == []
    assert checked == {"annotations": 1}
    assert list(check_roots(project, [receipt])) == []
    (folder / "trainlist01.txt").write_text("another")
    (finding,) = check_weights(project, [receipt], {})
    assert (finding.kind, finding.link) == ("broken", "published/trainlist01.txt")
    (folder / "trainlist01.txt").unlink()
    (finding,) = check_weights(project, [receipt], {})
    assert (finding.kind, "published.files" in finding.remedy) == ("absent", True)


def test_a_parameter_that_names_another_file_is_not_looked_at(project: Project) -> None:
    receipt = trained_from(project, "../elsewhere/w.safetensors")
    (project.root.parent / "elsewhere" / "v.safetensors").write_bytes(b"weights")
    path = project.params_file("models", "gsf")
    path.write_text(path.read_text().replace("w.safetensors", "v.safetensors"))
    (weights,) = weights_of(project, receipt)
    assert (weights.file, weights.found()) == (None, None)


def test_weights_within_the_project_are_a_file_like_any_other(project: Project) -> None:
    (project.root / "weights").mkdir()
    (project.root / "weights" / "w.safetensors").write_bytes(b"weights")
    receipt = trained_from(project, "weights/w.safetensors")
    assert weights_of(project, receipt) == []
    (project.root / "weights" / "w.safetensors").write_bytes(b"others")
    assert [(item.kind, item.link) for item in check_roots(project, [receipt])] == [("broken", "weights/w.safetensors")]


@pytest.mark.parametrize(
    ("pretrained", "kept"),
    [("/a/w.pth", "w.pth"), ("../b/w.pth", "w.pth"), ("torchvision", "torchvision"), ("timm", "timm"), ("null", None)],
)
def test_receipts_name_a_file_of_weights_but_not_where_it_lies(project: Project, pretrained: str, kept: object) -> None:
    path = project.params_file("models", "gsf")
    path.write_text(MODEL.format(name="gsf", temporal="gsf") + f"pretrained: {pretrained}\n")
    assert params_used(project, path)["params/models/gsf.yaml"]["pretrained"] == kept
