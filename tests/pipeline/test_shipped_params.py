from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gsf.data.init.published import init_published
from gsf.data.subsets import read_subsets
from gsf.exchange.about import About
from gsf.params.base import Strict, load
from gsf.params.benchmark import Benchmark
from gsf.params.model import Model
from gsf.params.protocol import Protocol
from gsf.params.recipe import Recipe
from gsf.params.study import NO_ADDITIONS, NO_SUBSETS, Plan
from gsf.pipeline import study
from gsf.project import Project
from gsf.store.plan import read_additions
from tests.data.published.small import write
from tests.pipeline.tiny import ROOT

SCHEMAS: dict[str, type[Strict]] = {
    "about": About,
    "benchmarks": Benchmark,
    "models": Model,
    "protocols": Protocol,
    "recipes": Recipe,
}
FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "params").rglob("*"))


@pytest.mark.parametrize("name", [name for name in FILES if (ROOT / name).is_file()])
def test_a_shipped_parameter_file_is_valid(name: str) -> None:
    path = Path(name)
    if name == NO_ADDITIONS:
        assert read_additions(ROOT / path) == {}
        return
    if name == NO_SUBSETS:
        assert read_subsets(ROOT / path) == ()
        return
    assert path.suffix == ".yaml"
    if name == "params/plan.yaml":
        load(Plan, ROOT / path)
    elif path.parent.name == "studies":
        study.resolve(Project(ROOT), path.stem)
    else:
        item = load(SCHEMAS[path.parent.name], ROOT / path)
        assert item.model_dump()["name"] == path.stem


def test_the_documented_study_of_an_ensemble_names_files_that_are_shipped(tmp_path: Path) -> None:
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- study: (\S+) -->\n\n```yaml\n(.*?)```", text, re.DOTALL)
    assert found is not None
    project = Project(tmp_path)
    shutil.copytree(ROOT / "params", tmp_path / "params")
    (tmp_path / "videos").mkdir()
    init_published(project, "ssv1", tmp_path / "videos", format="ssv1", annotations=write(tmp_path / "lists", "ssv1"))
    project.params_file("studies", found[1]).write_text(found[2], encoding="utf-8")
    (ensemble,) = study.resolve(project, found[1]).ensembles.values()
    names = ["gsf-8-s0/8x2x1", "gsf-12-s0/12x2x1", "gsf-16-s0/16x1x1", "gsf-24-s0/24x1x1"]
    assert [member.name for member in ensemble.weighted()] == names


def test_the_recipe_without_validation_differs_from_the_published_one_in_the_choice_of_the_epoch_alone() -> None:
    paper, last = (load(Recipe, ROOT / f"params/recipes/{name}.yaml").model_dump() for name in ("paper", "paper-last"))
    assert last == paper | {"name": "paper-last", "select": "last"}


def test_every_kind_of_file_is_shipped() -> None:
    assert {Path(name).parent.name for name in FILES if name.endswith(".yaml")} == {*SCHEMAS, "studies", "params"}
