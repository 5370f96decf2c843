from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlcroissant
import pytest

from gsf.cli import main
from gsf.data import inventory, listing, manifest
from gsf.data.init.published import init_published
from gsf.data.published import stage
from gsf.errors import DataError, ParamsError, ProvenanceError
from gsf.exchange.croissant import export_croissant
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import read_receipt
from gsf.store import extract
from tests.data.project import SHARDS, make_project, make_video, write_benchmark
from tests.data.published.small import write
from tests.proof.finished import commit

ABOUT = """\
name: arrow
description: Arrows that move.
url: https://example.org/arrow
licence: CC-BY-4.0
citation: Somebody, Arrows, 2023
creators: [{name: Somebody, kind: person}, {name: Some Place, kind: organization}]
published: 2023-02-01
version: 1.0.0
"""
# of mlcroissant's own libraries
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated", "ignore:The inplace keyword")
RECOMMENDED = ("citeAs", "datePublished", "license", "version")


def read(folder: Path) -> tuple[mlcroissant.Dataset, set[str]]:
    """A description as mlcroissant reads it, and its warnings; raises where it is invalid."""
    dataset = mlcroissant.Dataset(folder / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    return dataset, set(dataset.metadata.ctx.issues.warnings)


def records(dataset: mlcroissant.Dataset, name: str) -> list[dict[str, Any]]:
    """Records of a set, by the plain names of their fields."""
    return [
        {key.split("/", 1)[1]: value.decode() if isinstance(value, bytes) else value for key, value in row.items()}
        for row in dataset.records(name)
    ]


def rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a manifest, with its three numbers as numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        numbers = ("class_index", "start", "frames")
        return [row | {name: int(row[name]) for name in numbers} for row in csv.DictReader(file)]


def extracted(project: Project, name: str) -> None:
    """The stages from the listing of a benchmark to its manifest."""
    listing.run(project, name)
    if project.params_file("benchmarks", name).read_text().find("published:") >= 0:
        stage.run(project, name)
    inventory.run(project, name)
    for table in sorted((project.data(name) / "plan").glob("*.csv")):
        extract.run(project, name, table.stem, processes=1)
    manifest.run(project, name)


@pytest.fixture(scope="session")
def arrow(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("croissant") / "arrow"
    export_croissant(finished, "arrow", folder)
    return folder


def test_the_records_are_the_rows_of_the_manifest(finished: Project, arrow: Path) -> None:
    dataset, _ = read(arrow)
    assert records(dataset, "clips") == rows(finished.manifest("arrow"))


def test_splits_labels_and_videos_are_records_too(finished: Project, arrow: Path) -> None:
    dataset, _ = read(arrow)
    splits = {item["name"]: item["url"] for item in records(dataset, "splits")}
    assert splits == {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
    classes = json.loads(finished.manifest_info("arrow").read_bytes())["classes"]
    assert [(item["class_index"], item["name"]) for item in records(dataset, "labels")] == list(enumerate(classes))
    videos = {item["path"]: item["sha256"] for item in records(dataset, "videos")}
    folder = finished.root / "data" / "arrow" / "videos"
    assert videos == {path.relative_to(folder).as_posix(): sha256_file(path) for path in folder.rglob("*.mp4")}


def test_every_file_has_the_sha256_that_it_has_and_shards_that_of_their_receipts(
    finished: Project, arrow: Path
) -> None:
    listed = {item["@id"]: item for item in json.loads((arrow / "croissant.json").read_bytes())["distribution"]}
    here = {path.name for path in arrow.iterdir()} - {"croissant.json"}
    assert listed.keys() == here | {"shards/00.lmdb", "shards/01.lmdb"}
    for name in here:
        assert listed[name]["sha256"] == sha256_file(arrow / name)
        assert listed[name]["contentSize"] == f"{(arrow / name).stat().st_size} B"
    for shard in ("00", "01"):
        assert listed[f"shards/{shard}.lmdb"]["sha256"] == sha256_file(finished.shard("arrow", shard))
    manifest_receipt = read_receipt(finished.manifest_receipt("arrow"))
    assert listed["manifest.csv"]["sha256"] == manifest_receipt.outputs["data/arrow/manifest.csv"]


def test_what_is_not_stated_is_left_out_and_said(arrow: Path) -> None:
    _, warnings = read(arrow)
    assert {warning.split('"')[1].rsplit("/", 1)[1] for warning in warnings} == set(RECOMMENDED)
    content = json.loads((arrow / "croissant.json").read_bytes())
    assert "Not stated: license, url, citeAs, creator, datePublished, version." in content["description"]
    assert not {"license", "url", "citeAs", "creator", "datePublished", "version"} & content.keys()


def test_what_params_about_states_is_there(finished_copy: Callable[[], Project], tmp_path: Path) -> None:
    project = finished_copy()
    path = project.params_file("about", "arrow")
    path.parent.mkdir()
    path.write_text(ABOUT, encoding="utf-8")
    outcome = export_croissant(project, "arrow", tmp_path / "arrow")
    assert outcome.unknown == ()
    dataset, warnings = read(tmp_path / "arrow")
    assert not warnings
    found = dataset.metadata
    assert (found.license, found.url, found.version) == (["CC-BY-4.0"], "https://example.org/arrow", "1.0.0")
    assert (found.cite_as, found.date_published.isoformat()[:10]) == ("Somebody, Arrows, 2023", "2023-02-01")
    assert [creator.name for creator in found.creators] == ["Somebody", "Some Place"]
    assert str(found.description).startswith("Arrows that move. Videos of 12 actions (12 train, 12 val, 12 test;")
    path.write_text("name: arrow\nlicense: mine\n", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"about/arrow\.yaml: license is 'mine', must not be there"):
        export_croissant(project, "arrow", tmp_path / "again")


def test_a_changed_list_is_refused_by_who_reads_the_records(arrow: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(arrow, tmp_path / "arrow"))
    data = bytearray((folder / "manifest.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "manifest.parquet").write_bytes(data)
    dataset, _ = read(folder)
    with pytest.raises(Exception, match=r"during the operation Download\(manifest\.parquet\)") as error:
        records(dataset, "clips")
    assert "not identical with the reference" in str(error.value.__cause__)


def test_a_fresh_clone_without_data_gives_the_same_bytes(finished: Project, arrow: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", str(finished.root), str(tmp_path / "clone")], check=True)
    export_croissant(Project(tmp_path / "clone"), "arrow", tmp_path / "again")
    found, again = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (arrow, tmp_path / "again")
    )
    assert again == found


def test_names_that_look_like_numbers_or_like_nothing_stay_as_they_are(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    names = ["007.mp4", "1e5.mp4", "NaN.mp4", "-c, d.mp4"]
    labels = ["01", "NaN", "null", "01"]
    write_benchmark(project, list(zip(names, labels, ["train", "train", "train", "test"], strict=True)))
    for number, name in enumerate(names):
        make_video(project.root / "videos" / name, shade=20 + 50 * number)
    extracted(project, "toy")
    export_croissant(project, "toy", tmp_path / "toy")
    dataset, _ = read(tmp_path / "toy")
    found = records(dataset, "clips")
    assert found == rows(project.manifest("toy"))
    assert {item["label"] for item in found} == {"01", "NaN", "null"}
    assert {item["shard"] for item in found} <= {f"{number:02d}" for number in range(SHARDS)}
    assert {item["name"] for item in records(dataset, "splits")} == {"train", "test"}
    assert [item["sha256"] for item in records(dataset, "videos")]


def test_a_published_benchmark_is_described_like_any_other(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    clips = ("v_Archery_g08_c01.avi", "v_HandstandPushups_g08_c01.avi", "v_Archery_g01_c01.mp4")
    for number, name in enumerate(clips):
        make_video(tmp_path / "videos" / name, shade=40 + 60 * number)
    folder = write(tmp_path / "published", "ucf101")
    init_published(project, "mine", tmp_path / "videos", format="ucf101", annotations=folder)
    extracted(project, "mine")
    export_croissant(project, "mine", tmp_path / "mine")
    dataset, _ = read(tmp_path / "mine")
    assert records(dataset, "clips") == rows(project.manifest("mine"))
    assert [item["name"] for item in records(dataset, "labels")] == ["Archery", "HandstandPushups"]
    assert str(tmp_path) not in (tmp_path / "mine" / "croissant.json").read_text(encoding="utf-8")


def test_lists_that_are_not_here_or_not_what_they_were_are_errors(
    finished_copy: Callable[[], Project], tmp_path: Path
) -> None:
    project = finished_copy()
    with pytest.raises(DataError, match=r"data/nope/manifest\.csv: is not here"):
        export_croissant(project, "nope", tmp_path / "nope")
    with project.inventory("arrow").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ProvenanceError, match=r"inventory\.csv: does not belong to the manifest beside it"):
        export_croissant(project, "arrow", tmp_path / "arrow")
    with project.manifest("arrow").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ProvenanceError, match=r"manifest\.csv: no receipt here lists these bytes"):
        export_croissant(project, "arrow", tmp_path / "arrow")
    assert not (tmp_path / "arrow").exists()


def test_studies_on_different_manifests_are_an_error(finished_copy: Callable[[], Project], tmp_path: Path) -> None:
    project = finished_copy()
    shutil.copytree(project.results("demo"), project.results("other"))
    other = project.results("other") / "evidence" / "arrow" / "manifest.csv"
    other.write_bytes(other.read_bytes() + b"\n")
    shutil.rmtree(project.root / "data")
    commit(project)
    with pytest.raises(ProvenanceError, match="studies rest on different manifests"):
        export_croissant(project, "arrow", tmp_path / "arrow")


def test_the_command_line_says_what_is_not_stated(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished.root)
    assert main(["export-croissant", "arrow", "--to", str(tmp_path / "arrow")]) == 0
    text = capsys.readouterr().out
    assert "36 records; 2 shards by their sha256, not copied" in text
    assert "not stated, so left out: license, url" in text
    assert main(["export-croissant", "arrow", "--to", str(tmp_path / "arrow")]) == 1
    assert "must be a new or an empty folder" in capsys.readouterr().err
