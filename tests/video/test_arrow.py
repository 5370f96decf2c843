"""arrow is honest: only the order of the frames tells the classes of a pair apart."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.video.arrow import CLASSES, PAIRS, clip_frames
from gsf.video.ffmpeg import encode_h264

WIDTH, HEIGHT, FRAMES = 48, 36, (8, 12)
TRAIN, TEST = 60, 80  # clips a class: 960 test clips over the six pairs, chance 0.5 +- 0.016
VIEWS = ("mean", "first", "middle", "last", "random")

Array = npt.NDArray[np.float64]


@cache
def clips(label: str, split: int, count: int) -> list[Array]:
    """Clips (T, H, W, 3) of one class."""
    number = CLASSES.index(label)
    return [
        np.stack(clip_frames(label, seed=(11, split, number, i), width=WIDTH, height=HEIGHT, frames=FRAMES)).astype(
            float
        )
        for i in range(count)
    ]


def view(clip: Array, name: str, generator: np.random.Generator) -> Array:
    """One picture of a clip, 12 x 9 pixels of 3 colours, and the squares of its deviations: features of a probe."""
    index = {"first": 0, "middle": len(clip) // 2, "last": -1, "random": int(generator.integers(len(clip)))}
    picture = clip.mean(axis=0) if name == "mean" else clip[index[name]]
    small = picture.reshape(9, 4, 12, 4, 3).mean(axis=(1, 3)).ravel()
    return np.concatenate([small, (small - small.mean()) ** 2])


def motion(clip: Array) -> Array:
    """How well each frame, shifted sideways, agrees with the next: features that know the order."""
    moving = clip.mean(axis=3) - clip.mean(axis=(0, 3))
    shifts = range(-8, 9)
    return np.array([(np.roll(moving[:-1], shift, axis=2) * moving[1:]).mean() for shift in shifts])


def probe_accuracy(train: Array, train_y: Array, test: Array, test_y: Array) -> Array:
    """Hits of a ridge regression on labels -1 and 1, in its dual form."""
    mean, scale = train.mean(axis=0), train.std(axis=0) + 1e-9
    a, b = (train - mean) / scale, (test - mean) / scale
    weights = np.linalg.solve(a @ a.T + 0.1 * a.shape[1] * np.eye(len(a)), train_y)
    hits: Array = (np.sign(b @ (a.T @ weights)) == test_y).astype(float)
    return hits


def signs(count: int) -> Array:
    return np.repeat([-1.0, 1.0], count)


@pytest.mark.parametrize("name", VIEWS)
def test_a_linear_probe_on_one_picture_stays_at_chance_within_pairs(name: str) -> None:
    generator = np.random.default_rng(0)
    hits = []
    for pair in PAIRS:
        train = np.stack([view(clip, name, generator) for label in pair for clip in clips(label, 0, TRAIN)])
        test = np.stack([view(clip, name, generator) for label in pair for clip in clips(label, 1, TEST)])
        hits.append(probe_accuracy(train, signs(TRAIN), test, signs(TEST)))
    assert 0.42 < np.concatenate(hits).mean() < 0.58  # five standard deviations


def test_the_same_probe_tells_left_from_right_by_the_order_of_frames() -> None:
    pair = PAIRS[0]
    train = np.stack([motion(clip) for label in pair for clip in clips(label, 0, TRAIN)])
    test = np.stack([motion(clip) for label in pair for clip in clips(label, 1, TEST)])
    assert probe_accuracy(train, signs(TRAIN), test, signs(TEST)).mean() > 0.9


def test_the_same_probe_tells_actions_of_different_pairs_by_one_picture() -> None:
    labels = ("appear", "turn_clockwise")
    generator = np.random.default_rng(0)
    train = np.stack([view(clip, "last", generator) for label in labels for clip in clips(label, 0, TRAIN)])
    test = np.stack([view(clip, "last", generator) for label in labels for clip in clips(label, 1, TEST)])
    assert probe_accuracy(train, signs(TRAIN), test, signs(TEST)).mean() > 0.6


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_second_class_is_the_first_played_backwards(pair: tuple[str, str]) -> None:
    for seed in range(5):
        one, other = (clip_frames(label, seed=(seed,), width=WIDTH, height=HEIGHT, frames=FRAMES) for label in pair)
        assert np.array_equal(np.stack(one), np.stack(other)[::-1])
        assert not np.array_equal(np.stack(one), np.stack(other))


def test_frames_of_one_index_have_the_same_distribution_whatever_the_index() -> None:
    """Mean brightness and spread of first and last frames agree over many clips, class by class."""
    for label in CLASSES:
        first = np.array([clip[0].std() for clip in clips(label, 1, TEST)])
        last = np.array([clip[-1].std() for clip in clips(label, 1, TEST)])
        error = np.sqrt((first.var() + last.var()) / TEST)
        assert abs(first.mean() - last.mean()) < 4 * error, label


def decoded(path: Path) -> Array:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_the_codec_leaves_no_trace_of_the_direction(tmp_path: Path) -> None:
    images = clip_frames("left", seed=(1,), width=WIDTH, height=HEIGHT, frames=FRAMES)
    data = [np.round(image * 255).astype(np.uint8).tobytes() for image in images]
    for name, frames in (("on.mp4", data), ("back.mp4", data[::-1])):
        encode_h264(tmp_path / name, frames, width=WIDTH, height=HEIGHT, fps=10, qp=20)
    assert np.array_equal(decoded(tmp_path / "on.mp4"), decoded(tmp_path / "back.mp4")[::-1])


def test_clips_differ_in_length_looks_and_objects() -> None:
    found = [clip for label in ("left", "open") for clip in clips(label, 0, TRAIN)]
    assert len({len(clip) for clip in found}) == FRAMES[1] - FRAMES[0] + 1
    assert np.std([clip.mean() for clip in found]) > 0.03
    assert len({clip.tobytes() for clip in found}) == len(found)


def test_an_unknown_class_is_an_error() -> None:
    with pytest.raises(ValueError, match="class 'sideways' is unknown"):
        clip_frames("sideways", seed=(0,), width=48, height=36, frames=(8, 8))


def test_the_shipped_file_declares_the_pairs_that_are_rendered() -> None:
    file = Path(__file__).resolve().parents[2] / "params/benchmarks/arrow.yaml"
    benchmark = load(Benchmark, file)
    assert {tuple(pair) for pair in benchmark.labels.reversal_pairs} == set(PAIRS)
    assert benchmark.videos == Project(file.parents[2]).relative(Project(file.parents[2]).data("arrow")) + "/videos"
