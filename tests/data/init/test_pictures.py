"""Videos of one's own that are folders of pictures."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from gsf.cli import main
from gsf.data import inventory, listing
from gsf.data.init.own import init_benchmark
from gsf.errors import DataError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.store.plan import read_additions
from gsf.video.folders import folder_sha256
from tests.data.init.small import fill, split_by_id, written
from tests.data.project import make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def film(folder: Path, *, shade: int) -> None:
    """Two pictures."""
    folder.mkdir(parents=True)
    for number in (1, 2):
        out = io.BytesIO()
        Image.new("RGB", (32, 24), (shade, 10 * number, 0)).save(out, "JPEG")
        (folder / f"{number:05d}.jpg").write_bytes(out.getvalue())


def films(root: Path) -> Path:
    for number in range(3):
        for place, label in enumerate(("wave", "clap")):
            film(root / f"{label}/{number}", shade=20 + 40 * number + 20 * place)
    return root


def test_class_folders_of_pictures_give_files_that_the_stages_accept(project: Project, tmp_path: Path) -> None:
    summary = init_benchmark(project, "mine", films(tmp_path / "films"), source="jpeg_folders")
    params = load(Benchmark, project.params_file("benchmarks", "mine"))
    assert params.source == "jpeg_folders"
    assert (params.extract.short_side, params.extract.jpeg_quality) == (None, None)
    assert split_by_id(project).keys() == {f"{label}/{n}" for label in ("wave", "clap") for n in range(3)}
    assert summary.counts["wave"]["train"] == 2
    assert listing.run(project, "mine")
    facts = inventory.run(project, "mine").facts
    assert (facts["videos"], facts["problems"]) == (6, 0)


def test_a_second_call_reads_what_a_video_is_and_makes_a_batch_of_the_new(project: Project, tmp_path: Path) -> None:
    root = films(tmp_path / "films")
    init_benchmark(project, "mine", root, source="jpeg_folders")
    before = split_by_id(project)
    film(root / "wave/late", shade=250)
    init_benchmark(project, "mine", root)
    after = split_by_id(project)
    assert {name: split for name, split in after.items() if name in before} == before
    assert read_additions(project.root / "params/benchmarks/mine.additions.csv") == {"wave/late": 1}
    with pytest.raises(ParamsError, match=r"mine\.yaml: source is jpeg_folders, must be videos for this call"):
        init_benchmark(project, "mine", root, source="videos")


def test_a_csv_names_folders_of_pictures(project: Project, tmp_path: Path) -> None:
    root = films(tmp_path / "films")
    table = root / "notes.csv"
    table.write_text("path,label,split\nwave/0,one,train\nwave/1,other,test\n")
    summary = init_benchmark(project, "mine", table, source="jpeg_folders")
    assert split_by_id(project) == {"wave/0": "train", "wave/1": "test"}
    assert any("4 videos" in note and "no label" in note for note in summary.notes)
    table.write_text("path,label,split\nwave/0,one,train\nwave/0.mp4,other,test\n")
    with pytest.raises(DataError, match=r"(?s)1 of 2 videos are not in .*each that of a folder of pictures"):
        init_benchmark(project, "other", table, source="jpeg_folders")


def test_copies_of_a_folder_of_pictures_are_found(project: Project, tmp_path: Path) -> None:
    root = films(tmp_path / "films")
    film(root / "wave/again", shade=20)
    summary = init_benchmark(project, "mine", root, source="jpeg_folders")
    assert summary.repeated == (("wave/0", "wave/again"),)
    film(root / "clap/again", shade=20)
    with pytest.raises(DataError, match=r"two labels.*\n  clap/again \(clap\) and wave/0 \(wave\)"):
        init_benchmark(project, "mine", root)


def test_pictures_are_hashed_once_while_their_folder_looks_as_it_did(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = films(tmp_path / "films")
    film(root / "wave/again", shade=20)
    hashed: list[str] = []

    def counting(path: Path) -> str:
        hashed.append(path.relative_to(root).as_posix())
        return folder_sha256(path)

    monkeypatch.setattr("gsf.data.init.folder_hashes.folder_sha256", counting)
    first = init_benchmark(project, "mine", root, source="jpeg_folders")
    assert {"wave/0", "wave/again"} <= set(hashed)
    hashed.clear()
    assert init_benchmark(project, "mine", root).repeated == first.repeated == (("wave/0", "wave/again"),)
    assert hashed == []

    picture = root / "wave/again/00001.jpg"
    data = bytearray(picture.read_bytes())
    data[-3] ^= 1
    picture.write_bytes(data)  # of the same size
    os.utime(picture, ns=(time := picture.stat().st_mtime_ns + 1, time))  # the clock of the file system may be coarse
    assert init_benchmark(project, "mine", root).repeated == ()
    assert hashed == ["wave/again"]
    for entry in (project.root / ".work/hashes/folders").iterdir():
        entry.write_bytes(b"{")
    hashed.clear()
    init_benchmark(project, "mine", root)
    assert {"wave/0", "wave/again"} <= set(hashed)


def test_pictures_without_the_option_are_an_error_that_names_it(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = films(tmp_path / "films")
    monkeypatch.chdir(project.root)
    assert main(["init", "mine", str(root)]) == 1
    assert "holds no video file, but pictures, as in clap/0; " in capsys.readouterr().err
    assert main(["init", "mine", str(root), "--source", "jpeg_folders"]) == 0
    assert "videos: 6, 6 of them new" in capsys.readouterr().out


def test_video_files_are_no_folders_of_pictures(project: Project, tmp_path: Path) -> None:
    root = fill(tmp_path / "films", "wave/a.mp4", "clap/b.mp4")
    with pytest.raises(DataError, match=r"(?s)videos lie in no class folder:.*must be CLASS/VIDEO/00001\.jpg"):
        init_benchmark(project, "mine", root, source="jpeg_folders")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no folder of pictures, must hold VIDEO/00001\.jpg"):
        init_benchmark(project, "mine", tmp_path / "empty", source="jpeg_folders")
    with pytest.raises(ParamsError, match="short_side is 64, must not be given for pictures"):
        init_benchmark(project, "mine", films(tmp_path / "pictures"), source="jpeg_folders", short_side=64)
    assert written(project) == {}


def test_an_empty_class_folder_is_no_video(project: Project, tmp_path: Path) -> None:
    root = films(tmp_path / "films")
    (root / "jump").mkdir()
    summary = init_benchmark(project, "mine", root, source="jpeg_folders")
    assert summary.counts.keys() == {"wave", "clap"}
    assert not any("no label" in note for note in summary.notes)
    for place, video in enumerate(("train/wave/0", "train/clap/0", "test/wave/1")):
        film(tmp_path / "parted" / video, shade=20 + 40 * place)
    for name in ("val", "train/jump"):
        (tmp_path / "parted" / name).mkdir()
        (tmp_path / "parted" / name / ".hidden").touch()
    init_benchmark(project, "parted", tmp_path / "parted", source="jpeg_folders")
    (tmp_path / "empty/jump").mkdir(parents=True)
    with pytest.raises(DataError, match=r"holds no folder of pictures, must hold VIDEO/00001\.jpg"):
        init_benchmark(project, "empty", tmp_path / "empty", source="jpeg_folders")


def test_a_csv_of_folders_of_pictures_without_the_option_is_an_error_that_names_it(
    project: Project, tmp_path: Path
) -> None:
    root = fill(films(tmp_path / "films"), "making of.mp4")
    table = root / "notes.csv"
    table.write_text("path,label\nwave/0,one\nwave/1,other\n")
    with pytest.raises(DataError, match=r"(?s)2 of 2 videos are not in .* is a video, say --source jpeg_folders$"):
        init_benchmark(project, "mine", table)
    table.write_text("path,label\nwave,one\nclap/9,other\n")
    with pytest.raises(DataError, match=r"(?s)2 of 2 videos are not in .*; remove the rows of lost videos$"):
        init_benchmark(project, "mine", table)
    assert written(project) == {}
