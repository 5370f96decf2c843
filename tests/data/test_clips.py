"""Clips out of shards: the same for any loader, each frame decoded once, labels that follow a flip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from gsf.data import videos as videos_module
from gsf.data.augment.clip import augment_on_device
from gsf.data.augment.resize import resize_short_side
from gsf.data.clips import EvaluationClips, TrainingClips, ValidationClips
from gsf.data.decode import decode_frames
from gsf.data.inputs import flipped_labels, shard_paths, split_of
from gsf.data.lists import read_manifest
from gsf.data.loader import collate, evaluation_loader, training_loader, workers
from gsf.data.videos import Videos
from gsf.errors import DataError, ParamsError
from gsf.params.augment import Augment, RandAugment
from gsf.params.protocol import Protocol
from gsf.project import Project

CPU = torch.device("cpu")
AUGMENT = Augment(rand_augment=RandAugment(), scales=[1.0, 0.75])


def videos_of(project: Project, split: str) -> Videos:
    manifest = read_manifest(project, "arrow")
    return Videos(split_of(manifest, split), shard_paths(project, "arrow", manifest))


def training(project: Project, *, augment: Augment = AUGMENT, segments: int = 4, seed: int = 3) -> TrainingClips:
    flips = flipped_labels(read_manifest(project, "arrow"))
    return TrainingClips(
        videos_of(project, "train"), num_segments=segments, size=32, augment=augment, flipped_labels=flips, seed=seed
    )


def protocol(clips: int, crops: int, **more: object) -> Protocol:
    return Protocol.model_validate({"name": "p", "frames": 4, "clips": clips, "crops": crops, **more})


BATCHES = [[(0, 0), (0, 1), (0, 2)], [(0, 5), (1, 5)], [(1, 0)]]


def test_the_number_of_loader_processes_and_the_order_change_no_clip(small_data: Project) -> None:
    one = list(training_loader(training(small_data), BATCHES, workers=0, device=CPU))
    two = list(training_loader(training(small_data), BATCHES, workers=2, device=CPU))
    for (a, labels_a, index_a), (b, labels_b, index_b) in zip(one, two, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(labels_a, labels_b)
        assert torch.equal(index_a, index_b)
    alone = training(small_data)[(1, 5)][0]
    assert torch.equal(one[1][0][1], alone)


def test_another_epoch_sample_or_seed_is_another_draw(small_data: Project) -> None:
    clips, other = training(small_data), training(small_data, seed=4)
    draws = [clips.load(position)[0].transform for position in [(0, 0), (1, 0), (0, 1)]] + [
        other.load((0, 0))[0].transform
    ]
    assert len(set(draws)) == 4


def test_augmentation_on_the_device_gives_the_clips_of_the_processes(small_data: Project) -> None:
    on_cpu = training(small_data)
    on_device = training(small_data, augment=AUGMENT.model_copy(update={"on": "device"}))
    here = list(training_loader(on_cpu, BATCHES, workers=0, device=CPU))
    for workers_ in (0, 2):
        there = list(training_loader(on_device, BATCHES, workers=workers_, device=CPU))
        for (clips, labels, indices), (whole, transforms, *rest) in zip(here, there, strict=True):
            assert torch.equal(augment_on_device(whole, transforms, CPU), clips)
            assert torch.equal(rest[0], labels)
            assert torch.equal(rest[1], indices)


def test_a_batch_lies_channels_last_in_memory(small_data: Project) -> None:
    for workers_ in (0, 1):
        clips = next(iter(training_loader(training(small_data), BATCHES, workers=workers_, device=CPU)))[0]
        assert clips.shape == (3, 4, 3, 32, 32)
        assert clips.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    samples = [(torch.rand(2, 3, 8, 8), 1, 0), (torch.rand(2, 3, 8, 8), 2, 1)]
    assert torch.equal(collate(samples)[0], torch.stack([clip for clip, _, _ in samples]))


def test_a_mirrored_clip_has_the_label_of_what_it_shows(small_data: Project) -> None:
    manifest = read_manifest(small_data, "arrow")
    clips, split = training(small_data), split_of(manifest, "train")
    left, right = manifest.classes.index("left"), manifest.classes.index("right")
    swapped = {left: right, right: left}
    seen = set()
    for epoch in range(8):
        for index, label in enumerate(split.labels):
            if label in swapped:
                drawn, _ = clips.load((epoch, index))
                assert drawn.label == (swapped[label] if drawn.transform.flip else label)
                seen.add(drawn.transform.flip)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("views", "more"),
    [((3, 3), {}), ((10, 3), {}), ((10, 1), {"sampling": "dense"}), ((2, 1), {"short_videos": "wrap"})],
)
def test_an_evaluation_decodes_each_needed_frame_once_for_all_views(
    small_data: Project, monkeypatch: pytest.MonkeyPatch, views: tuple[int, int], more: dict[str, object]
) -> None:
    decoded: list[str] = []

    def counting(jpegs: Sequence[bytes], *, names: Sequence[str]) -> torch.Tensor:
        decoded.extend(names)
        return decode_frames(jpegs, names=names)

    monkeypatch.setattr(videos_module, "decode_frames", counting)
    clips = EvaluationClips(videos_of(small_data, "test"), protocol=protocol(*views, **more), short_side=36, size=32)
    clips[0]
    assert len(decoded) == len(set(decoded)) == len(np.unique(clips.frames_of(0)))


def test_views_are_clip_by_clip_and_crop_by_crop(small_data: Project) -> None:
    videos = videos_of(small_data, "test")
    clips = EvaluationClips(videos, protocol=protocol(3, 3), short_side=40, size=32)
    views, label, index = clips[1]
    assert (views.shape, label, index) == ((9, 4, 3, 32, 32), videos.split.labels[1], 1)
    for clip, wanted in enumerate(clips.frames_of(1).tolist()):
        frames = resize_short_side(videos.decode(1, wanted), 40)
        left = round((frames.shape[-1] - 32) / 2)
        assert torch.equal(views[3 * clip], frames[..., 4:36, :32])
        assert torch.equal(views[3 * clip + 1], frames[..., 4:36, left : left + 32])
        assert torch.equal(views[3 * clip + 2], frames[..., 4:36, -32:])


def test_validation_is_the_middle_clip_and_the_centre_crop(small_data: Project) -> None:
    videos = videos_of(small_data, "val")
    validation = ValidationClips(videos, num_segments=4, short_side=36, size=32)
    evaluation = EvaluationClips(videos, protocol=protocol(1, 1), short_side=36, size=32)
    for index in (0, 3):
        assert torch.equal(validation[index][0], evaluation[index][0][0])


def test_evaluation_batches_are_the_videos_that_are_asked_for(small_data: Project) -> None:
    clips = EvaluationClips(videos_of(small_data, "test"), protocol=protocol(1, 1), short_side=36, size=32)
    batches = list(evaluation_loader(clips, [range(2), range(2, 3)], workers=0, device=CPU))
    assert [batch[2].tolist() for batch in batches] == [[0, 1], [2]]


def test_a_video_shorter_than_a_clip_is_an_error_with_its_name_where_the_recipe_says_so(small_data: Project) -> None:
    strict = Augment(short_videos="error")
    clips = training(small_data, augment=strict, segments=64)
    video = split_of(read_manifest(small_data, "arrow"), "train").ids[0]
    with pytest.raises(DataError, match=f"video {video} has .* frames, must have at least 64"):
        clips[(0, 0)]
    validation = ValidationClips(
        videos_of(small_data, "val"), num_segments=64, short_side=36, size=32, short_videos="error"
    )
    with pytest.raises(DataError, match="must have at least 64"):
        validation[0]


def test_loader_processes_are_those_asked_for_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSF_WORKERS", "3")
    assert workers(None) == 3
    assert workers(0) == 0
    monkeypatch.setenv("GSF_WORKERS", " ")
    assert 0 <= workers(None) <= 8


@pytest.mark.parametrize("given", ["many", "-1", "2.5", "²"])
def test_a_bad_number_of_loader_processes_is_an_error_with_the_rule(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("GSF_WORKERS", given)
    with pytest.raises(ParamsError, match=f"GSF_WORKERS is '{given}', must be an integer of 0 or more"):
        workers(None)
