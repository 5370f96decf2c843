"""Videos share forward passes, and nobody can tell from their answers."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gsf.deploy.trained import find_trained
from gsf.evaluate.predict import forward_views
from gsf.params.benchmark import Extract
from gsf.predict.files import video_files
from gsf.predict.frames import VideoFrames
from gsf.predict.job import prepare
from gsf.predict.predict import Predictor
from gsf.project import Project

AT_ONCE = 2


@pytest.fixture
def predictor(project: Project, request: pytest.FixtureRequest) -> Predictor:
    """Takes two clips at once; of whole videos, or of windows of so many seconds."""
    text = f"name: two\nframes: 2\nclips: 1\ncrops: 1\nbatch_size: {AT_ONCE}\n"
    (project.root / "params/protocols/two.yaml").write_text(text)
    options = {"benchmark": None, "window": request.param, "stride": None, "timelines": None}
    return prepare(find_trained("gsf-s0"), protocol="two", device="cpu", **options).predictor


@pytest.mark.parametrize("predictor", [None, 0.25], indirect=True)
def test_videos_share_forward_passes_and_get_the_answers_that_they_get_alone(
    project: Project, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = sorted((project.root / "data/arrow/videos").glob("*/test_000.mp4"))[:5]
    bad = project.root / "bad.mp4"
    bad.write_text("no video")
    alone = [prediction for video in videos for prediction in predictor.predict(video_files([video]))]

    sizes: list[int] = []

    def counted(network: Any, views: Any, **options: Any) -> Any:
        sizes.append(len(views))
        return forward_views(network, views, **options)

    monkeypatch.setattr("gsf.predict.predict.forward_views", counted)
    given = [*videos[:3], bad, *videos[3:]]
    together = list(predictor.predict(video_files(given)))
    clips = sum(len(prediction.answers) for prediction in alone)
    assert len(sizes) == math.ceil(clips / AT_ONCE)
    assert sum(sizes) == clips
    assert [prediction.video for prediction in together] == [str(path) for path in given]
    assert "cannot be" in str(together.pop(3).problem)

    rows = [[answer.values for answer in prediction.answers] for prediction in alone]
    assert np.abs(rows[0][0] - rows[1][0]).max() > 1e-4  # else their order would not show
    for one, values, other in zip(alone, rows, together, strict=True):
        assert [answer.part for answer in one.answers] == [answer.part for answer in other.answers]
        np.testing.assert_allclose([answer.values for answer in other.answers], values, atol=1e-5)


@pytest.mark.parametrize("predictor", [None], indirect=True)
def test_nothing_is_decoded_any_more_for_someone_who_has_seen_enough(
    project: Project, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def noted(path: Path, how: Extract, *, name: str) -> VideoFrames:
        opened.append(name)
        return VideoFrames(path, how, name=name)

    monkeypatch.setattr("gsf.predict.decoding.VideoFrames", noted)
    monkeypatch.setattr("gsf.predict.decoding.usable_cores", lambda: 2)
    files = video_files([project.root / "data/arrow/videos"])
    with closing(predictor.predict(files)) as found:  # type: ignore[type-var]  # a generator
        assert next(found).video == files[0].name
    assert len(opened) <= AT_ONCE + 3
    assert len(files) == 36
