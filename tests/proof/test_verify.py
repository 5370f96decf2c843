from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.proof.chain import work_receipts
from gsf.proof.findings import Finding, Kind, Verdict
from gsf.proof.verify import Verdicts, verify, verify_study
from gsf.provenance import code
from gsf.provenance.receipt import StageResult, root_input, seal
from gsf.store.reader import ShardReader
from tests.proof.finished import REPOSITORY, git, rewrite

Copy = Callable[[], Project]


def study(project: Project, *, deep: bool = False) -> Verdict:
    return verify_study(project, "demo", deep=deep)


def test_untouched_project_holds_shallow_and_deep(finished: Project) -> None:
    for deep in (False, True):
        verdict = study(finished, deep=deep)
        assert verdict.findings == ()
        assert verdict.ok
        assert verdict.checked["cells"] == 8
    assert verdict.checked["videos"] == 36
    assert "OK: nothing is broken\n" in verdict.to_text()


def test_fresh_clone_holds_and_says_which_bytes_are_absent(finished: Project, tmp_path: Path) -> None:
    git(finished, "clone", "--quiet", str(finished.root), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    assert not (clone.root / "data").exists()
    assert study(clone).findings == ()
    deep = study(clone, deep=True)
    assert deep.ok
    absent = {finding.link for finding in deep.findings}
    assert {"data/arrow/shards/00.lmdb", "runs/demo/train/gsf-s0/checkpoint.safetensors"} <= absent
    assert {finding.kind for finding in deep.findings} == {"absent"}
    assert any("videos of arrow" in line for line in deep.not_proven)


def test_changed_parameter_is_stale_not_broken_and_names_file_key_and_stage(finished_copy: Copy) -> None:
    project = finished_copy()
    recipe = project.params_file("recipes", "quick")
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("epochs: 3", "epochs: 4"), encoding="utf-8")
    verdict = study(project)
    assert verdict.ok
    assert {(item.kind, item.link, item.what) for item in verdict.findings} == {
        ("stale_params", f"train@demo-{run}", "params/recipes/quick.yaml: epochs is 4, was 3")
        for run in ("tsn-s0", "gsf-s0")
    }


def test_parameter_that_a_stage_does_not_use_makes_nothing_stale(finished_copy: Copy) -> None:
    project = finished_copy()
    file = project.params_file("benchmarks", "arrow")
    text = file.read_text(encoding="utf-8").replace("videos: data/arrow/videos", "videos: elsewhere")
    file.write_text(text + "unknown: 1\n", encoding="utf-8")
    assert study(project).findings == ()


@pytest.mark.parametrize("kind", ["models", "protocols"])
def test_key_added_to_a_file_that_is_used_as_a_whole_is_stale(finished_copy: Copy, kind: str) -> None:
    project = finished_copy()
    file = project.params_file(kind, {"models": "gsf", "protocols": "2x1x1"}[kind])
    file.write_text(file.read_text(encoding="utf-8") + "added: 1\n", encoding="utf-8")
    assert "added is 1, was not there" in study(project).of("stale_params")[0].what


def test_parameter_file_that_is_gone_is_stale(finished_copy: Copy) -> None:
    project = finished_copy()
    project.params_file("models", "tsn").unlink()
    assert [item.link for item in study(project).of("stale_params")] == ["train@demo-tsn-s0"]


def test_changed_code_is_stale_and_names_the_module(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(REPOSITORY / "gsf", tmp_path / "gsf", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PACKAGE", tmp_path / "gsf")
    assert study(finished).findings == ()
    with (tmp_path / "gsf/evaluate/stage.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    verdict = study(finished)
    assert verdict.ok
    assert {(item.kind, item.link) for item in verdict.findings} == {
        ("stale_code", f"evaluate@demo-{run}-2x1x1") for run in ("tsn-s0", "gsf-s0")
    }
    assert all("gsf/evaluate/stage.py" in item.what for item in verdict.findings)


def test_changed_lock_of_the_environment_is_stale(finished_copy: Copy) -> None:
    project = finished_copy()
    (project.root / "requirements.lock").write_text("torch==1\n", encoding="utf-8")
    assert [(item.kind, item.link) for item in study(project).findings] == [("stale_code", "requirements.lock")]


def test_stages_that_dvc_does_not_know_are_said(finished_copy: Copy) -> None:
    project = finished_copy()
    (project.root / "dvc.lock").unlink()
    verdict = study(project)
    assert verdict.ok
    assert any("dvc.lock does not have" in line for line in verdict.not_proven)
    (project.root / "dvc.lock").write_text("stages: [", encoding="utf-8")
    assert [item.link for item in study(project).of("broken")] == ["dvc.lock"]


def test_marks_of_snakemake_in_the_results_break_nothing(finished_copy: Copy) -> None:
    project = finished_copy()
    for part in ("receipts", "evidence"):
        (project.results("demo") / part / ".snakemake_timestamp").touch()
    assert study(project, deep=True).of("broken") == []
    (project.results("demo") / "evidence" / "notes.txt").touch()
    assert [item.link for item in study(project).of("broken")] == ["results/demo/evidence/notes.txt"]


def test_results_that_are_not_committed_are_information(finished_copy: Copy) -> None:
    project = finished_copy()
    git(project, "rm", "--quiet", "--cached", "results/demo/README.md")
    verdict = study(project)
    assert [(item.kind, item.link) for item in verdict.findings] == [("uncommitted", "results/demo/README.md")]
    assert verdict.ok


@pytest.mark.parametrize("way", ["changed", "deleted", "not in git", "never here"])
def test_root_of_the_chain_is_checked(tmp_path: Path, way: str) -> None:
    project = Project(tmp_path)
    root = tmp_path / "annotations.csv"
    root.write_text("path,label\n", encoding="utf-8")
    (tmp_path / "requirements.lock").write_text("", encoding="utf-8")
    (tmp_path / "data/own").mkdir(parents=True)
    (tmp_path / "data/own/inventory.csv").write_text("id\n", encoding="utf-8")
    git(project, "init", "--quiet")
    if way not in ("not in git", "never here"):
        git(project, "add", "annotations.csv")
    result = StageResult(
        stage="inventory@own",
        command=["gsf", "inventory", "own"],
        params={},
        inputs=[root_input(project, root)],
        outputs=[tmp_path / "data/own/inventory.csv"],
        entry="gsf.provenance.hashing",
    )
    seal(project, result, project.inventory_receipt("own"))
    assert verdict_of(project).of("broken") == []
    if way == "changed":
        root.write_text("path,label\nx,y\n", encoding="utf-8")
    elif way in ("deleted", "never here"):
        root.unlink()
    kind = {"changed": "broken", "deleted": "broken", "not in git": "uncommitted", "never here": "absent"}[way]
    assert [(item.kind, item.link) for item in verdict_of(project).findings] == [(kind, "annotations.csv")]


def verdict_of(project: Project) -> Verdict:
    verdict = verify(project)
    assert isinstance(verdict, Verdict)
    return verdict


def test_work_tree_without_results_is_verified_and_says_that_no_number_is(finished_copy: Copy) -> None:
    project = finished_copy()
    shutil.rmtree(project.root / "results")
    verdict = verdict_of(project)
    assert verdict.checked["receipts"] == len(list(work_receipts(project)))
    assert verdict.ok
    assert any(line.startswith("any number") for line in verdict.not_proven)
    rewrite(project.extract_receipt("arrow", "00"), seed=5)
    assert "extract@arrow-00" in {item.link for item in verdict_of(project).of("broken")}


def test_project_with_nothing_to_verify_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match="no results and no receipts here"):
        verify(Project(tmp_path))


def test_unknown_study_is_an_error_that_lists_those_here(finished: Project) -> None:
    with pytest.raises(ProvenanceError, match=r"nonsense: is no study with results \(here: demo\)"):
        verify(finished, "nonsense")


def test_one_shard_is_verified_and_a_damaged_one_named(finished_copy: Copy) -> None:
    project = finished_copy()
    name = "data/arrow/shards/01.lmdb"
    good = verify(project, name)
    assert good.ok
    path = project.root / name
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :])
    bad = verify(project, name)
    assert isinstance(bad, Verdict)
    assert not bad.ok
    assert {item.link for item in bad.findings} == {name}


def test_a_flipped_byte_of_a_shard_names_the_video_or_says_that_no_frame_has_changed(finished_copy: Copy) -> None:
    project = finished_copy()
    name = "data/arrow/shards/01.lmdb"
    path = project.root / name
    data, reader = path.read_bytes(), ShardReader(path)
    video = list(reader)[1]
    frame = reader[video][3]
    reader.close()
    cases: tuple[tuple[int, Kind, str], ...] = (
        (data.index(frame) + len(frame) // 2, "broken", video),
        (4095, "equal", "every frame in it is what was extracted"),  # the end of LMDB's first page holds nothing
    )
    for offset, kind, said in cases:
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :])
        verdict = verify(project, name)
        assert isinstance(verdict, Verdict)
        assert any(said in item.what for item in verdict.of(kind)), verdict.findings
        assert verdict.status == kind


def test_shard_cut_short_is_named_and_does_not_end_the_check(finished_copy: Copy) -> None:
    project = finished_copy()
    path = project.shard("arrow", "00")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert {item.link for item in study(project, deep=True).of("broken")} == {"data/arrow/shards/00.lmdb"}


def test_shard_whose_receipt_promises_other_frames_is_named(finished_copy: Copy) -> None:
    project = finished_copy()
    receipt = project.extract_receipt("arrow", "00")
    facts = {**json.loads(receipt.read_bytes())["facts"], "logical_digest": "0" * 64}
    shutil.rmtree(project.root / "results")
    rewrite(receipt, facts=facts)
    verdict = verify(project, "data/arrow/shards/00.lmdb")
    assert isinstance(verdict, Verdict)
    assert any("its frames have the digest" in item.what for item in verdict.of("broken"))


def test_file_that_no_stage_wrote_cannot_be_verified(finished: Project) -> None:
    with pytest.raises(ProvenanceError, match="no receipt here lists this file"):
        verify(finished, "requirements.lock")


def test_json_holds_what_the_text_says(finished_copy: Copy) -> None:
    project = finished_copy()
    (project.results("demo") / "README.md").unlink()
    verdict = study(project)
    value = json.loads(json.dumps(verdict.to_json()))
    assert value["ok"] is False
    assert "BROKEN: results/demo/README.md" in verdict.to_text()
    assert any(item["link"] == "results/demo/README.md" and item["kind"] == "broken" for item in value["findings"])


def test_every_broken_finding_says_what_to_do(finished_copy: Copy) -> None:
    project = finished_copy()
    for path in sorted((project.results("demo") / "receipts").iterdir())[:4]:
        path.unlink()
    found: list[Finding] = study(project).of("broken")
    assert found
    assert all(item.remedy and item.what for item in found)


def test_shallow_check_loads_no_heavy_package() -> None:
    program = "import sys, gsf.proof.verify, gsf.proof.trace;" + (
        "print(sorted({'torch', 'dvc', 'mlflow', 'lmdb', 'numpy', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_status_and_exit_code_tell_broken_from_equal_and_from_what_holds(finished_copy: Copy) -> None:
    project = finished_copy()
    assert (study(project).status, study(project).exit_code) == ("holds", 0)
    metrics = project.metrics("demo", "gsf-s0", "2x1x1")
    metrics.write_text(json.dumps(json.loads(metrics.read_bytes()), indent=2), encoding="utf-8")
    verdict = study(project, deep=True)
    assert (verdict.status, verdict.exit_code, verdict.ok) == ("equal", 3, True)
    assert verdict.to_json()["status"] == "equal"
    assert "EQUAL: nothing is broken, but other bytes of the same content: runs/demo/evaluate" in verdict.to_text()
    (project.results("demo") / "README.md").unlink()
    verdict = study(project, deep=True)
    assert (verdict.status, verdict.exit_code, verdict.ok) == ("broken", 1, False)
    assert Verdicts((study(project), verdict)).exit_code == 1


def test_unreadable_plan_is_stale_and_that_of_another_study_is_said(finished_copy: Copy) -> None:
    project = finished_copy()
    text = project.plan_file.read_text(encoding="utf-8")
    project.plan_file.write_text(text.replace("study: demo", "study: other"), encoding="utf-8")
    verdict = study(project)
    assert verdict.findings == ()
    assert any("another study is active" in line for line in verdict.not_proven)
    project.plan_file.write_text("study: [", encoding="utf-8")
    assert [(item.kind, item.link) for item in study(project).findings] == [("stale_params", "report")]
