"""MLflow's pages, as a browser shows them, answer which variant is how accurate, at which cost, on which data."""

from __future__ import annotations

import html
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageChops

from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.tracking.connection import tracking_uri
from gsf.tracking.mlflow_projection import sync
from tests.tracking.fabricated import BENCHMARK, evaluate, make_project, train, write_journal

pytestmark = pytest.mark.mlflow

RUNS = {"tsn-s0": 0.25, "gsm-s0": 0.5, "gsf-s0": 0.75}
SIZE = "2400,1600"
# What a page must say; its picture is of the same page.
PICTURED = {
    "table": {*RUNS, "model.temporal", "8x1x1.top1", "cost.multiply_adds_g"},
    "compare": {*RUNS, "train_loss"},  # further charts are drawn when a reader comes to them
    "differences": {*RUNS, f"Comparing {len(RUNS)} Runs from 1 Experiment", "gsf.manifest"},
}
SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "screenshot.py"


@pytest.fixture(scope="module")
def screenshot() -> ModuleType:
    spec = importlib.util.spec_from_file_location("screenshot", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.START_SECONDS = 900  # of a busy machine
    if module.browser() is None:
        pytest.skip("NO TESTS OF PAGES: no browser: apt-get install -y --no-install-recommends chromium")
    return module


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "GSF_MLFLOW"):
            patch.delenv(name, raising=False)
        project = make_project(tmp_path_factory.mktemp("pages") / "project")
        for run, top1 in RUNS.items():
            write_journal(project, run, epochs=3)
            evaluate(project, run, train(project, run), top1=top1)
        sync(project)
        yield project


@pytest.fixture(scope="module")
def host(screenshot: ModuleType, shown: Project) -> Iterator[str]:
    with screenshot.server(tracking_uri(shown)) as address:
        yield address


def texts(page: str) -> list[str]:
    """What a page says, piece by piece."""
    plain = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    return [text for piece in re.split(r"<[^>]+>", plain) if (text := html.unescape(piece).strip())]


def look(screenshot: ModuleType, project: Project, host: str, page: str) -> list[str]:
    address = host + screenshot.page(project, "demo", page)
    return texts(screenshot.render(address, "--dump-dom", size=SIZE))


def test_table_shows_variants_accuracies_costs_and_data(screenshot: ModuleType, shown: Project, host: str) -> None:
    seen = look(screenshot, shown, host, "table")
    digest = sha256_file(shown.manifest(BENCHMARK))[:16]
    columns = {"Dataset", "model.temporal", "8x1x1.top1", "8x1x1.pair_accuracy", "cost.multiply_adds_g"}
    assert {*RUNS, *columns, "cost.parameters_m"} <= set(seen)
    assert f"{BENCHMARK} ({digest}-train)" in seen
    assert [text for text in seen if text in RUNS] == ["gsf-s0", "gsm-s0", "tsn-s0"]  # the best first


def test_comparison_shows_variants_accuracies_costs_and_data(screenshot: ModuleType, shown: Project, host: str) -> None:
    seen = look(screenshot, shown, host, "differences")
    assert f"Comparing {len(RUNS)} Runs from 1 Experiment" in seen
    names = {"benchmark", "model.temporal", "8x1x1.top1", "cost.multiply_adds_g", "cost.parameters_m", "gsf.manifest"}
    assert {*RUNS, *names, BENCHMARK, "resnet18", "11.18", "11.23"} <= set(seen)  # millions of parameters
    assert sha256_file(shown.manifest(BENCHMARK)) in seen


@pytest.mark.parametrize("page", PICTURED)
def test_picture_shows_what_its_page_is_for(
    page: str, screenshot: ModuleType, shown: Project, host: str, tmp_path: Path
) -> None:
    path, address = tmp_path / "page.png", host + screenshot.page(shown, "demo", page)
    assert PICTURED[page] <= set(texts(screenshot.render(address, "--dump-dom", size=SIZE)))
    screenshot.render(address, f"--screenshot={path}", size=SIZE)
    blank = tmp_path / "blank.png"
    screenshot.render(f"{host}/#/nothing/is/here", f"--screenshot={blank}", size=SIZE)
    assert unlike(path, blank) > 0.02  # what surrounds the page is the same


def unlike(one: Path, other: Path) -> float:
    """The share of two pictures' pixels that differ."""
    first, second = (Image.open(path).convert("RGB") for path in (one, other))
    assert first.size == second.size == tuple(int(side) for side in SIZE.split(","))
    same = ImageChops.difference(first, second).convert("L").histogram()[0]
    return 1 - same / (first.width * first.height)
