"""Videos extracted and scored again: the same, close, or broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gsf.cli import main
from gsf.data.lists import read_manifest
from gsf.evaluate.measuring import measuring_of, write_measured
from gsf.evaluate.scores import read_scores, write_scores
from gsf.project import Project
from gsf.proof.findings import Finding, Verdict
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import linked_inputs, read_receipt
from gsf.report import replay
from gsf.report.recompute import recomputed
from gsf.report.replay import check_replayed, chosen, replayed
from gsf.train.device import deterministic
from tests.evaluate.test_stage import PLACE, evaluate
from tests.proof.finished import rewrite
from tests.untrained import write_training

STAGE = "evaluate@s-gsf-s0-2x2x3"


@pytest.fixture(scope="module")
def evaluated(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Real videos, shards and scores; the results folder has the receipt that leads to them."""
    project = Project(Path(shutil.copytree(small_data.root, tmp_path_factory.mktemp("replay") / "project")))
    write_training(project)
    with deterministic(threads=1):
        evaluate(project)
    receipt = read_receipt(project.evaluate_receipt(*PLACE))
    folder = project.results("s") / "receipts"
    folder.mkdir(parents=True)
    shutil.copy(project.evaluate_receipt(*PLACE), folder / f"{receipt.digest}.json")
    (project.results("s") / "results.json").write_text("[]\n", encoding="utf-8")
    return project


@pytest.fixture
def project(evaluated: Project, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(evaluated.root, tmp_path / "project")))


def found(project: Project, *, count: int = 2) -> list[Finding]:
    return list(check_replayed(project, "s", {}, count=count, seed=0))


def shift(project: Project, by: float) -> None:
    """Scores that lie in git, with every logit moved."""
    scores = read_scores(project.scores(*PLACE))
    scores.logits[:] += np.float32(by)
    path = project.results("s") / "evidence" / "gsf-s0" / "2x2x3" / "scores.safetensors"
    path.parent.mkdir(parents=True)
    write_scores(path, scores)


def test_what_was_extracted_and_scored_comes_out_the_same(evaluated: Project) -> None:
    checked: dict[str, int] = {}
    findings = list(check_replayed(evaluated, "s", checked, count=3, seed=1))
    assert not [item for item in findings if item.kind != "close"]
    assert checked == {"videos extracted again": 3, "videos scored again": 3}


def test_other_logits_are_broken_and_nearly_equal_ones_close(project: Project) -> None:
    shift(project, 1e-5)
    assert {(item.kind, item.link) for item in found(project)} == {("close", STAGE)}
    shutil.rmtree(project.results("s") / "evidence")
    shift(project, 0.1)
    assert {(item.kind, item.link) for item in found(project)} == {("broken", STAGE)}


def test_scores_forged_with_the_metrics_and_the_receipt_that_rest_on_them_are_broken(project: Project) -> None:
    scores, path = read_scores(project.scores(*PLACE)), project.evaluate_receipt(*PLACE)
    scores.logits[:] = -scores.logits
    write_measured(project.evaluated(*PLACE), scores, measuring_of(project, "arrow", None)[0])
    before = read_receipt(path)
    rewrite(path, outputs={name: sha256_file(project.root / name) for name in before.outputs})
    folder = project.results("s") / "receipts"
    (folder / f"{before.digest}.json").rename(folder / f"{read_receipt(path).digest}.json")
    shutil.copy(path, folder / f"{read_receipt(path).digest}.json")
    assert linked_inputs(project, path, project.evaluated(*PLACE).outputs)  # the chain agrees with itself
    assert {(item.kind, item.link) for item in found(project)} == {("broken", STAGE)}


def test_frames_of_another_video_are_broken_and_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = replay.decode
    monkeypatch.setattr(replay, "decode", lambda *args: list(decode(*args))[::-1])
    assert any(item.kind == "broken" and item.link.startswith("video ") for item in found(project))
    monkeypatch.setattr(replay, "decode", lambda *args: list(decode(*args))[1:])
    assert any("frames, the shard has" in item.what for item in found(project))


def test_another_checkpoint_is_broken(project: Project) -> None:
    path = project.checkpoint("s", "gsf-s0")
    path.write_bytes(path.read_bytes() + b" ")
    assert ("broken", project.relative(path)) in {(item.kind, item.link) for item in found(project, count=1)}


def test_what_is_not_here_is_absent(project: Project) -> None:
    project.checkpoint("s", "gsf-s0").unlink()
    for shard in read_manifest(project, "arrow").shards.distinct():
        project.shard("arrow", shard).unlink()
    assert {item.kind for item in found(project)} == {"absent"}


def test_the_choice_follows_from_the_seed() -> None:
    assert chosen(100, count=5, seed=1) == chosen(100, count=5, seed=1) != chosen(100, count=5, seed=2)
    assert chosen(3, count=5, seed=0) == [0, 1, 2]


def test_the_verdict_says_what_was_not_replayed(evaluated: Project) -> None:
    after = replayed(evaluated, Verdict("s", False, {}, (), ()), count=1, seed=0)
    assert isinstance(after, Verdict)
    assert after.ok
    assert "beyond the 1 that seed 0 chose; trainings, which were not run again" in after.not_proven[0]


@pytest.mark.parametrize("again", [recomputed, partial(replayed, count=1, seed=0)])
def test_verdict_of_a_single_file_says_that_nothing_was_done_again(
    evaluated: Project, again: Callable[[Project, Verdict], Verdict]
) -> None:
    after = again(evaluated, Verdict("data/arrow/shards/00.lmdb", True, {}, (), ("before",)))
    assert after.findings == ()
    assert after.not_proven[0] == "before"
    assert after.not_proven[1].endswith("so nothing was")


@pytest.mark.parametrize("count", ["0", "-1", "some"])
def test_replay_of_no_videos_is_refused(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", f"--replay={count}"])
    assert ended.value.code == 2
    assert f"--replay: is '{count}', must be an integer of 1 or more" in capsys.readouterr().err
