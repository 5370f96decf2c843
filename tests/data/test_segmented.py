"""Segments of long videos, missing videos and published classes through inventory, extraction and manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from gsf.data import inventory, listing, manifest
from gsf.data.columns import INVENTORY
from gsf.data.decode import decode_frames
from gsf.data.inputs import shard_paths, split_of
from gsf.data.lists import read_manifest
from gsf.data.videos import Split, Videos
from gsf.errors import DataError, ShardError
from gsf.project import Project
from gsf.proof.deep import check_videos
from gsf.provenance.receipt import StageResult, read_receipt, root_input, seal
from gsf.store import extract
from gsf.store.plan import read_plan
from gsf.store.reader import ShardReader
from gsf.tables import read_table, write_table
from tests.data.project import SHARDS, make_project, make_video, pretend_extracted, write_benchmark

COLUMNS = ("id", "path", "label", "split", "start_frame", "stop_frame", "fps")
# two videos of 12 frames, 10 a second
ROWS = [
    ("k1", "long/a.mp4", "cut", "train", 0, 4, ""),
    ("k2", "long/a.mp4", "wash", "train", 3, 9, ""),
    ("k3", "long/b.mp4", "cut", "test", 8, 20, ""),
    ("k4", "long/b.mp4", "wash", "test", 12, 14, ""),
    ("k5", "long/b.mp4", "wash", "val", 2, 6, "5"),
]


def write_segments(project: Project, rows: Sequence[Sequence[object]] = ROWS, **how: Any) -> None:
    write_benchmark(project, [], **how)
    write_table(project.root / "params/benchmarks/toy.csv", COLUMNS, rows)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path)
    for number, name in enumerate(("long/a.mp4", "long/b.mp4")):
        make_video(project.root / "videos" / name, shade=40 + 90 * number, frames=12)
    write_segments(project)
    return project


def prepare(project: Project, *, really: bool = False, **extraction: Any) -> dict[str, Any]:
    """Run the stages up to the manifest; returns manifest.json."""
    listing.run(project, "toy")
    inventory.run(project, "toy")
    if really:
        for shard in range(SHARDS):
            extract.run(project, "toy", f"{shard:02d}", processes=1)
    else:
        pretend_extracted(project, **{"frames": 12, **extraction})
    manifest.run(project, "toy")
    info: dict[str, Any] = json.loads(project.manifest_info("toy").read_text())
    return info


def places(project: Project) -> dict[str, tuple[str, int, int]]:
    found = read_manifest(project, "toy")
    return dict(zip(found.ids, zip(found.videos, found.starts, found.frames, strict=True), strict=True))


def test_segments_share_the_frames_of_their_video_and_their_row_of_the_plan(project: Project) -> None:
    info = prepare(project)
    assert places(project) == {
        "k1": ("long/a.mp4", 0, 4),
        "k2": ("long/a.mp4", 3, 6),
        "k3": ("long/b.mp4", 8, 4),
        "k5": ("long/b.mp4", 4, 8),  # frames 2 to 6 at 5 a second are 4 to 12 of the video's own
    }
    planned = [v.id for n in range(SHARDS) for v in read_plan(project.shard_plan("toy", f"{n:02d}"))]
    assert sorted(planned) == ["long/a.mp4", "long/b.mp4"]
    assert (info["videos"], info["counts"]) == (4, {"train": 2, "val": 1, "test": 1})
    facts = read_receipt(project.inventory_receipt("toy")).facts
    assert (facts["annotations"], facts["videos"]) == (5, 2)


def test_a_segment_behind_the_last_frame_is_excluded_and_a_shortened_one_is_listed(project: Project) -> None:
    info = prepare(project)
    assert info["excluded"] == [
        {
            "id": "k4",
            "split": "test",
            "label": "wash",
            "reason": "k4: begins at frame 12, behind the last one of its video",
        }
    ]
    assert info["excluded_counts"] == {"train": 0, "val": 0, "test": 1}
    assert info["shortened"] == [{"id": "k3", "frames": 4, "annotated": 12}]
    assert info["shortened_count"] == 1


def test_with_a_frame_rate_of_the_extraction_segments_are_found_among_the_stored_frames(project: Project) -> None:
    file = project.params_file("benchmarks", "toy")
    file.write_text(file.read_text().replace("short_side: 32,", "short_side: 32, fps: 5,"))
    prepare(project, frames=6)
    assert places(project) == {
        "k1": ("long/a.mp4", 0, 2),
        "k2": ("long/a.mp4", 2, 3),
        "k3": ("long/b.mp4", 4, 2),
        "k5": ("long/b.mp4", 2, 4),
    }


def test_all_segments_of_an_excluded_video_are_excluded_with_its_reason(project: Project) -> None:
    info = prepare(project, reasons={"long/b.mp4": "long/b.mp4: bad"})
    assert {row["id"]: row["reason"] for row in info["excluded"]} == dict.fromkeys(
        ("k3", "k4", "k5"), "long/b.mp4: bad"
    )


def test_loaders_read_the_frames_of_a_segment_and_no_others(project: Project) -> None:
    prepare(project, really=True)
    found = read_manifest(project, "toy")
    videos = Videos(split_of(found, "train"), shard_paths(project, "toy", found))
    stored = ShardReader(project.shard("toy", found.shards[0]))["long/a.mp4"]
    assert torch.equal(videos.decode(1, [0, 5, 0]), decode_frames(stored.read_many([3, 8, 3]), names=["", "", ""]))
    with pytest.raises(IndexError, match=r"frame 6 of 6"):
        videos.decode(1, [6])


def test_a_segment_that_its_shard_does_not_hold_is_an_error_that_names_both(project: Project) -> None:
    prepare(project, really=True)
    found = read_manifest(project, "toy")
    split = Split(["k2"], [0], [6], [found.shards[0]], videos=["long/a.mp4"], starts=[9])
    with pytest.raises(ShardError, match=r"video long/a\.mp4 has 12 frames, the manifest says 9 to 15 of it for k2"):
        Videos(split, shard_paths(project, "toy", found)).frames_of(0)


def test_a_manifest_needs_plans_that_are_those_of_its_inventory(project: Project) -> None:
    prepare(project)
    table = project.inventory("toy")
    rows = read_table(table, INVENTORY)
    for row in rows:
        row["frames"] = "11"
    write_table(table, INVENTORY, [list(row.values()) for row in rows])
    receipt = read_receipt(project.inventory_receipt("toy"))
    plans = [project.root / name for name in receipt.outputs if name.endswith(".receipt.json")]
    result = StageResult("inventory@toy", ["gsf", "inventory", "toy"], {}, [], [table, *plans], "gsf.store.plan")
    seal(project, result, project.inventory_receipt("toy"))
    with pytest.raises(DataError, match=r"was extracted from another data/toy/plan/0\d\.csv than the inventory's rows"):
        manifest.run(project, "toy")


class TestMissing:
    """Annotated videos that are not in the folder."""

    @pytest.fixture
    def incomplete(self, project: Project) -> Project:
        rows = [
            *ROWS,
            ("k6", "long/gone.mp4", "cut", "val", 0, 4, ""),
            ("k7", "long/gone.mp4", "cut", "train", 4, 8, ""),
        ]
        write_segments(project, rows)
        return project

    def test_stop_lists_them_and_says_what_to_do(self, incomplete: Project) -> None:
        with pytest.raises(DataError, match=r"(?s)1 videos are not in the folder.*long/gone\.mp4.*on_missing: exclude"):
            prepare(incomplete)

    def test_exclude_keeps_their_rows_with_the_reason_counted_by_split(self, incomplete: Project) -> None:
        file = incomplete.params_file("benchmarks", "toy")
        file.write_text(file.read_text() + "on_missing: exclude\n")
        info = prepare(incomplete)
        assert info["excluded_counts"] == {"train": 1, "val": 1, "test": 1}
        reasons = {row["id"]: row["reason"] for row in info["excluded"]}
        assert reasons["k6"] == "long/gone.mp4: is not in the folder of videos"
        row = next(row for row in read_table(incomplete.inventory("toy"), INVENTORY) if row["id"] == "k6")
        assert (row["sha256"], row["bytes"]) == ("", "0")
        receipt = read_receipt(incomplete.inventory_receipt("toy"))
        assert (receipt.facts["missing"], receipt.facts["videos"]) == (2, 2)
        checked: dict[str, int] = {}
        assert list(check_videos(incomplete, "", [receipt], checked, [])) == []
        assert checked == {"videos": 2}


class TestPublished:
    """Classes of a published benchmark: their order is the authors'."""

    @pytest.fixture
    def published(self, project: Project) -> Project:
        table, classes = project.annotated("toy") / "annotations.csv", project.classes("toy")
        write_table(table, COLUMNS, ROWS)
        write_table(classes, ("name", "verb", "noun"), [("wash", "w", "x"), ("never", "n", "y"), ("cut", "c", "z")])
        file = project.params_file("benchmarks", "toy")
        text = file.read_text().replace("params/benchmarks/toy.csv", "data/toy/annotated/annotations.csv")
        file.write_text(
            text + "published: {format: epic100, target: action, files: published, sha256: {a.csv: " + "a" * 64 + "}}\n"
        )
        inputs = [root_input(project, project.root / "dvc.yaml")]
        result = StageResult("annotate@toy", ["gsf", "annotate", "toy"], {}, inputs, [table, classes], "gsf.store.plan")
        seal(project, result, project.annotate_receipt("toy"))
        return project

    def test_the_order_and_a_class_without_videos_are_kept_and_listed(self, published: Project) -> None:
        info = prepare(published)
        assert info["classes"] == ["wash", "never", "cut"]
        assert info["class_order"] == "as published (epic100): that of data/toy/annotated/classes.csv"
        assert info["class_parts"][1] == {"verb": "n", "noun": "y"}
        assert info["untrained"] == ["never"]
        found = read_manifest(published, "toy")
        assert dict(zip(found.ids, found.class_indices, strict=True))["k1"] == 2
        inputs = {item.path: item.receipt for item in read_receipt(published.manifest_receipt("toy")).inputs}
        assert inputs["data/toy/annotated/classes.csv"] == read_receipt(published.annotate_receipt("toy")).digest

    def test_a_label_that_is_no_published_class_is_an_error(self, published: Project) -> None:
        write_table(published.classes("toy"), ("name",), [("wash",)])
        result = StageResult(
            stage="annotate@toy",
            command=["gsf", "annotate", "toy"],
            params={},
            inputs=[],
            outputs=[published.annotated("toy") / "annotations.csv", published.classes("toy")],
            entry="gsf.store.plan",
        )
        seal(published, result, published.annotate_receipt("toy"))
        with pytest.raises(DataError, match="has the class 'cut', must be one of the published"):
            prepare(published)

    def test_the_same_bytes_under_two_labels_are_told_and_no_error(self, published: Project) -> None:
        """Nobody can edit published annotations."""
        table = published.annotated("toy") / "annotations.csv"
        write_table(
            table, ("path", "label", "split"), [("long/a.mp4", "cut", "train"), ("long/b.mp4", "wash", "train")]
        )
        inputs = [root_input(published, published.root / "dvc.yaml")]
        written = [table, published.classes("toy")]
        result = StageResult("annotate@toy", ["gsf", "annotate", "toy"], {}, inputs, written, "gsf.store.plan")
        seal(published, result, published.annotate_receipt("toy"))
        (published.root / "videos/long/b.mp4").write_bytes((published.root / "videos/long/a.mp4").read_bytes())
        prepare(published)
        (told,) = read_receipt(published.inventory_receipt("toy")).facts["contradictions"]
        assert told == "long/a.mp4 and long/b.mp4 are the same video under two labels, 'cut' and 'wash'"
