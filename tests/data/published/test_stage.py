from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from gsf.data import inventory, listing
from gsf.data.annotations import read_annotations
from gsf.data.init.published import init_published
from gsf.data.published import stage
from gsf.errors import DataError, GsfError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark, Format
from gsf.params.study import Study
from gsf.pipeline.study import resolve
from gsf.project import Project
from gsf.provenance.receipt import read_receipt
from gsf.store.plan import read_additions, read_plan
from gsf.tables import read_table
from tests.data.project import make_project, make_video
from tests.data.published.small import FILES, LEFT, RIGHT, write
from tests.proof.finished import REPOSITORY

CLIPS = (
    "Archery/v_Archery_g08_c01.avi",
    "HandstandPushups/v_HandstandPushups_g08_c01.avi",  # published as v_HandStandPushups
    "v_Archery_g01_c01.mp4",  # flat, and in another container
)
# network, recipe and protocols by benchmark: docs/results.md says whose protocols they are
PAPERS: dict[Format, tuple[str, ...]] = {
    "ssv1": ("gsf-resnet50-224", "paper-last", "8x1x1", "8x2x3"),
    "ssv2": ("gsf-resnet50-224", "paper-last", "8x1x1", "8x2x3"),
    "kinetics400": ("gsf-resnet50-224", "paper-last", "8x1x1", "8x10x3-dense"),
    "diving48": ("gsf-resnet50-16x224", "paper-diving48", "16x1x1", "16x2x1"),
    "epic100": ("gsf-resnet50-16x224", "paper-last", "16x1x1", "16x2x3"),
    "ucf101": ("gsf-resnet50-224", "paper-last", "8x1x1", "8x2x3"),
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def fill(root: Path, *names: str) -> Path:
    root.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        make_video(root / name, shade=40 + 60 * number)
    return root


def begin(project: Project, tmp_path: Path, format: Format = "ucf101", **options: object) -> str:
    """`gsf init --published` with videos for UCF101; what it prints."""
    videos = fill(tmp_path / "videos", *(CLIPS if format == "ucf101" else ()))
    folder = write(tmp_path / "published", format)
    return str(init_published(project, "mine", videos, format=format, annotations=folder, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("format", FILES)
def test_init_writes_a_benchmark_and_a_study_that_are_valid(project: Project, tmp_path: Path, format: Format) -> None:
    text = begin(project, tmp_path, format)
    params = load(Benchmark, project.params_file("benchmarks", "mine"))
    assert params.published is not None
    assert set(params.published.sha256) == set(FILES[format])
    assert params.annotations == "data/mine/annotated/annotations.csv"
    assert params.source == ("jpeg_folders" if format == "ssv1" else "videos")
    assert (params.labels.flip == "swap") == format.startswith("ssv")
    study = load(Study, project.params_file("studies", "mine"))
    assert study.experiments["gsf"].benchmark == "mine"
    assert "next: look at params/benchmarks/mine.yaml" in text


@pytest.mark.parametrize("format", PAPERS)
def test_init_writes_network_recipe_and_protocols_of_the_papers(
    project: Project, tmp_path: Path, format: Format
) -> None:
    begin(project, tmp_path, format)
    for kind in ("models", "recipes", "protocols"):
        shutil.copytree(REPOSITORY / "params" / kind, project.root / "params" / kind, dirs_exist_ok=True)
    plan = resolve(project, "mine")
    (training,) = plan.experiments.values()
    assert (training.model, training.recipe, *(item.protocol for item in plan.evaluations.values())) == PAPERS[format]


def test_papers_are_known_of_every_benchmark() -> None:
    assert PAPERS.keys() == FILES.keys()


def test_init_says_what_was_published_what_is_missing_and_what_that_means(project: Project, tmp_path: Path) -> None:
    text = begin(project, tmp_path, "kinetics400")
    assert "val          1 rows, 19906 published, -19905" in text
    assert "videos: 4 of 4 are not there (4 rows); on_missing: exclude, so they are left out and listed" in text
    assert "  0wR5jVB-WPk_000417_000427.mp4" in text


def test_init_derives_the_flip_pairs_of_something_something(project: Project, tmp_path: Path) -> None:
    text = begin(project, tmp_path, "ssv2")
    assert load(Benchmark, project.params_file("benchmarks", "mine")).labels.flip_pairs == [[LEFT, RIGHT]]
    assert f"{LEFT} <-> {RIGHT}" in text
    assert "on_missing: stop, so the inventory will not begin" in text


def test_init_called_again_keeps_what_people_edited_and_refuses_another_benchmark(
    project: Project, tmp_path: Path
) -> None:
    begin(project, tmp_path)
    file = project.params_file("benchmarks", "mine")
    file.write_text(file.read_text().replace("val_share: 0", "val_share: 0.25"))
    text = begin(project, tmp_path)
    assert "kept  params/benchmarks/mine.yaml" in text
    assert "val is 0.25 of the training videos" in text
    with pytest.raises(DataError, match="is there already, and not for ssv2"):
        begin(project, tmp_path, "ssv2")
    with pytest.raises(ParamsError, match=r"published\.split is 1, must be 2 for this call"):
        begin(project, tmp_path, split=2)


KINETICS = ("-a_b_000009_000019.mp4", "xyz_000003_000013.mp4", "xyz_000020_000030.mp4", "0wR5jVB-WPk_000417_000427.mp4")


def examined(project: Project) -> dict[str, bytes]:
    """What the stages up to the inventory write of each shard's plan, by file."""
    listing.run(project, "mine")
    stage.run(project, "mine")
    inventory.run(project, "mine")
    return {path.name: path.read_bytes() for path in project.shard_plan("mine", "00").parent.iterdir()}


def test_videos_that_come_later_are_a_batch_and_the_other_plans_stay(project: Project, tmp_path: Path) -> None:
    fill(tmp_path / "videos", *KINETICS[:3])
    begin(project, tmp_path, "kinetics400", shards=2)
    assert "data/mine/inventory.csv is not there yet" in begin(project, tmp_path, "kinetics400")
    before = examined(project)
    file = project.params_file("benchmarks", "mine")
    (tmp_path / "videos/abseiling").mkdir()
    (tmp_path / "videos" / KINETICS[1]).rename(tmp_path / "videos/abseiling" / KINETICS[1])
    assert "new videos" not in begin(project, tmp_path, "kinetics400")
    assert load(Benchmark, file).additions is None  # moved, not new
    (tmp_path / "videos/abseiling" / KINETICS[1]).rename(tmp_path / "videos" / KINETICS[1])
    make_video(tmp_path / "videos/val" / KINETICS[3], shade=240)
    said = begin(project, tmp_path, "kinetics400")
    assert "note: 1 new videos are batch 1 of params/benchmarks/mine.additions.csv: a shard of their own, a01" in said
    assert "wrote params/benchmarks/mine.additions.csv" in said
    written = file.read_bytes()
    assert "new videos" not in begin(project, tmp_path, "kinetics400")  # before the inventory knows them
    assert file.read_bytes() == written
    after = examined(project)
    assert {name: after[name] for name in before} == before
    assert [video.path for video in read_plan(project.shard_plan("mine", "a01"))] == [f"val/{KINETICS[3]}"]
    (tmp_path / "videos/val" / KINETICS[3]).unlink()
    begin(project, tmp_path, "kinetics400")
    assert read_additions(project.root / "params/benchmarks/mine.additions.csv") == {}
    assert {name: data for name, data in examined(project).items() if name in before} == before


def test_no_batch_is_made_of_most_of_a_download(project: Project, tmp_path: Path) -> None:
    fill(tmp_path / "videos", *KINETICS[:2])
    begin(project, tmp_path, "kinetics400")
    examined(project)
    fill(tmp_path / "videos", *KINETICS[2:])
    said = begin(project, tmp_path, "kinetics400")
    assert "2 new videos are no fewer than the 2 so far, so they are spread over all shards" in said
    assert load(Benchmark, project.params_file("benchmarks", "mine")).additions is None


def test_the_stage_finds_the_videos_and_its_receipt_is_the_root_of_the_inventory(
    project: Project, tmp_path: Path
) -> None:
    begin(project, tmp_path)
    listing.run(project, "mine")
    receipt = stage.run(project, "mine")
    rows = {item.id: item for item in read_annotations(project.annotations("mine"))}
    assert sorted(item.path for item in rows.values()) == sorted(CLIPS)
    assert rows["Archery/v_Archery_g01_c01"].split == "test"
    assert {item.path: item.receipt for item in receipt.inputs} == {
        f"published/{name}": None for name in FILES["ucf101"]
    }
    assert "files" not in receipt.content["params"]["params/benchmarks/mine.yaml"]["published"]
    assert str(tmp_path) not in json.dumps(receipt.content)
    after = inventory.run(project, "mine")
    assert [item.receipt for item in after.inputs] == [receipt.digest]


def test_the_stage_writes_the_same_bytes_wherever_the_files_lie(project: Project, tmp_path: Path) -> None:
    begin(project, tmp_path)
    listing.run(project, "mine")
    first = stage.run(project, "mine")
    (tmp_path / "published").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="cannot be read"):
        stage.run(project, "mine")
    file = project.params_file("benchmarks", "mine")
    file.write_text(file.read_text().replace("../published", "../elsewhere"))
    assert "../elsewhere" in file.read_text()
    assert stage.run(project, "mine").digest == first.digest


def test_classes_are_written_in_class_order_and_the_summary_states_differences(
    project: Project, tmp_path: Path
) -> None:
    begin(project, tmp_path, "epic100")
    listing.run(project, "mine")
    stage.run(project, "mine")
    assert [row["name"] for row in read_table(project.classes("mine"), ("name", "verb", "noun"))] == [
        "take tap", "take door:kitchen", "put tap",
    ]  # fmt: skip
    text = json.loads(project.annotated_summary("mine").read_bytes())
    assert text["published_splits"]["train"] == {"read": 3, "published": 67_217, "difference": 3 - 67_217}
    assert (text["classes"], text["classes_published"]) == (3, 3_806)
    assert read_receipt(project.annotate_receipt("mine")).stage == "annotate@mine"


def test_a_benchmark_without_published_annotations_is_not_annotated(project: Project, tmp_path: Path) -> None:
    begin(project, tmp_path)
    file = project.params_file("benchmarks", "mine")
    values = yaml.safe_load(file.read_text())
    del values["published"]
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(ParamsError, match=r"benchmarks/mine.yaml: has no `published`, must have it for stage annotate"):
        stage.run(project, "mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"published.split": None}, "with split for ucf101"),
        ({"published.target": "verb"}, "with target for epic100"),
        ({"published.sha256": {"../x": "0" * 64}}, "with names of files in sha256"),
        ({"published.sha256": {"x.txt": "0" * 63}}, "match pattern"),
        ({"published.sha256": {}}, "at least 1"),
        ({"published.val_share": 0.5}, "less than 0.5"),
        ({"annotations": "mine.csv"}, "with annotations: data/mine/annotated/annotations.csv"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    project: Project, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    begin(project, tmp_path)
    file = project.params_file("benchmarks", "mine")
    values = yaml.safe_load(file.read_text())
    for key, value in change.items():
        *above, last = key.split(".")
        (values[above[0]] if above else values)[last] = value
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(ParamsError, match=message):
        load(Benchmark, file)


def test_a_pinned_file_of_another_benchmark_is_refused(project: Project, tmp_path: Path) -> None:
    begin(project, tmp_path)
    listing.run(project, "mine")
    file = project.params_file("benchmarks", "mine")
    file.write_text(file.read_text().replace("trainlist01.txt", "trainlist02.txt"))
    with pytest.raises(GsfError, match=r"published.sha256 has 'trainlist02.txt', must be files of UCF101"):
        stage.run(project, "mine")
