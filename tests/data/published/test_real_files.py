"""The published files themselves, where they lie beside the project. Training lists that are not there are made up."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gsf.data.mirror import guess
from gsf.data.published.annotate import Annotated, summary
from gsf.params.benchmark import Format
from tests.data.published.small import EPIC_HEADER, epic_row, read
from tests.shared import needs_shared, shared_folder

pytestmark = needs_shared


def real(folder: str) -> Path:
    found = shared_folder()
    assert found is not None
    return found / "real" / "annotations" / folder


def linked(target: Path, source: Path, **made_up: str) -> Path:
    """A folder with links to all real files, and made-up ones."""
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).symlink_to(path)
    for name, text in made_up.items():
        (target / name.replace("__", ".").replace("_V_", "-")).write_text(text)
    return target


def counts(found: Annotated, format: Format) -> dict[str, dict[str, Any]]:
    parts: dict[str, dict[str, Any]] = summary(found, format=format)["published_splits"]
    return parts


@pytest.mark.parametrize("split", [1, 2, 3])
def test_ucf101_has_the_published_counts_in_every_split(split: int) -> None:
    found = read(real("ucf101"), "ucf101", split=split)
    assert [part["difference"] for part in counts(found, "ucf101").values()] == [0, 0]
    assert found.reading.classes[36].name == "HandstandPushups"
    assert {row.path.split("/")[1][:20] for row in found.reading.rows if row.label == 36} == {"v_HandStandPushups_g"}


def test_diving48_v2_has_the_published_counts_and_no_video_of_one_class() -> None:
    found = read(real("diving48_v2"), "diving48")
    assert [part["difference"] for part in counts(found, "diving48").values()] == [0, 0]
    assert {row.label for row in found.reading.rows} == set(range(48)) - {30}
    assert sum(row.id.startswith("-") for row in found.reading.rows) > 0
    assert summary(found, format="diving48")["groups_in_training_and_test"] == 0


def test_kinetics_400_validation_has_the_published_count(tmp_path: Path) -> None:
    text = "label,youtube_id,time_start,time_end,split,is_cc\nzumba,-a,1,11,train,0\n"
    folder = linked(tmp_path / "k", real("kinetics"))
    (folder / "kinetics-400_train.csv").write_text(text)
    found = read(folder, "kinetics400")
    assert counts(found, "kinetics400")["val"]["difference"] == 0
    assert len(found.reading.classes) == 400
    assert sum(row.path.startswith("-") for row in found.reading.rows) > 100


def test_something_something_v2_templates_are_its_174_classes_in_published_order(tmp_path: Path) -> None:
    folder = linked(tmp_path / "s", real("ssv2"))
    train = '[{"id": "1", "template": "Closing [something]"}]'
    (folder / "something-something-v2-train.json").write_text(train)
    found = read(folder, "ssv2")
    assert counts(found, "ssv2")["val"]["difference"] == 0
    assert len(found.reading.classes) == len({row.label for row in found.reading.rows}) == 174
    names = [item.name for item in found.reading.classes]
    assert [(names.index(one), names.index(other)) for one, other in found.flip_pairs] == [
        (86, 87), (93, 94), (166, 167),
    ]  # fmt: skip


def test_the_published_order_of_v1_is_another_one_and_its_pairs_stand_elsewhere(tmp_path: Path) -> None:
    published = (real("ssv1") / "class_names_published_order.txt").read_text().splitlines()
    pairs = sorted(sorted(published.index(name) for name in pair) for pair in guess(published).pairs)
    assert pairs == [[2, 4], [30, 41], [52, 66]]
    folder = tmp_path / "v1"
    folder.mkdir()
    (folder / "something-something-v1-labels.csv").write_text("\n".join(published))
    (folder / "something-something-v1-train.csv").write_text(f"1;{published[0]}\n")
    (folder / "something-something-v1-validation.csv").write_text(f"2;{published[2]}\n")
    found = read(folder, "ssv1")
    names = [item.name for item in found.reading.classes]
    assert names == sorted(published)
    assert [(names.index(one), names.index(other)) for one, other in found.flip_pairs] == [
        (86, 87), (93, 94), (166, 167),
    ]  # fmt: skip


def test_epic_kitchens_validation_counts_frames_at_60_a_second_whatever_the_videos_rate(tmp_path: Path) -> None:
    folder = linked(tmp_path / "e", real("epic100"))
    row = epic_row("P02_01_0", "P02_01", start=1, stop=600, rate=50, verb=0, noun=0)
    (folder / "EPIC_100_train.csv").write_text(f"{EPIC_HEADER}\n{row}\n")
    found = read(folder, "epic100")
    assert counts(found, "epic100")["val"]["difference"] == 0
    subsets = summary(found, format="epic100")["subsets"]
    assert subsets == {"unseen": 1_065, "tail verb": 1_760, "tail noun": 1_900, "tail action": 3_105}
    assert Counter(row.fps for row in found.reading.rows) == {"60": 9_668, "50": 1}
    first = next(row for row in found.reading.rows if row.id == "P01_11_1")
    assert (first.start_frame, first.stop_frame, first.path) == (92, 147, "P01/videos/P01_11.MP4")
    for target, number in (("verb", 97), ("noun", 300)):
        assert len(read(folder, "epic100", target=target).reading.classes) == number
    named = found.reading.classes[first.label]
    assert (named.name, named.verb, named.noun) == ("put plate", "put", "plate")
