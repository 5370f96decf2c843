"""The extract stage: the same bytes everywhere, nothing decoded twice, nothing dropped in silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gsf.errors import ParamsError, PipelineError, ProvenanceError, VideoError
from gsf.project import Project
from gsf.store.check import check_shard
from gsf.store.extract import COLUMNS, run
from gsf.store.reader import ShardReader
from gsf.tables import read_table
from tests.store.small import make_clips, make_project, plan
from tests.video.clips import convert, run_ffmpeg

NAMES = ("a/one.mp4", "a/two.mp4", "b/-three.mp4")


def extract(project: Project, *, processes: int = 2) -> Path:
    run(project, "mini", "00", processes=processes)
    return project.shard("mini", "00")


def rows(project: Project) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in read_table(project.extracted("mini", "00"), COLUMNS)}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return make_clips(tmp_path / "videos", *NAMES)


@pytest.fixture
def project(tmp_path: Path, videos: Path) -> Project:
    found = make_project(tmp_path / "project", videos=videos)
    plan(found, videos)
    return found


def test_receipt_and_table_say_what_the_shard_holds(project: Project) -> None:
    receipt = run(project, "mini", "00")
    shard = project.shard("mini", "00")
    reader = ShardReader(shard)
    assert list(reader) == sorted(NAMES)
    assert {len(reader[name]) for name in NAMES} == {6}
    assert (reader[NAMES[0]].width, reader[NAMES[0]].height) == (32, 24)
    size = sum(len(frame) for name in NAMES for frame in reader[name])
    assert receipt.facts == {
        "videos": 3, "frames": 18, "excluded": 0, "bytes": size, "logical_digest": reader.logical_digest(),
    }  # fmt: skip
    assert receipt.stage == "extract@mini-00"
    assert set(receipt.outputs) == {"data/mini/shards/00.lmdb", "data/mini/extracted/00.csv"}
    assert [item.path for item in receipt.inputs] == ["data/mini/plan/00.csv"]
    assert "videos" not in receipt.content["params"]["params/benchmarks/mini.yaml"]
    assert rows(project)[NAMES[0]] | {"bytes": ""} == {
        "id": NAMES[0], "frames": "6", "width": "32", "height": "24", "bytes": "", "reason": "",
    }  # fmt: skip
    assert check_shard(shard) == []


def test_another_folder_and_number_of_processes_give_the_same_receipt(project: Project, tmp_path: Path) -> None:
    elsewhere = make_clips(tmp_path / "far/away", *NAMES)
    other = make_project(tmp_path / "other", videos=elsewhere)
    plan(other, elsewhere)
    assert run(project, "mini", "00", processes=3).digest == run(other, "mini", "00", processes=1).digest
    assert project.shard("mini", "00").read_bytes() == other.shard("mini", "00").read_bytes()


def test_without_a_change_the_previous_file_is_linked(project: Project, videos: Path) -> None:
    shard = extract(project)
    inode, content = shard.stat().st_ino, shard.read_bytes()
    shard.unlink()  # as both engines do before a stage starts
    for path in videos.rglob("*.mp4"):
        path.unlink()  # so nothing can be decoded
    assert extract(project).stat().st_ino == inode
    assert shard.read_bytes() == content


def test_an_added_video_is_the_only_one_decoded(project: Project, videos: Path, tmp_path: Path) -> None:
    extract(project)
    make_clips(videos, "a/new.mp4")
    plan(project, videos)
    fresh = make_project(tmp_path / "fresh", videos=videos)
    plan(fresh, videos)
    wanted = extract(fresh).read_bytes()
    for name in NAMES:
        (videos / name).unlink()
    assert extract(project).read_bytes() == wanted


def test_a_removed_video_leaves_the_shard_and_decodes_nothing(project: Project, videos: Path) -> None:
    extract(project)
    (videos / NAMES[1]).unlink()
    plan(project, videos)
    for name in (NAMES[0], NAMES[2]):
        (videos / name).unlink()
    assert list(ShardReader(extract(project))) == [NAMES[0], NAMES[2]]


def test_a_replaced_video_is_decoded_again(project: Project, videos: Path) -> None:
    before = list(ShardReader(extract(project))[NAMES[0]])
    (videos / NAMES[0]).write_bytes((videos / NAMES[1]).read_bytes())
    plan(project, videos)
    reader = ShardReader(extract(project))
    assert list(reader[NAMES[0]]) == list(reader[NAMES[1]]) != before


def test_other_parameters_decode_everything_again(project: Project, videos: Path) -> None:
    extract(project)
    make_project(project.root, videos=videos, short_side=16)
    assert ShardReader(extract(project))[NAMES[0]].height == 16


def test_a_previous_version_that_was_tampered_with_is_not_used(project: Project) -> None:
    shard = extract(project)
    content = shard.read_bytes()
    ShardReader(shard).close()
    with shard.open("r+b") as file:  # in place: the kept link changes with it
        file.seek(len(content) // 2)
        file.write(b"tampered")
    assert extract(project).read_bytes() == content


CODE = "import sys; from pathlib import Path; from gsf.project import Project; from gsf.store.extract import run;" + (
    " run(Project(Path(sys.argv[1])), 'mini', '00', processes=1)"
)


def start(project: Project) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen([sys.executable, "-c", CODE, str(project.root)], cwd=root, stderr=subprocess.DEVNULL)


def test_what_a_killed_extraction_finished_is_not_decoded_again(tmp_path: Path) -> None:
    names = [f"{n:02d}.mp4" for n in range(12)]
    videos = make_clips(tmp_path / "videos", *names, frames=20)
    slow = videos / "99.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=size=1280x720:rate=25", "-t", "20", "-preset", "ultrafast", slow)
    project = make_project(tmp_path / "project", videos=videos)
    plan(project, videos)
    child = start(project)
    spool = project.work("extract", "mini", "00", "spool")
    deadline = time.monotonic() + 60
    while len(finished := [p for p in spool.glob("*") if not p.suffix]) < len(names) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert len(finished) == len(names)
    assert not project.shard("mini", "00").exists()
    for name in names:
        (videos / name).unlink()
    shard = extract(project)
    assert list(ShardReader(shard)) == [*names, "99.mp4"]
    assert check_shard(shard) == []
    assert not spool.exists()


def test_two_extractions_at_once_agree(project: Project) -> None:
    children = [start(project), start(project)]
    assert [child.wait(timeout=300) for child in children] == [0, 0]
    shard = project.shard("mini", "00")
    content = shard.read_bytes()
    assert check_shard(shard) == []
    assert extract(project).read_bytes() == content


def bad_video(videos: Path) -> Path:
    """A file that its header makes look healthy: the second half is missing."""
    whole = convert(videos / NAMES[0], videos / "bad.mp4", "-c", "copy", "-movflags", "+faststart")
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    return whole


def test_an_unreadable_video_stops_the_stage_with_its_name_and_the_words(project: Project, videos: Path) -> None:
    bad_video(videos)
    plan(project, videos)
    with pytest.raises(VideoError, match=r"(?s)1 of 4 videos.*bad\.mp4: cannot be decoded: .*on_unreadable: exclude"):
        extract(project)
    assert not project.shard("mini", "00").exists()
    assert not project.extract_receipt("mini", "00").exists()


def test_an_unreadable_video_is_excluded_with_its_reason_where_that_is_allowed(project: Project, videos: Path) -> None:
    bad_video(videos)
    make_project(project.root, videos=videos, on_unreadable="exclude")
    plan(project, videos, problems={NAMES[1]: "a/two.mp4: cannot be probed: Invalid data"})
    receipt = run(project, "mini", "00")
    assert (receipt.facts["videos"], receipt.facts["excluded"], receipt.facts["frames"]) == (2, 2, 12)
    found = rows(project)
    assert found["bad.mp4"]["reason"].startswith("bad.mp4: cannot be decoded: ")
    assert str(videos) not in found["bad.mp4"]["reason"]
    assert found[NAMES[1]]["reason"] == "a/two.mp4: cannot be probed: Invalid data"
    assert list(ShardReader(project.shard("mini", "00"))) == [NAMES[0], NAMES[2]]
    make_project(project.root, videos=videos, on_unreadable="stop")
    with pytest.raises(VideoError, match=r"2 of 4 videos"):
        extract(project)


def test_a_video_with_too_many_frames_stops_the_stage(project: Project, videos: Path) -> None:
    make_project(project.root, videos=videos, max_frames=5)
    with pytest.raises(VideoError, match=r"a/one\.mp4: has more than 5 frames"):
        extract(project)


def test_an_avi_cut_between_two_frames_is_an_error_and_one_with_dropped_frames_is_not(tmp_path: Path) -> None:
    videos = make_clips(tmp_path / "videos", "x.mp4", frames=20)
    gap = ("-vf", "select='not(between(n,7,11))'", "-fps_mode", "passthrough", "-enc_time_base", "1:10")
    dropped = convert(videos / "x.mp4", videos / "gap.avi", *gap, "-c:v", "mjpeg")
    (videos / "x.mp4").unlink()
    project = make_project(tmp_path / "project", videos=videos)
    plan(project, videos)
    assert len(ShardReader(extract(project))["gap.avi"]) == 15
    data = dropped.read_bytes()
    dropped.write_bytes(data[: data.rfind(b"00dc", 0, data.rfind(b"idx1"))])
    plan(project, videos)
    with pytest.raises(VideoError, match=r"gap\.avi: "):
        extract(project)


@pytest.mark.parametrize("change", ["touch", "remove"])
def test_a_video_that_is_not_what_the_inventory_saw_is_an_error(project: Project, videos: Path, change: str) -> None:
    if change == "touch":
        (videos / NAMES[0]).write_bytes((videos / NAMES[1]).read_bytes())
    else:
        (videos / NAMES[0]).unlink()
    with pytest.raises(PipelineError, match=r"video a/one\.mp4: (changed|is gone) since the inventory"):
        extract(project)


def test_a_plan_that_its_receipt_does_not_know_is_an_error(project: Project) -> None:
    path = project.shard_plan("mini", "00")
    path.write_text(path.read_text().replace(NAMES[0], "other.mp4"))
    with pytest.raises(ProvenanceError, match=r"plan/00\.csv"):
        extract(project)


def test_a_shard_that_is_not_planned_is_an_error(project: Project) -> None:
    with pytest.raises(ParamsError, match=r"mini.yaml: shards is \d, so that a shard is one of 00 .. 0\d, not '07'"):
        run(project, "mini", "07")


def test_a_shard_without_videos_is_a_shard(project: Project, videos: Path) -> None:
    for name in NAMES:
        (videos / name).unlink()
    plan(project, videos)
    receipt = run(project, "mini", "00")
    assert receipt.facts["videos"] == 0
    assert list(ShardReader(project.shard("mini", "00"))) == []
