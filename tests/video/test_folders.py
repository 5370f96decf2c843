"""A folder of JPEG pictures as a video: its bytes unchanged, or a named reason why not."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gsf.data import inventory, listing
from gsf.errors import DataError, PipelineError, VideoError
from gsf.project import Project
from gsf.proof.verify import verify
from gsf.store import extract
from gsf.store.reader import ShardReader
from gsf.tables import read_table, write_table
from gsf.video.folders import folder_frames, folder_sha256, picture_names, probe_folder, scan_folders
from gsf.video.pictures import MAX_BYTES, read

PARAMS = """\
name: pictures
videos: frames
source: jpeg_folders
annotations: params/benchmarks/pictures.csv
shards: 1
on_unreadable: exclude
extract: {max_seconds: 60, max_frames: 12, max_pixels: 10000}
labels: {flip: free}
"""


def jpeg(seed: int = 0, *, size: tuple[int, int] = (32, 24), mode: str = "RGB", progressive: bool = False) -> bytes:
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    out = io.BytesIO()
    Image.frombytes(mode, size, pixels.tobytes()).save(out, "JPEG", progressive=progressive)
    return out.getvalue()


def fill(folder: Path, pictures: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
    return folder


def frames(folder: Path) -> list[bytes]:
    return list(folder_frames(folder, name=folder.name, max_frames=12, max_pixels=10_000, max_seconds=30))


def test_pictures_come_in_the_order_of_their_numbers_and_unchanged(tmp_path: Path) -> None:
    pictures = {f"{n}.jpg": jpeg(n) for n in range(1, 12)}
    assert frames(fill(tmp_path / "a", pictures)) == [pictures[f"{n}.jpg"] for n in range(1, 12)]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("form", ["{:05d}.jpg", "img_{:05d}.JPG", "frame_{:010d}.jpeg", "v-2 {}.jpg"])
def test_usual_names_are_taken(tmp_path: Path, form: str, first: int) -> None:
    names = [form.format(n) for n in range(first, first + 11)]
    assert picture_names(fill(tmp_path / "a", dict.fromkeys(names, b"")), name="a") == names


@pytest.mark.parametrize(("mode", "progressive"), [("L", False), ("RGB", True), ("L", True)])
def test_grey_and_progressive_pictures_are_frames(tmp_path: Path, mode: str, progressive: bool) -> None:
    picture = jpeg(mode=mode, progressive=progressive)
    assert frames(fill(tmp_path / "a", {"1.jpg": picture})) == [picture]


def spoilt(data: bytes) -> bytes:
    return data[: len(data) // 2]


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 24)).save(out, "PNG")
    return out.getvalue()


BAD: dict[str, tuple[dict[str, Callable[[], bytes]], str]] = {
    "empty": ({}, "holds no picture"),
    "gap": ({"1.jpg": jpeg, "3.jpg": jpeg}, r"the picture before 3\.jpg is missing"),
    "late": ({"2.jpg": jpeg}, "must have the number 0 or 1"),
    "twice": ({"1.jpg": jpeg, "01.jpg": jpeg}, "two pictures with the number 1"),
    "words": ({"first.jpg": jpeg}, r"holds 'first\.jpg', must hold numbered JPEG"),
    "other": ({"1.jpg": jpeg, "Thumbs.db": jpeg}, r"holds 'Thumbs\.db'"),
    "mixed": ({"a1.jpg": jpeg, "b2.jpg": jpeg}, "begin with 'a' and 'b'"),
    "png": ({"1.jpg": png}, r"1\.jpg: is not a JPEG picture"),
    "nothing": ({"1.jpg": bytes}, r"1\.jpg: is not a JPEG picture"),
    "cmyk": ({"1.jpg": lambda: jpeg(mode="CMYK")}, r"1\.jpg: has 4 components"),
    "sizes": ({"1.jpg": jpeg, "2.jpg": lambda: jpeg(size=(24, 32))}, r"2\.jpg: is 24 x 32, must be 32 x 24"),
    "cut": ({"1.jpg": jpeg, "2.jpg": lambda: spoilt(jpeg())}, r"2\.jpg: is cut short"),
    "hollow": ({"1.jpg": lambda: spoilt(jpeg()) + b"\xff\xd9"}, r"1\.jpg: cannot be decoded"),
    "large": ({"1.jpg": lambda: jpeg(size=(101, 100))}, r"10000, the limit \(max_pixels\)"),
    "long": ({f"{n}.jpg": jpeg for n in range(1, 14)}, r"more than 12 frames, the limit \(max_frames\)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_a_video_is_an_error_that_says_what(tmp_path: Path, kind: str) -> None:
    files, words = BAD[kind]
    folder = fill(tmp_path / kind, {name: make() for name, make in files.items()})
    with pytest.raises(VideoError, match=rf"^{kind}.*{words}"):
        frames(folder)


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "2.jpg")


def device(folder: Path) -> None:
    (folder / "2.jpg").symlink_to("/dev/zero")


def broken_link(folder: Path) -> None:
    (folder / "2.jpg").symlink_to("nowhere")


def circle(folder: Path) -> None:
    (folder / "2.jpg").symlink_to("2.jpg")


def huge(folder: Path) -> None:
    with (folder / "2.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)


HOSTILE: dict[Callable[[Path], None], str] = {
    pipe: "holds '2.jpg', which is no file",
    device: "holds '2.jpg', which is no file",
    broken_link: "holds '2.jpg', which is no file",
    circle: "holds '2.jpg', which is no file",
    huge: "2.jpg: has 268435457 bytes, a picture may have 268435456",
}


def test_hostile_folders_end_in_a_named_exclusion_and_nobody_waits(tmp_path: Path) -> None:
    """Pipes and devices would be read for ever."""
    project = make_project(tmp_path, bad={})
    rows = [("good", "x", "train"), ("-also", "y", "test")]
    for damage in HOSTILE:
        damage(fill(tmp_path / "frames" / damage.__name__, {"1.jpg": jpeg()}))
        rows.append((damage.__name__, f"class {damage.__name__}", "train"))
    write_table(tmp_path / "params/benchmarks/pictures.csv", ("path", "label", "split"), rows)
    listing.run(project, "pictures")
    inventory.run(project, "pictures")
    extract.run(project, "pictures", "00")
    table = {row["id"]: row["reason"] for row in read_table(project.extracted("pictures", "00"), extract.COLUMNS)}
    for damage, words in HOSTILE.items():
        assert words in table.pop(damage.__name__)
    assert table == {"good": "", "-also": ""}


def test_a_pipe_that_takes_a_pictures_place_makes_nobody_wait(tmp_path: Path) -> None:
    pipe(tmp_path)
    with pytest.raises(VideoError, match=r"^x: is no file, must be a JPEG picture"):
        read(tmp_path / "2.jpg", name="x")


def test_the_sha256_is_over_names_and_bytes_in_order(tmp_path: Path) -> None:
    folder = fill(tmp_path / "a", {"10.jpg": b"three", "9.jpg": b"", ".hidden": b"x"})
    wanted = hashlib.sha256()
    for part in (b"9.jpg", b"", b"10.jpg", b"three"):
        wanted.update(len(part).to_bytes(8, "big") + part)
    assert folder_sha256(folder) == wanted.hexdigest()


def test_folders_are_listed_wherever_they_lie_and_what_lies_beside_them_is_not(tmp_path: Path) -> None:
    fill(tmp_path / "a", {"1.jpg": b"12", "2.jpg": b"345", ".x": b"hidden"})
    fill(tmp_path / "deep/b", {"1.jpg": b"1"})
    (tmp_path / "empty").mkdir()
    (tmp_path / "labels.csv").write_text("no video")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "deep/circle").symlink_to("..")
    found = {item.path: item.bytes for item in scan_folders(tmp_path)}
    assert found == {"a": 5, "deep/b": 1, "empty": 0, "link": 5}


def test_probe_says_how_many_and_how_large(tmp_path: Path) -> None:
    found = probe_folder(fill(tmp_path / "a", {"1.jpg": jpeg(), "2.jpg": jpeg(1)}), name="a")
    assert (found.frames, found.width, found.height, found.codec) == (2, 32, 24, "mjpeg")


def make_project(root: Path, *, bad: Mapping[str, tuple[Mapping[str, Callable[[], bytes]], str]] = BAD) -> Project:
    """A benchmark of every kind of folder."""
    (root / "params/benchmarks").mkdir(parents=True)
    (root / "params/benchmarks/pictures.yaml").write_text(PARAMS)
    (root / "requirements.lock").write_text("")
    (root / "dvc.yaml").write_text("stages: {}\n")
    rows = [("good", "x", "train"), ("-also", "y", "test")]
    fill(root / "frames/good", {f"{n}.jpg": jpeg(n) for n in range(1, 12)})
    fill(root / "frames/-also", {f"{n:05d}.jpg": jpeg(n + 50) for n in range(3)})
    for number, (kind, (files, _)) in enumerate(bad.items()):
        pictures = {name: make() for name, make in files.items()}
        fill(root / "frames/bad" / kind, pictures)
        rows.append((f"bad/{kind}", f"class {number}", "train"))
    write_table(root / "params/benchmarks/pictures.csv", ("path", "label", "split"), rows)
    return Project(root)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    found = make_project(tmp_path_factory.mktemp("project"))
    listing.run(found, "pictures")
    inventory.run(found, "pictures")
    extract.run(found, "pictures", "00")
    return found


def test_the_stages_end_in_frames_or_a_named_exclusion(project: Project) -> None:
    table = {row["id"]: row for row in read_table(project.extracted("pictures", "00"), extract.COLUMNS)}
    assert {name for name, row in table.items() if not row["reason"]} == {"good", "-also"}
    assert all(name in row["reason"] for name, row in table.items() if row["reason"])
    assert len(table) == len(BAD) + 2
    shard = ShardReader(project.shard("pictures", "00"))
    assert list(shard["good"]) == [jpeg(n) for n in range(1, 12)]
    assert (len(shard["-also"]), shard["-also"].width, shard["-also"].height) == (3, 32, 24)


def test_the_listing_changes_with_a_picture_and_only_then(project: Project) -> None:
    assert not listing.run(project, "pictures")
    picture = project.root / "frames/good/3.jpg"
    before = picture.stat()
    os.utime(picture, ns=(before.st_atime_ns, before.st_mtime_ns + 10**12))
    assert listing.run(project, "pictures")


def test_a_folder_that_changed_since_the_inventory_is_an_error(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    listing.run(project, "pictures")
    inventory.run(project, "pictures")
    (tmp_path / "frames/good/11.jpg").unlink()
    with pytest.raises(PipelineError, match="video good: changed since the inventory"):
        extract.run(project, "pictures", "00")


def test_a_folder_without_a_row_is_no_matter_and_a_row_without_a_folder_is(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (tmp_path / "frames/extra").mkdir()
    table = tmp_path / "params/benchmarks/pictures.csv"
    table.write_text(table.read_text() + "nowhere,x,train\n")
    listing.run(project, "pictures")
    with pytest.raises(DataError, match="nowhere"):
        inventory.run(project, "pictures")


def test_a_deep_check_reads_every_picture(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    listing.run(project, "pictures")
    inventory.run(project, "pictures")
    extract.run(project, "pictures", "00")
    assert verify(project, deep=True).findings == ()
    picture = tmp_path / "frames/good/3.jpg"
    picture.write_bytes(picture.read_bytes()[:-2] + b"\xff\xd8")
    (found,) = verify(project, deep=True).findings
    assert (found.kind, found.link) == ("broken", "frames/good")
