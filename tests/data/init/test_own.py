from __future__ import annotations

import shutil
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsf.data import inventory, listing
from gsf.data.columns import SPLITS, Split
from gsf.data.init.own import init_benchmark
from gsf.data.init.own_summary import InitSummary
from gsf.data.init.split import Shares, assign
from gsf.data.mirror import guess
from gsf.errors import DataError, GsfError, ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.params.study import Study
from gsf.project import Project
from gsf.tables import read_table
from tests.data.init.small import fill
from tests.data.project import make_project, make_video
from tests.shared import needs_shared, shared_folder

SHARES = Shares.of((0.7, 0.1, 0.2))
names = st.sets(st.text("abcdefgh0123456789", min_size=1, max_size=6), min_size=1, max_size=60)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "work" / "project")


def _class_folders(root: Path, *, each: int = 10) -> Path:
    return fill(root, *(f"{label}/{n:02d}.mp4" for label in ("wave", "clap") for n in range(each)))


def _annotations(project: Project, name: str = "mine") -> dict[str, tuple[str, str]]:
    rows = read_table(project.root / f"params/benchmarks/{name}.csv", ("path", "label", "split"))
    return {row["path"]: (row["label"], row["split"]) for row in rows}


def _draw(videos: set[str], fixed: dict[str, Split], *, seed: int = 0) -> dict[str, Split]:
    return assign([[name] for name in sorted(videos)], dict.fromkeys(videos, "x"), fixed, seed=seed, shares=SHARES)


# the split


@given(names, names, st.integers(0, 5))
def test_adding_videos_moves_none_that_has_a_split(old: set[str], new: set[str], seed: int) -> None:
    before = _draw(old, {}, seed=seed)
    after = _draw(old | new, before, seed=seed)
    assert {name: after[name] for name in old} == before
    assert after.keys() == old | new


@given(names, st.randoms(use_true_random=False))
def test_the_split_does_not_depend_on_the_order_of_the_videos(videos: set[str], random: object) -> None:
    shuffled = sorted(videos)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    drawn = assign([[name] for name in shuffled], dict.fromkeys(videos, "x"), {}, seed=0, shares=SHARES)
    assert drawn == _draw(videos, {})


@given(names)
def test_each_split_has_its_share_of_a_class_to_within_one_video(videos: set[str]) -> None:
    counts = Counter(_draw(videos, {}).values())
    for split in SPLITS:
        assert abs(counts[split] - len(videos) * SHARES.of_split(split)) < Fraction(1)


@given(st.integers(1, 5), st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9)))
def test_a_class_has_a_training_video_whatever_the_shares(count: int, parts: tuple[int, int, int]) -> None:
    shares = Shares(*(Fraction(part, sum(parts)) for part in parts))
    videos = [str(number) for number in range(count)]
    assert "train" in assign([[v] for v in videos], dict.fromkeys(videos, "x"), {}, seed=0, shares=shares).values()


def test_another_seed_is_another_split() -> None:
    videos = {f"{number}.mp4" for number in range(40)}
    assert _draw(videos, {}, seed=0) != _draw(videos, {}, seed=1)


def test_a_group_shares_the_split_of_its_member_that_has_one() -> None:
    labels = dict.fromkeys("abc", "x")
    assert assign([["a", "b", "c"]], labels, {"b": "test"}, seed=0, shares=SHARES) == dict.fromkeys("abc", "test")
    with pytest.raises(DataError, match="the same video is in two splits: b in test, a in train"):
        assign([["a", "b"]], labels, {"b": "test", "a": "train"}, seed=0, shares=SHARES)


@pytest.mark.parametrize("shares", [(0.7, 0.1), (0.7, 0.2, 0.2), (0, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_shares_that_make_no_sense_are_an_error(shares: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="must be three shares"):
        Shares.of(shares)


# pairs that a flip swaps


def test_pairs_are_found_by_the_words_of_their_names() -> None:
    classes = [
        "left", "right", "TurnClockwise", "TurnCounterClockwise", "pushing from left to right",
        "pushing from right to left", "brightness", "up", "rotate_anticlockwise", "rotate clockwise",
    ]  # fmt: skip
    assert guess(classes).pairs == (
        ("TurnClockwise", "TurnCounterClockwise"),
        ("left", "right"),
        ("pushing from left to right", "pushing from right to left"),
        ("rotate clockwise", "rotate_anticlockwise"),
    )
    assert guess(classes).one_sided == ()


def test_a_side_without_its_mirror_image_is_reported() -> None:
    assert guess(["swipe_left", "tap"]).one_sided == ("swipe_left",)
    assert guess(["go left", "go_left", "go right"]).one_sided == ("go left", "go_left", "go right")


@given(st.lists(st.text(), min_size=1, max_size=4, unique=True))
def test_guessing_takes_any_names_and_its_pairs_are_disjoint(classes: list[str]) -> None:
    named = [name for pair in guess([*classes, "a left", "a right"]).pairs for name in pair]
    assert len(named) == len(set(named))
    assert {"a left", "a right"} <= set(named)


# the command


def test_class_folders_give_files_that_the_stages_accept(project: Project, tmp_path: Path) -> None:
    for number in range(3):
        for label in ("left", "right"):
            make_video(tmp_path / f"work/films/{label}/{number}.mp4", shade=10 + 30 * number + (label == "right") * 9)
    summary = init_benchmark(project, "mine", tmp_path / "work/films")
    params = load(Benchmark, project.params_file("benchmarks", "mine"))
    assert (params.name, params.videos, params.annotations) == ("mine", "../films", "params/benchmarks/mine.csv")
    assert (params.labels.flip, params.labels.flip_pairs) == ("swap", [["left", "right"]])
    study = load(Study, project.params_file("studies", "mine"))
    assert {key: (item.benchmark, item.model) for key, item in study.experiments.items()} == {
        "tsn": ("mine", "tsn-mobilenetv2-112"),
        "gsf": ("mine", "gsf-mobilenetv2-112"),
    }
    assert summary.added == 6
    assert listing.run(project, "mine")
    assert inventory.run(project, "mine").facts["videos"] == 6


def test_a_csv_without_splits_gets_a_stratified_split(project: Project, tmp_path: Path) -> None:
    folder = fill(tmp_path / "films", *(f"{number:02d}.mp4" for number in range(20)), "unknown.mp4")
    table = folder / "notes.csv"
    table.write_text("label,path\n" + "".join(f"{'ab'[n % 2]},{n:02d}.mp4\n" for n in range(20)))
    summary = init_benchmark(project, "mine", table)
    assert summary.counts == {label: {"train": 7, "val": 1, "test": 2} for label in "ab"}
    assert any("1 videos" in note and "no label" in note for note in summary.notes)
    text = str(summary)
    assert "gsf study mine" in text
    assert "20 of them new" in text


def test_a_given_split_is_kept_and_empty_cells_are_drawn(project: Project, tmp_path: Path) -> None:
    folder = fill(tmp_path / "films", "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    (folder / "labels.csv").write_text(
        "path,label,split\na.mp4,x,testing\nb.mp4,x,\nc.mp4,y,Train\nd.mp4,y,validation\n"
    )
    init_benchmark(project, "mine", folder)
    assert _annotations(project) == {
        "a.mp4": ("x", "test"), "b.mp4": ("x", "train"), "c.mp4": ("y", "train"), "d.mp4": ("y", "val"),
    }  # fmt: skip


def test_folders_named_like_splits_are_splits(project: Project, tmp_path: Path) -> None:
    folder = fill(tmp_path / "films", "train/x/a.mp4", "train/y/b.mp4", "Test/x/c.mp4")
    init_benchmark(project, "mine", folder)
    assert _annotations(project) == {
        "train/x/a.mp4": ("x", "train"), "train/y/b.mp4": ("y", "train"), "Test/x/c.mp4": ("x", "test"),
    }  # fmt: skip


def test_a_rerun_keeps_edited_files_and_splits_and_adds_new_videos(project: Project, tmp_path: Path) -> None:
    folder = _class_folders(tmp_path / "films")
    init_benchmark(project, "mine", folder)
    benchmark = project.params_file("benchmarks", "mine")
    benchmark.write_text(benchmark.read_text().replace("short_side: 256", "short_side: 128"))
    edited, table = benchmark.read_text(), benchmark.with_suffix(".csv")
    table.write_text(table.read_text().replace("clap/00.mp4,clap,train", "clap/00.mp4,clap,test"))
    before = _annotations(project)
    fill(folder, "wave/more.mp4", "jump/one.mp4")
    (folder / "wave/03.mp4").unlink()
    summary = init_benchmark(project, "mine", folder, shards=9)
    after = _annotations(project)
    assert {name: row for name, row in after.items() if name in before} == {
        name: row for name, row in before.items() if name != "wave/03.mp4"
    }
    assert after["jump/one.mp4"] == ("jump", "train")
    assert (summary.added, summary.removed) == (2, 1)
    lines = benchmark.read_text().splitlines(keepends=True)
    assert "".join(line for line in lines if not line.startswith("additions:")) == edited
    assert any("edit it to change flip, pairs or shards" in note for note in summary.notes)


def test_one_video_under_two_labels_is_an_error_that_names_both(project: Project, tmp_path: Path) -> None:
    folder = _class_folders(tmp_path / "films", each=3)
    shutil.copy(folder / "wave/01.mp4", folder / "clap/copy.mp4")
    with pytest.raises(DataError, match=r"two labels.*\n  clap/copy\.mp4 \(clap\) and wave/01\.mp4 \(wave\)"):
        init_benchmark(project, "mine", folder)
    assert not list((project.root / "params/benchmarks").iterdir())


def test_copies_under_one_label_land_in_one_split(project: Project, tmp_path: Path) -> None:
    folder = _class_folders(tmp_path / "films", each=10)
    for number in range(10):
        shutil.copy(folder / f"wave/{number:02d}.mp4", folder / f"wave/copy of {number:02d}.mp4")
    summary = init_benchmark(project, "mine", folder)
    found = _annotations(project)
    for number in range(10):
        assert found[f"wave/copy of {number:02d}.mp4"] == found[f"wave/{number:02d}.mp4"]
    assert len(summary.repeated) == 10
    assert summary.counts["wave"] == {"train": 14, "val": 2, "test": 4}


def test_flip_is_forbidden_where_a_side_has_no_mirror_image(project: Project, tmp_path: Path) -> None:
    folder = fill(tmp_path / "films", "swipe_left/a.mp4", "left/b.mp4", "right/c.mp4")
    summary = init_benchmark(project, "mine", folder)
    assert (summary.flip, summary.flip_pairs) == ("forbid", ())
    assert "# would swap: [left, right]" in project.params_file("benchmarks", "mine").read_text()


def test_flip_and_pairs_can_be_given(project: Project, tmp_path: Path) -> None:
    folder = _class_folders(tmp_path / "films")
    given = init_benchmark(project, "given", folder, flip_pairs=[["wave", "clap"]])
    assert (given.flip, given.flip_pairs) == ("swap", (("wave", "clap"),))
    assert init_benchmark(project, "forbidden", folder, flip="forbid").flip == "forbid"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flip": "swap"}, "flip is swap, but no class names"),
        ({"flip_pairs": [["wave", "clpa"]]}, "flip pair wave,clpa must be two of the classes clap, wave"),
        ({"flip_pairs": [["wave"]]}, "flip pair wave must be two of the classes"),
        ({"flip_pairs": [["wave", "clap"]], "flip": "free"}, "flip is free with pairs"),
        ({"shards": 100}, "shards is 100, must be less than or equal to 64"),
        ({"split": (0.5, 0.1, 0.1)}, "must be three shares"),
        ({"labels": Path("/nowhere.csv")}, "no such table"),
    ],
)
def test_a_wrong_option_is_an_error_and_writes_nothing(
    project: Project, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    folder = _class_folders(tmp_path / "films", each=2)
    with pytest.raises(GsfError, match=message):
        init_benchmark(project, "mine", folder, **options)  # type: ignore[arg-type]
    assert not list((project.root / "params/benchmarks").iterdir())


@pytest.mark.parametrize(
    ("files", "table", "message"),
    [
        ([], None, "holds no video file"),
        (["a.mp4", "x/b.mp4"], None, r"1 videos lie in no class folder:\n  a\.mp4"),
        (["x/a.mp4", "x/b.mp4"], None, "has the one class 'x'"),
        (["a.mp4"], "a.mp4,x\nb.mp4,y\n", r"1 of 2 videos are not in .*\n  b\.mp4"),
        (["a.mp4"], "a.mp4,x\na.mp4,y\n", "line 3: path 'a.mp4' is in line 2 already"),
        (["a.mp4"], "../a.mp4,x\n", r"line 2: path .* no '\.\.'"),
    ],
)
def test_a_wrong_folder_is_an_error(
    project: Project, tmp_path: Path, files: list[str], table: str | None, message: str
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    fill(folder, *files)
    if table is not None:
        (folder / "labels.csv").write_text("path,label\n" + table)
    with pytest.raises(DataError, match=message):
        init_benchmark(project, "mine", folder)


def test_a_name_that_is_taken_or_invalid_is_an_error(project: Project, tmp_path: Path) -> None:
    init_benchmark(project, "mine", _class_folders(tmp_path / "films"))
    with pytest.raises(DataError, match=r"params/benchmarks/mine\.yaml: is there already, for the videos in"):
        init_benchmark(project, "mine", _class_folders(tmp_path / "others"))
    with pytest.raises(ParamsError, match="is not a valid name"):
        init_benchmark(project, "../mine", tmp_path / "films")
    with pytest.raises(DataError, match="no such folder or CSV"):
        init_benchmark(project, "new", tmp_path / "nowhere")


@needs_shared
def test_gestures_seen_from_the_wearers_head(project: Project) -> None:
    shared = shared_folder()
    assert shared is not None
    summary: InitSummary = init_benchmark(project, "gestures", shared / "real/egogestar", flip="forbid")
    total = {split: sum(counts[split] for counts in summary.counts.values()) for split in SPLITS}
    assert total == {"train": 140, "val": 20, "test": 57}
    assert len(summary.counts) == 10
