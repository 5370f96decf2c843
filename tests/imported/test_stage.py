from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gsf.errors import TrainError
from gsf.imported.init import import_checkpoint
from gsf.imported.stage import run
from gsf.project import Project
from gsf.provenance.receipt import Receipt
from gsf.train.checkpoint import read_checkpoint
from tests.released import make_network, write_released

MakeProject = Callable[[], Project]


def prepare(project: Project, checkpoint: Path, **options: object) -> None:
    import_checkpoint(project, checkpoint, benchmark="arrow", name="gsf-r18", num_segments=2, **options)  # type: ignore[arg-type]


def convert(project: Project) -> Receipt:
    return run(project, benchmark="arrow", study="s", run="gsf-r18", imported="gsf-r18")


def edit(project: Project, old: str, new: str) -> None:
    path = project.params_file("imports", "gsf-r18")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_checkpoint_rebuilds_the_network_and_says_that_it_is_imported(
    small_project: MakeProject, tmp_path: Path
) -> None:
    project, theirs = small_project(), make_network()
    prepare(project, write_released(tmp_path / "a.pth", theirs))
    receipt = convert(project)
    network, info = read_checkpoint(project.checkpoint("s", "gsf-r18"))
    assert (info.epoch, info.seed, info.imported) == (58, None, receipt.facts["sha256"])
    assert (info.model.backbone, info.model.temporal, info.model.ratio) == ("resnet18", "gsf", 0.25)
    clips = torch.rand(1, 2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(clips), theirs(clips))


def test_two_machines_write_the_same_receipt(small_project: MakeProject, tmp_path: Path) -> None:
    digests = []
    for folder in ("here", "there/deeper"):
        project = small_project()
        prepare(project, write_released(tmp_path / folder / "a.pth"))
        digests.append(convert(project).digest)
    assert digests[0] == digests[1]


def test_logits_in_another_order_are_put_into_that_of_the_benchmark(small_project: MakeProject, tmp_path: Path) -> None:
    project, theirs = small_project(), make_network()
    names = sorted(path.name for path in (project.data("arrow") / "videos").iterdir() if path.is_dir())
    assert len(names) == 12
    listed = tmp_path / "labels.txt"
    listed.write_text("\n".join(reversed(names)) + "\n")
    prepare(project, write_released(tmp_path / "a.pth", theirs), classes=listed)
    assert convert(project).facts["classes"] == "as listed"
    network, info = read_checkpoint(project.checkpoint("s", "gsf-r18"))
    assert info.classes == names
    clips = torch.rand(1, 2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(clips).flip(1), theirs(clips))


def test_another_file_under_the_name_is_refused(small_project: MakeProject, tmp_path: Path) -> None:
    project, path = small_project(), tmp_path / "a.pth"
    prepare(project, write_released(path))
    write_released(path, make_network(seed=4))
    with pytest.raises(TrainError, match=r"params/imports/gsf-r18.yaml: a.pth has sha256 .*, must have"):
        convert(project)
    path.unlink()
    with pytest.raises(TrainError, match=r"checkpoint is '.*a.pth', must be a file with sha256"):
        convert(project)
    assert not project.checkpoint("s", "gsf-r18").exists()


def test_another_number_of_classes_is_refused(small_project: MakeProject, tmp_path: Path) -> None:
    project = small_project()
    prepare(project, write_released(tmp_path / "a.pth", make_network(num_classes=7)))
    with pytest.raises(TrainError, match="the checkpoint has 7 classes, arrow has 12, must be as many"):
        convert(project)


def test_other_names_of_classes_are_refused(small_project: MakeProject, tmp_path: Path) -> None:
    project = small_project()
    listed = tmp_path / "labels.txt"
    listed.write_text("\n".join(f"class {number}" for number in range(12)))
    prepare(project, write_released(tmp_path / "a.pth"), classes=listed)
    with pytest.raises(TrainError, match="classes are not those of arrow, must be the same in any order"):
        convert(project)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ratio: 0.25", "ratio: 0.5", r"ratio is 0.5, must be 0.25, as in the checkpoint"),
        ("backbone: resnet18", "backbone: resnet34", r"backbone is 'resnet34', must be 'resnet18'"),
        ("temporal: gsf", "temporal: gsm", r"temporal is 'gsm', must be 'gsf'"),
    ],
)
def test_an_import_file_that_speaks_of_another_network_is_refused(
    small_project: MakeProject, tmp_path: Path, old: str, new: str, message: str
) -> None:
    project = small_project()
    prepare(project, write_released(tmp_path / "a.pth"))
    edit(project, old, new)
    with pytest.raises(TrainError, match=message):
        convert(project)
