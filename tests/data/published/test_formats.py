from __future__ import annotations

import json
from pathlib import Path

import pytest

from gsf.data.annotations import Annotation, read_annotations
from gsf.data.published.annotate import annotation_rows, class_rows, our_splits, summary
from gsf.data.published.formats import BENCHMARKS
from gsf.data.published.reading import Row
from gsf.errors import DataError
from gsf.params.benchmark import Format
from gsf.tables import write_table
from tests.data.published.small import FILES, LEFT, RIGHT, pinned, read, write

ALL: list[Format] = list(FILES)


def annotations(folder: Path, format: Format, **options: object) -> dict[str, Annotation]:
    """What later stages read, by id."""
    found = read(write(folder / "published", format), format, **options)
    write_table(folder / "annotations.csv", *annotation_rows(found))
    return {item.id: item for item in read_annotations(folder / "annotations.csv")}


def test_every_format_of_the_parameters_is_in_the_table() -> None:
    assert set(BENCHMARKS) == set(ALL) == {"ssv1", "ssv2", "kinetics400", "diving48", "epic100", "ucf101"}


@pytest.mark.parametrize("format", ALL)
def test_what_papers_report_on_becomes_test_and_val_is_empty(tmp_path: Path, format: Format) -> None:
    rows = annotations(tmp_path, format)
    assert {item.split for item in rows.values()} == {"train", "test"}
    assert sum(item.split == "test" for item in rows.values()) == 1


def test_v1_is_read_into_alphabetical_class_order_whatever_the_labels_file_says(tmp_path: Path) -> None:
    found = read(write(tmp_path, "ssv1"), "ssv1")
    assert [name for (name,) in class_rows(found)[1]] == ["Closing something", LEFT, RIGHT]
    assert {row.id: row.label for row in found.reading.rows} == {"1": 0, "2": 1, "3": 2, "4": 2}
    assert found.flip_pairs == ((LEFT, RIGHT),)
    assert "another order" in found.reading.class_order


def test_a_v1_video_is_a_folder_and_a_v2_video_a_file(tmp_path: Path) -> None:
    assert annotations(tmp_path / "1", "ssv1")["2"].path == "2"
    assert annotations(tmp_path / "2", "ssv2")["2"] == Annotation("2.webm", LEFT, "train", "2")


def test_unlabelled_tests_are_counted_and_left_out(tmp_path: Path) -> None:
    found = summary(read(write(tmp_path, "ssv1"), "ssv1"), format="ssv1")
    assert found["left_out"] == [{"part": "test", "rows": 2, "reason": "published without labels"}]
    assert found["published_splits"]["test"] == {"read": 2, "published": 10_960, "difference": 2 - 10_960}
    assert found["published_splits"]["val"]["published"] == 11_522


def test_a_list_that_is_not_here_is_not_counted(tmp_path: Path) -> None:
    found = summary(read(write(tmp_path, "kinetics400"), "kinetics400"), format="kinetics400")
    assert found["published_splits"].keys() == {"train", "val"}
    assert found["published_splits"]["train"] == {"read": 3, "published": None, "difference": None}


def test_kinetics_clips_are_named_by_video_start_and_end_and_grouped_by_video(tmp_path: Path) -> None:
    found = read(write(tmp_path, "kinetics400"), "kinetics400")
    rows = {row.path: row for row in found.reading.rows}
    assert rows["-a_b_000009_000019.mp4"].group == "-a_b"
    assert rows["xyz_000003_000013.mp4"].group == rows["xyz_000020_000030.mp4"].group == "xyz"
    assert rows["0wR5jVB-WPk_000417_000427.mp4"].part == "val"


def test_diving48_says_which_labels_it_has_and_keeps_a_class_without_videos(tmp_path: Path) -> None:
    folder = write(tmp_path / "v2", "diving48")
    found = summary(read(folder, "diving48"), format="diving48")
    assert found["version"].startswith("Diving48 V2")
    assert found["classes_without_training"] == ["Inward Dive NoTwis PIKE"]
    assert (found["flip"], found["published_splits"]["train"]["published"]) == ("free", 15_027)
    for part in ("train", "test"):
        (folder / f"Diving48_V2_{part}.json").rename(folder / f"Diving48_{part}.json")
    first = summary(read(folder, "diving48"), format="diving48")
    assert first["version"].startswith("Diving48 V1")
    assert first["published_splits"]["train"]["published"] is None


def test_lists_of_both_versions_are_not_mixed(tmp_path: Path) -> None:
    folder = write(tmp_path, "diving48")
    (folder / "Diving48_V2_test.json").rename(folder / "Diving48_test.json")
    with pytest.raises(DataError, match="must both be of V1 or both of V2"):
        read(folder, "diving48")
    (folder / "Diving48_V2_test.json").write_text("[]")
    with pytest.raises(DataError, match=r"has Diving48_V2_test\.json and Diving48_test\.json, must have one of them"):
        pinned(folder, "diving48")


def test_epic_segments_become_0_based_half_open_at_the_rate_that_their_times_say(tmp_path: Path) -> None:
    rows = annotations(tmp_path, "epic100")
    first, later = rows["P01_01_0"], rows["P01_101_0"]
    assert (first.path, first.label) == ("P01/videos/P01_01.MP4", "put tap")
    assert (first.start_frame, first.stop_frame, first.fps) == (0, 120, 60)
    assert (later.start_frame, later.stop_frame, later.fps) == (50, 600, 50)
    assert later.path == rows["P01_101_1"].path == "P01/videos/P01_101.MP4"


def test_epic_actions_are_the_pairs_that_occur_in_the_order_of_their_ids(tmp_path: Path) -> None:
    folder = write(tmp_path, "epic100")
    columns, rows = class_rows(read(folder, "epic100"))
    assert columns == ("name", "verb", "noun")
    assert rows == [
        ("take tap", "take", "tap"),
        ("take door:kitchen", "take", "door:kitchen"),
        ("put tap", "put", "tap"),
    ]
    assert class_rows(read(folder, "epic100", target="noun")) == (("name",), [("tap",), ("door:kitchen",)])
    assert [name for (name,) in class_rows(read(folder, "epic100", target="verb"))[1]] == ["take", "put"]


def test_ucf101_labels_begin_at_1_and_folder_and_file_may_differ_in_case(tmp_path: Path) -> None:
    rows = annotations(tmp_path, "ucf101")
    quirk = rows["HandstandPushups/v_HandStandPushups_g08_c01"]
    assert (quirk.label, quirk.path) == ("HandstandPushups", "HandstandPushups/v_HandStandPushups_g08_c01.avi")


def test_a_scene_in_both_lists_of_ucf101_is_an_error(tmp_path: Path) -> None:
    folder = write(tmp_path, "ucf101", testlist01_txt="Archery/v_Archery_g08_c02.avi\n")
    with pytest.raises(DataError, match=r"testlist01\.txt: group v_Archery_g08 is also in trainlist01\.txt"):
        read(folder, "ucf101")


def test_held_out_videos_keep_groups_together_and_stay_when_others_come_and_go() -> None:
    rows = [Row(f"{group}-{n}", "x", 0, "train", f"g{group}") for group in range(400) for n in range(3)]
    splits = our_splits(rows, format="kinetics400", val_share=0.1)
    by_group: dict[str, set[str]] = {}
    for row in rows:
        by_group.setdefault(row.group, set()).add(splits[row.id])
    assert all(len(found) == 1 for found in by_group.values())
    assert 20 <= sum(found == {"val"} for found in by_group.values()) <= 60
    fewer = our_splits(rows[::7], format="kinetics400", val_share=0.1)
    assert fewer == {row.id: splits[row.id] for row in rows[::7]}
    more = our_splits(rows, format="kinetics400", val_share=0.2)
    assert {name for name, split in splits.items() if split == "val"} <= {n for n, s in more.items() if s == "val"}


def test_only_training_videos_are_held_out(tmp_path: Path) -> None:
    rows = [Row(str(n), "x", 0, "val" if n % 2 else "train", str(n)) for n in range(200)]
    splits = our_splits(rows, format="ssv2", val_share=0.4)
    assert {splits[row.id] for row in rows if row.part == "val"} == {"test"}
    assert {splits[row.id] for row in rows if row.part == "train"} == {"train", "val"}


def test_a_summary_is_json_and_says_the_rule_of_the_splits(tmp_path: Path) -> None:
    for format in ALL:
        found = summary(read(write(tmp_path / format, format), format, val_share=0.1), format=format)
        assert "on which papers report; val is 0.1" in json.loads(json.dumps(found))["split_rule"]


@pytest.mark.parametrize("format", ALL)
def test_the_documentation_names_every_file_and_how_to_begin(format: Format) -> None:
    page = (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert f"--published {format}" in page
    assert not [item.names[0] for item in BENCHMARKS[format].files if f"`{item.names[0]}`" not in page]


def test_the_page_on_extending_names_every_module_that_lists_the_formats() -> None:
    root = Path(__file__).parents[3]
    page = (root / "docs/extending.md").read_text(encoding="utf-8")
    rows = page[page.index("## A benchmark") : page.index("## A backbone")]
    modules = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.glob("gsf/**/*.py")}
    listing = [name for name, text in modules.items() if all(f'"{format}"' in text for format in ALL)]
    assert "gsf/data/published/formats.py" in listing
    assert not [name for name in listing if f"| `{name}` |" not in rows]
