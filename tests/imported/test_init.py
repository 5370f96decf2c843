from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
import yaml

from gsf.cli import main
from gsf.errors import GsfError, ParamsError, TrainError
from gsf.imported.init import import_checkpoint
from gsf.imported.init_files import add_experiment
from gsf.imported.labels import read_labels
from gsf.params.base import load
from gsf.params.imported import Imported
from gsf.params.study import Study
from gsf.pipeline.study import resolve
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from tests.released import make_network, released_state, write_released
from tests.small_project import make_project

STUDY = """\
# A study that people wrote.
study: mine
threads: 1          # one
seeds: [0]
experiments:        # rows
    tsn: {benchmark: arrow, model: tsn, recipe: quick}
    # the last one
    gsf: {benchmark: arrow, model: gsf, recipe: quick}

protocols: [2x1x1]  # after the experiments
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_released(tmp_path_factory.mktemp("released") / "gsf_r18.pth.tar")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def test_the_import_file_describes_the_checkpoint(project: Project, checkpoint: Path) -> None:
    summary = import_checkpoint(project, checkpoint, benchmark="arrow", num_segments=2)
    assert summary.name == summary.study == "gsf-resnet18-arrow"
    params = load(Imported, project.params_file("imports", summary.name))
    assert (params.backbone, params.temporal, params.ratio, params.num_segments) == ("resnet18", "gsf", 0.25, 2)
    assert (params.input_size, params.short_side, params.classes) == (224, 256, None)
    assert (params.checkpoint, params.sha256) == (str(checkpoint), sha256_file(checkpoint))
    text = str(summary)
    assert "gsf on resnet18, ratio 0.25, 12 classes, 2 frames (the file does not tell)" in text
    assert "the file says: epoch 58, validation top-1 50.62 %" in text
    assert "next: look at params/imports/gsf-resnet18-arrow.yaml, then: gsf study gsf-resnet18-arrow" in text


def test_the_frames_are_those_that_the_file_tells(project: Project, tmp_path: Path) -> None:
    path = write_released(tmp_path / "gsf_r18_2frames.pth.tar")
    summary = import_checkpoint(project, path, benchmark="arrow")
    assert (summary.num_segments, summary.notes) == (2, ())
    assert load(Imported, project.params_file("imports", summary.name)).num_segments == 2


def test_other_frames_than_the_file_tells_are_warned_of(project: Project, tmp_path: Path) -> None:
    path = write_released(tmp_path / "gsf_r18_16frames.pth.tar")
    summary = import_checkpoint(project, path, benchmark="arrow", num_segments=2)
    assert "was trained with 16 frames" in summary.notes[0]
    assert "note: " in str(summary)


def test_a_new_study_evaluates_it_by_the_quickest_protocol_of_its_frames(project: Project, checkpoint: Path) -> None:
    import_checkpoint(project, checkpoint, benchmark="arrow", num_segments=2)
    plan = resolve(project, "gsf-resnet18-arrow")
    assert (plan.experiments, list(plan.imports)) == ({}, ["gsf-resnet18-arrow-gsf-resnet18-arrow"])
    (evaluation,) = plan.evaluations.values()
    assert (evaluation.run, evaluation.protocol) == ("gsf-resnet18-arrow", "2x1x1")


def test_a_study_that_is_there_gets_one_line_more(project: Project, checkpoint: Path) -> None:
    file = project.params_file("studies", "mine")
    file.parent.mkdir()
    file.write_text(STUDY)
    import_checkpoint(project, checkpoint, benchmark="arrow", name="gsf-r18", study="mine", num_segments=2)
    before, after = STUDY.splitlines(), file.read_text().splitlines()
    added = [line for line in after if line not in before]
    assert added == ["    gsf-r18: {benchmark: arrow, imported: gsf-r18}"]
    assert [line for line in after if line not in added] == before
    plan = resolve(project, "mine")
    assert (len(plan.experiments), len(plan.imports), len(plan.evaluations)) == (2, 1, 3)


def test_a_study_in_another_form_is_left_alone(project: Project, checkpoint: Path) -> None:
    file = project.params_file("studies", "mine")
    file.parent.mkdir()
    text = STUDY.split("experiments:")[0] + "protocols: [2x1x1]\n"
    text += "experiments: {tsn: {benchmark: arrow, model: tsn, recipe: quick}}\n"
    file.write_text(text)
    with pytest.raises(GsfError, match=r"studies/mine.yaml: experiments must be a mapping with one indented line"):
        import_checkpoint(project, checkpoint, benchmark="arrow", name="gsf-r18", study="mine", num_segments=2)
    assert file.read_text() == text
    assert not project.params_file("imports", "gsf-r18").exists()


def test_a_line_is_added_at_the_end_of_the_file_too() -> None:
    text = "experiments:\n  a: {}\n"
    assert add_experiment(text, "gsf", "b") == text + "  gsf: {benchmark: b, imported: gsf}\n"


def test_a_second_import_of_one_name_is_refused(project: Project, checkpoint: Path) -> None:
    import_checkpoint(project, checkpoint, benchmark="arrow", num_segments=2)
    with pytest.raises(ParamsError, match=r"imports/gsf-resnet18-arrow.yaml: is there already, must be a new import"):
        import_checkpoint(project, checkpoint, benchmark="arrow", num_segments=2)


def test_a_network_without_temporal_module_is_called_tsn(project: Project, tmp_path: Path) -> None:
    path = write_released(tmp_path / "tsn.pth", make_network("none"))
    assert import_checkpoint(project, path, benchmark="arrow", num_segments=2).name == "tsn-resnet18-arrow"


class _Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('the code ran')",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"model_state_dict": {}, "x": _Attack()}), "attack.pth"),
        (b"no checkpoint", "attack.pth"),
    ],
    ids=["code", "text"],
)
def test_a_file_with_code_and_a_file_of_another_kind_are_refused(
    project: Project, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "attack.pth"
    path.write_bytes(content)
    with pytest.raises(TrainError, match=message):
        import_checkpoint(project, path, benchmark="arrow")
    assert not (project.root / "params" / "imports").exists()


def test_a_zip_checkpoint_with_code_is_refused(project: Project, tmp_path: Path) -> None:
    path = write_released(tmp_path / "attack.pth", scaler_state_dict=_Attack())
    with pytest.raises(TrainError, match=r"attack\.pth"):
        import_checkpoint(project, path, benchmark="arrow")


def test_unknown_keys_are_listed(project: Project, tmp_path: Path) -> None:
    state = released_state(make_network()) | {"module.base_model.layer9.weight": torch.zeros(1)}
    path = write_released(tmp_path / "a.pth", model_state_dict=state)
    with pytest.raises(TrainError, match=r"layer9\.weight"):
        import_checkpoint(project, path, benchmark="arrow")


def test_frames_for_which_there_is_no_protocol_are_named(project: Project, checkpoint: Path) -> None:
    with pytest.raises(ParamsError, match="none has frames 16, must be one for clips of 16 frames"):
        import_checkpoint(project, checkpoint, benchmark="arrow", num_segments=16)


def test_an_unknown_benchmark_is_named_before_the_file_is_read(project: Project) -> None:
    with pytest.raises(ParamsError, match=r"benchmarks/ssv9\.yaml: no such file; benchmarks here: arrow"):
        import_checkpoint(project, Path("nowhere.pth"), benchmark="ssv9")


def test_a_name_that_looks_like_a_training_is_refused(project: Project, checkpoint: Path) -> None:
    import_checkpoint(project, checkpoint, benchmark="arrow", name="gsf-s0", num_segments=2)
    with pytest.raises(ParamsError, match="must not end in '-s' and a number"):
        resolve(project, "gsf-s0")


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        ("{benchmark: arrow, imported: x, model: gsf, recipe: quick}", "with imported alone"),
        ("{benchmark: arrow, imported: x, recipe: quick}", "with imported alone"),
        ("{benchmark: arrow, model: gsf}", "with a model and a recipe"),
    ],
)
def test_an_experiment_is_trained_or_imported(project: Project, experiment: str, message: str) -> None:
    file = project.params_file("studies", "mine")
    file.parent.mkdir()
    file.write_text(STUDY.replace("{benchmark: arrow, model: gsf, recipe: quick}", experiment))
    with pytest.raises(ParamsError, match=message):
        load(Study, file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "b c\n\na\nd\n"),
        ("a.json", '["b c", "a", "d"]'),
        ("b.json", json.dumps({"d": "2", "b c": "0", "a": "1"})),
    ],
)
def test_labels_come_in_three_forms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_labels(tmp_path / name) == ["b c", "a", "d"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "a\nb\na\n", "'a' is there twice"),
        ("a.txt", "\n", "names no class"),
        ("a.json", '{"a": 0, "b": 2}', "its numbers are not 0, 1, 2"),
        ("a.json", "[1, 2]", "is no list of classes"),
        ("a.json", "{", "is no list of classes"),
    ],
)
def test_labels_that_name_no_order_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ParamsError, match=message):
        read_labels(tmp_path / name)


@pytest.mark.parametrize("label", ["1e3", "yes", "null", "Moving [something] up", "a: b", "é", "12:30", " x", "#", "-"])
def test_a_class_keeps_its_name_in_the_import_file(project: Project, tmp_path: Path, label: str) -> None:
    from ruamel.yaml import YAML

    from gsf.yaml_text import scalar

    written = f"- {scalar(label)}"
    assert yaml.safe_load(written) == [label]
    assert YAML(typ="safe").load(written) == [label]


def test_listed_classes_must_be_as_many_as_the_checkpoint_has(
    project: Project, checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\n")
    with pytest.raises(ParamsError, match=r"labels.txt: has 2 classes, must have the 12 of"):
        import_checkpoint(project, checkpoint, benchmark="arrow", classes=tmp_path / "labels.txt", num_segments=2)


def test_the_command_line_imports(
    project: Project, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.root)
    words = ["import", str(checkpoint), "--benchmark", "arrow", "--num-segments", "2", "--study", "released"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "wrote params/imports/gsf-resnet18-arrow.yaml\nwrote params/studies/released.yaml" in printed
