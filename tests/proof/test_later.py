"""A benchmark was made again for another study: the results of the first are stale, and what is damaged is broken."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gsf.data import inventory, manifest
from gsf.project import Project
from gsf.proof.verify import verify_study
from gsf.report.replay import replayed
from gsf.store import extract
from gsf.video import render
from tests.proof.finished import commit, git, rewrite, write_lock
from tests.proof.sandbox import RESULTS, Sandbox

AGAIN = {"render", "inventory", "plan", "extract", "manifest"}


@pytest.fixture(scope="module")
def moved_on(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The finished study, after which another one made the benchmark anew with other parameters."""
    project = Project(Path(shutil.copytree(finished.root, tmp_path_factory.mktemp("moved") / "project")))
    file = project.params_file("benchmarks", "arrow")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("seed: 1", "seed: 2").replace("jpeg_quality: 5", "jpeg_quality: 6"), encoding="utf-8")
    text = project.plan_file.read_text(encoding="utf-8")
    project.plan_file.write_text(text.replace("study: demo", "study: other"), encoding="utf-8")
    render.run(project, "arrow")
    inventory.run(project, "arrow")
    for shard in ("00", "01"):
        extract.run(project, "arrow", shard)
    manifest.run(project, "arrow")
    write_lock(project)
    commit(project)
    return project


@pytest.fixture
def sandbox(moved_on: Project) -> Iterator[Sandbox]:
    sandbox = Sandbox(moved_on)
    yield sandbox
    sandbox.restore()


def test_it_is_stale_and_names_the_stages_that_ran_again(sandbox: Sandbox) -> None:
    verdict = sandbox.verify(deep=False)
    assert (verdict.status, verdict.exit_code) == ("holds", 0)
    assert {item.link.partition("@")[0] for item in verdict.of("stale_data")} == AGAIN
    assert {item.kind for item in verdict.findings} == {"stale_data", "stale_params"}
    assert "OK: nothing is broken, but stale parameters and stale data\n" in verdict.to_text()
    assert any("git alone has these receipts" in line for line in verdict.not_proven)


def test_a_fresh_clone_says_the_same(moved_on: Project, tmp_path: Path) -> None:
    git(moved_on, "clone", "--quiet", str(moved_on.root), str(tmp_path / "clone"))
    verdict = verify_study(Project(tmp_path / "clone"), "demo", deep=True)
    assert verdict.status == "holds"
    assert {item.kind for item in verdict.findings} == {"stale_data", "stale_params", "absent"}


def test_the_deep_check_tells_the_later_files_and_videos_from_damaged_ones(sandbox: Sandbox) -> None:
    verdict = sandbox.verify(deep=True)
    assert verdict.status == "holds"
    later = {item.link for item in verdict.of("stale_data")}
    shard, video = "data/arrow/shards/00.lmdb", "data/arrow/videos/left/test_000.mp4"
    assert {shard, video, "data/arrow/extracted/00.receipt.json", "data/arrow/inventory.csv"} <= later
    for name in (video, "data/arrow/inventory.csv", "data/arrow/extracted/00.receipt.json", shard):
        sandbox.flip(name)
        assert name in sandbox.broken(deep=True)
        sandbox.restore()


def test_of_the_active_study_it_is_broken(sandbox: Sandbox) -> None:
    plan = sandbox.path("params/plan.yaml")
    plan.write_text(plan.read_text(encoding="utf-8").replace("study: other", "study: demo"), encoding="utf-8")
    verdict = sandbox.verify(deep=False)
    assert {item.link.partition("@")[0] for item in verdict.of("broken")} == AGAIN
    assert verdict.of("stale_data") == []
    plan.write_text("study: [", encoding="utf-8")  # which study is the active one cannot be told
    assert sandbox.verify(deep=False).status == "broken"


@pytest.mark.parametrize("name", ["gsf-s0/2x1x1/metrics.json", "arrow/inventory.csv", "arrow/manifest.csv"])
def test_other_bytes_of_the_evidence_are_broken(sandbox: Sandbox, name: str) -> None:
    sandbox.flip(f"{RESULTS}/evidence/{name}")
    assert sandbox.verify(deep=False).status == "broken"


def test_other_bytes_of_a_receipt_are_broken(sandbox: Sandbox) -> None:
    sandbox.flip(sandbox.kept("extract@arrow-00"))
    assert "extract@arrow-00" in sandbox.broken(deep=False)


def test_a_receipt_that_git_does_not_have_is_broken(sandbox: Sandbox) -> None:
    kept = sandbox.kept("manifest@arrow")
    rewrite(sandbox.path(kept), seed=7)
    sandbox.rename_by_digest(kept)
    found = [item.what for item in sandbox.verify(deep=False).of("broken") if item.link == "manifest@arrow"]
    assert any(what.startswith("dvc.lock has another receipt") for what in found)


def test_without_git_nothing_witnesses_the_receipts(moved_on: Project, tmp_path: Path) -> None:
    copy = shutil.copytree(moved_on.root, tmp_path / "copy", ignore=shutil.ignore_patterns(".git", "data", "runs"))
    verdict = verify_study(Project(Path(copy)), "demo")
    assert {item.link.partition("@")[0] for item in verdict.of("broken")} == AGAIN


def test_a_stage_of_the_study_itself_that_dvc_lock_has_otherwise_is_broken(sandbox: Sandbox) -> None:
    path = sandbox.path("dvc.lock")
    lock = yaml.safe_load(path.read_text(encoding="utf-8"))
    lock["stages"]["train@demo-gsf-s0"]["outs"][0]["md5"] = "0" * 32
    path.write_text(yaml.safe_dump(lock), encoding="utf-8")
    assert sandbox.broken(deep=False) == ["train@demo-gsf-s0"]


def test_nothing_is_replayed_with_data_of_a_later_run(sandbox: Sandbox) -> None:
    verdict = replayed(sandbox.project, sandbox.verify(deep=False), count=1, seed=0)
    assert verdict.status == "holds"
    assert any("nothing was replayed" in line for line in verdict.to_json()["not_proven"])
