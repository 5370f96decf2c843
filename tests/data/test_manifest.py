from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gsf.data import inventory, listing, manifest
from gsf.data.columns import MANIFEST
from gsf.data.lists import read_manifest
from gsf.errors import DataError, ParamsError, ProvenanceError
from gsf.project import Project
from gsf.store.plan import read_plan, shard_of
from gsf.tables import read_table
from tests.data.project import ROWS, SHARDS, pretend_extracted, pretend_table, toy, write_benchmark


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return toy(tmp_path)


def _prepare(project: Project, **extraction: Any) -> None:
    listing.run(project, "toy")
    inventory.run(project, "toy")
    pretend_extracted(project, **extraction)


def test_lists_are_ordered_by_split_and_id_with_sorted_classes(project: Project) -> None:
    write_benchmark(project, labels="{flip: swap, flip_pairs: [[left, right]], reversal_pairs: [[right, left]]}")
    _prepare(project)
    receipt = manifest.run(project, "toy")
    rows = read_table(project.manifest("toy"), MANIFEST)
    assert {(row["video"] == row["id"], row["start"]) for row in rows} == {(True, "0")}
    assert [(row["id"], row["split"], row["class_index"], row["frames"]) for row in rows] == [
        ("left/a.mp4", "train", "0", "3"),
        ("right/-c.mp4", "train", "1", "3"),
        ("left/b.mp4", "val", "0", "3"),
        ("right/d.mp4", "test", "1", "3"),
    ]
    info = json.loads(project.manifest_info("toy").read_text())
    assert info == {
        "benchmark": "toy",
        "class_order": "sorted by name",
        "classes": ["left", "right"],
        "untrained": [],
        "flip": "swap",
        "flip_pairs": [["left", "right"]],
        "reversal_pairs": [["right", "left"]],
        "counts": {"train": 2, "val": 1, "test": 1},
        "videos": 4,
        "shortened_count": 0,
        "shortened": [],
        "excluded_count": 0,
        "excluded_counts": {"train": 0, "val": 0, "test": 0},
        "excluded": [],
    }
    assert receipt.stage == "manifest@toy"
    counts = {"classes": 2, "videos": 4, "excluded": 0, "shortened": 0, "frames": 12, "train": 2, "val": 1, "test": 1}
    assert receipt.facts == counts
    tables = {item.path: item.receipt for item in receipt.inputs}
    assert tables.keys() == {"data/toy/inventory.csv", *(f"data/toy/extracted/{n:02d}.csv" for n in range(SHARDS))}
    assert None not in tables.values()
    assert set(receipt.content["params"]["params/benchmarks/toy.yaml"]) == {"shards", "extract", "labels"}


def test_what_was_written_is_read_back_as_columns(project: Project) -> None:
    _prepare(project)
    manifest.run(project, "toy")
    found = read_manifest(project, "toy")
    assert len(found) == 4
    assert tuple(found.ids) == ("left/a.mp4", "right/-c.mp4", "left/b.mp4", "right/d.mp4")
    assert tuple(found.splits) == ("train", "train", "val", "test")
    assert tuple(found.class_indices) == (0, 1, 0, 1)
    assert tuple(found.frames) == (3, 3, 3, 3)
    assert tuple(found.shards) == tuple(shard_of(name, SHARDS) for name in found.ids)
    assert (found.classes, found.flip, found.flip_pairs, found.excluded) == (("left", "right"), "free", (), ())


def test_an_excluded_video_is_listed_with_its_reason_and_counted(project: Project) -> None:
    _prepare(project, reasons={"right/d.mp4": "cannot be decoded: bad"})
    receipt = manifest.run(project, "toy")
    found = read_manifest(project, "toy")
    assert "right/d.mp4" not in found.ids
    assert found.excluded == (
        {"id": "right/d.mp4", "split": "test", "label": "right", "reason": "cannot be decoded: bad"},
    )
    assert receipt.facts["excluded"] == 1
    assert json.loads(project.manifest_info("toy").read_text())["counts"] == {"train": 2, "val": 1, "test": 0}


@pytest.mark.parametrize("key", ["flip_pairs", "reversal_pairs"])
def test_a_pair_must_name_classes(project: Project, key: str) -> None:
    write_benchmark(project, labels=f"{{flip: swap, {key}: [[left, rihgt]]}}")
    _prepare(project)
    with pytest.raises(ParamsError, match=rf"params/benchmarks/toy\.yaml: labels\.{key} is .*no 'rihgt'"):
        manifest.run(project, "toy")


def test_a_class_without_training_videos_is_an_error(project: Project) -> None:
    write_benchmark(project, [(name, label, "test" if label == "right" else split) for name, label, split in ROWS])
    _prepare(project)
    with pytest.raises(DataError, match=r"(?s)1 of 2 classes have no training video.*right: only in val or test"):
        manifest.run(project, "toy")


def test_a_class_whose_training_videos_are_all_unreadable_is_an_error(project: Project) -> None:
    _prepare(project, reasons={"left/a.mp4": "damaged"})
    with pytest.raises(DataError, match=r"left: 1 annotated for training, 1 unreadable"):
        manifest.run(project, "toy")


def _planned_rows(project: Project, shard: str) -> list[tuple[object, ...]]:
    return [(video.id, 3, 48, 32, 999, "") for video in read_plan(project.shard_plan("toy", shard))]


def test_an_extraction_must_hold_exactly_what_was_planned(project: Project) -> None:
    _prepare(project)
    shard = shard_of("left/a.mp4", SHARDS)
    rows = _planned_rows(project, shard)
    pretend_table(project, shard, [row for row in rows if row[0] != "left/a.mp4"])
    with pytest.raises(DataError, match=rf"{shard}\.csv: lacks 1 videos, such as left/a\.mp4.*gsf extract toy {shard}"):
        manifest.run(project, "toy")
    pretend_table(project, shard, [*rows, ("more.mp4", 3, 48, 32, 999, "")])
    with pytest.raises(DataError, match=r"has the unplanned 1 videos, such as more\.mp4"):
        manifest.run(project, "toy")
    pretend_table(project, shard, [*rows, rows[0]])
    with pytest.raises(DataError, match="names a video twice"):
        manifest.run(project, "toy")
    pretend_table(project, shard, [(row[0], 0, *row[2:]) for row in rows])
    with pytest.raises(DataError, match="has '0' frames and no reason"):
        manifest.run(project, "toy")


def test_a_table_changed_by_hand_is_an_error(project: Project) -> None:
    _prepare(project)
    table = project.extracted("toy", shard_of("left/a.mp4", SHARDS))
    table.write_text(table.read_text().replace("a.mp4,3,", "a.mp4,5,"))
    with pytest.raises(ProvenanceError, match="was changed after stage extract@toy"):
        manifest.run(project, "toy")


def test_a_receipt_whose_counts_are_not_those_of_its_table_is_an_error(project: Project) -> None:
    _prepare(project)
    shard = shard_of("left/a.mp4", SHARDS)
    path = project.extract_receipt("toy", shard)
    frames = 3 * len(_planned_rows(project, shard))
    path.write_text(path.read_text().replace(f'"frames":{frames}', f'"frames":{frames + 1}'))
    with pytest.raises(DataError, match=f"frames is {frames}, its receipt says {frames + 1}"):
        manifest.run(project, "toy")


def test_another_number_of_shards_than_the_inventory_was_made_with_is_an_error(project: Project) -> None:
    _prepare(project)
    file = project.params_file("benchmarks", "toy")
    file.write_text(file.read_text().replace(f"shards: {SHARDS}", f"shards: {SHARDS - 1}"))
    with pytest.raises(DataError, match=r"run `gsf inventory toy`"):
        manifest.run(project, "toy")


def test_damaged_or_missing_manifests_cannot_be_read(project: Project) -> None:
    with pytest.raises(DataError, match="no such table"):
        read_manifest(project, "toy")
    _prepare(project)
    manifest.run(project, "toy")
    info = project.manifest_info("toy")
    good = info.read_text()
    info.write_text(good.replace('"left",\n    "right"', '"right",\n    "left"'))
    with pytest.raises(DataError, match="class indices are not those of"):
        read_manifest(project, "toy")
    info.write_text("{}")
    with pytest.raises(DataError, match=r"is damaged.*gsf manifest toy"):
        read_manifest(project, "toy")
    info.unlink()
    with pytest.raises(DataError, match="no such file"):
        read_manifest(project, "toy")
