"""An ensemble, and metrics of a part of the videos, are rows and columns of the site like any other."""

from __future__ import annotations

import pytest

from gsf.project import Project
from gsf.site.build import site_files
from gsf.site.study import read_study
from tests.report.test_ensembles import make_combined
from tests.site.reading import read


@pytest.fixture(scope="module")
def combined(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_combined(tmp_path_factory.mktemp("combined"))


def test_an_ensemble_rests_on_all_its_members(combined: Project) -> None:
    study = read_study(combined, "tiny")
    (item,) = (item for item in study.evaluations if item.experiment == "both-s0")
    assert sorted(maker.stage for maker in item.makers) == ["train@tiny-gsf-s0", "train@tiny-tsn-s0"]
    assert item.network is None  # there are two
    assert item.macs is None
    assert "night.top1" in item.cells
    assert item.metrics["night.top1"] == item.cells["night.top1"].value


def test_its_pages_say_so(combined: Project) -> None:
    files = dict(site_files(combined, ["tiny"]))
    index = read(files["index.html"])
    assert "night top-1" in [element.text for element in index.all("bdi")]
    numbers = [e.attributes["href"] for e in index.all("a") if e.attributes.get("class") == "number"]
    assert "trace/tiny/both-s0--ensemble.html#m-night.top1" in numbers
    trace = read(files["trace/tiny/both-s0--ensemble.html"])
    steps = [step.text for step in trace.all("h3")]
    assert {"ensemble@tiny-both-s0", "evaluate@tiny-tsn-s0-8x1x1", "train@tiny-gsf-s0"} <= set(steps)
    assert "is not here" in trace.text  # this benchmark has no list of videos
