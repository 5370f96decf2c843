"""A call that stops between two files, and the next one, which completes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsf.data.init import common
from gsf.data.init.own import init_benchmark
from gsf.errors import ParamsError
from gsf.project import Project
from tests.data.init.small import fill, written
from tests.data.project import make_project

FIRST = [f"{label}/{number}.mp4" for label in ("wave", "clap") for number in range(10)]
SECOND = ["wave/one.mp4", "clap/two.mp4", "jump/three.mp4"]
THIRD = [f"jump/{number}.mp4" for number in range(4)]  # more than the batch has: they join it


def interrupted(project: Project, videos: Path, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """A call that writes so many files, and then finds the disk full."""
    left = iter(range(after))
    write = common.write_atomically

    def once_too_often(path: Path, data: bytes) -> None:
        if next(left, None) is None:
            raise OSError("no space left on device")
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(common, "write_atomically", once_too_often)
        with pytest.raises(OSError, match="no space left"):
            init_benchmark(project, "mine", videos)


@pytest.mark.parametrize(("call", "after"), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)], ids=str)
def test_the_next_call_leaves_what_an_undisturbed_one_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, after: int
) -> None:
    disturbed, smooth = (make_project(tmp_path / name / "project") for name in ("disturbed", "smooth"))
    for number, names in enumerate((FIRST, SECOND, THIRD)):
        for project in (disturbed, smooth):
            videos = fill(project.root.parent / "films", *names)
            if project is disturbed and number == call:
                interrupted(project, videos, monkeypatch, after=after)
            init_benchmark(project, "mine", videos)
    assert written(disturbed) == written(smooth)
    assert b"jump/0.mp4,1\n" in written(smooth)["params/benchmarks/mine.additions.csv"]


def test_what_the_first_call_left_undone_is_no_addition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project")
    videos = fill(tmp_path / "films", *FIRST)
    interrupted(project, videos, monkeypatch, after=1)
    assert written(project).keys() == {"params/benchmarks/mine.yaml"}
    assert "20 of them new" in str(init_benchmark(project, "mine", videos))
    assert written(project).keys() == {
        "params/benchmarks/mine.csv", "params/benchmarks/mine.yaml", "params/studies/mine.yaml",
    }  # fmt: skip


def test_videos_that_have_their_batch_already_keep_it_and_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "project")
    init_benchmark(project, "mine", fill(tmp_path / "films", *FIRST))
    videos = fill(tmp_path / "films", *SECOND)
    interrupted(project, videos, monkeypatch, after=2)
    said = str(init_benchmark(project, "mine", videos))
    assert "note: 3 new videos are in batches of params/benchmarks/mine.additions.csv already" in said
    assert "3 of them new" in said


def test_a_benchmark_file_without_a_line_for_the_additions_is_an_error_before_anything_is_written(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path / "project")
    init_benchmark(project, "mine", fill(tmp_path / "films", *FIRST))
    file = project.params_file("benchmarks", "mine")
    file.write_text(file.read_text().replace("\nannotations:", "\n'annotations':"))
    before = written(project)
    with pytest.raises(ParamsError, match=r"mine\.yaml: has no line `annotations:`; add `additions: params/"):
        init_benchmark(project, "mine", fill(tmp_path / "films", *SECOND))
    assert written(project) == before
