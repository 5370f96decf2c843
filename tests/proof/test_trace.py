from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.proof.chain import Chain, code_digest, study_chain, whole_chain, work_chain
from gsf.proof.trace import trace
from gsf.provenance.hashing import canonical_json, sha256_bytes
from gsf.provenance.receipt import read_receipt
from tests.proof.finished import git, rewrite

CELL = "arrow/gsf-s0/2x1x1/top1"
WAY = [
    *("evaluate@demo-gsf-s0-2x1x1", "train@demo-gsf-s0", "manifest@arrow"),
    *("extract@arrow-00", "extract@arrow-01", "plan@arrow-00", "plan@arrow-01", "inventory@arrow", "render@arrow"),
]
Copy = Callable[[], Project]


def stages(project: Project, target: str, *, video: str | None = None) -> list[str]:
    return [step.stage for step in trace(project, target, video=video).steps]


def test_cell_is_traced_through_every_stage_down_to_the_videos(finished: Project) -> None:
    found = trace(finished, CELL)
    assert sorted(step.stage for step in found.steps) == sorted(WAY)
    position = {step.stage: number for number, step in enumerate(found.steps)}
    of_receipt = {step.receipt: step.stage for step in found.steps}
    for step in found.steps:
        for item in step.inputs:
            if item.receipt is not None:
                assert position[step.stage] < position[of_receipt[item.receipt]]
    (roots,) = found.roots
    assert (roots.count, len(roots.rows), found.missing) == (36, 36, ())
    video = roots.rows[0]
    assert video.sha256 == sha256_bytes((finished.root / "data/arrow/videos" / video.id).read_bytes())


def test_text_has_number_commands_parameters_digests_and_videos(finished: Project) -> None:
    text = trace(finished, CELL).to_text()
    assert text.startswith(f"{CELL} = 0.75 of 12 videos\n")
    receipt = read_receipt(finished.train_receipt("demo", "gsf-s0"))
    for part in (
        "gsf train arrow --study demo --run gsf-s0",
        "params/recipes/quick.yaml: ",
        "epochs=3",
        receipt.digest[:12],
        code_digest(receipt)[:12],
        "[x] runs/demo/train/gsf-s0/checkpoint.safetensors",
        "31 more: `--videos` names all",
    ):
        assert part in text
    named = trace(finished, CELL, all_videos=True).to_text()
    assert named.count(".mp4  sha256 ") == 36


def test_fresh_clone_traces_the_same_and_marks_what_is_absent(finished: Project, tmp_path: Path) -> None:
    git(finished, "clone", "--quiet", str(finished.root), str(tmp_path / "clone"))
    here, there = trace(finished, CELL), trace(Project(tmp_path / "clone"), CELL)
    assert [step.receipt for step in there.steps] == [step.receipt for step in here.steps]
    assert [video.sha256 for video in there.roots[0].rows] == [video.sha256 for video in here.roots[0].rows]
    assert not any(item.here for step in there.steps for item in step.outputs)
    assert all(item.here for step in here.steps for item in step.outputs)
    assert "[ ] data/arrow/shards/00.lmdb" in there.to_text()


def test_json_is_whole(finished: Project) -> None:
    value = json.loads(json.dumps(trace(finished, CELL).to_json()))
    assert value["cell"]["value"] == 0.75
    assert len(value["roots"][0]["rows"]) == 36
    assert sorted(step["stage"] for step in value["steps"]) == sorted(WAY)


@pytest.mark.parametrize(
    ("target", "first", "kind"),
    [
        ("data/arrow/shards/01.lmdb", "extract@arrow-01", "file"),
        ("runs/demo/train/tsn-s0/checkpoint.safetensors", "train@demo-tsn-s0", "file"),
        ("runs/demo/evaluate/tsn-s0/2x1x1/metrics.json", "evaluate@demo-tsn-s0-2x1x1", "file"),
        ("results/demo/results.json", "report", "file"),
        ("data/arrow/manifest.receipt.json", "manifest@arrow", "receipt"),
        ("train@demo-tsn-s0", "train@demo-tsn-s0", "stage"),
        (f"demo/{CELL}", "evaluate@demo-gsf-s0-2x1x1", "cell"),
    ],
)
def test_files_receipts_stages_and_cells_are_targets(finished: Project, target: str, first: str, kind: str) -> None:
    found = trace(finished, target)
    assert (found.kind, found.steps[0].stage) == (kind, first)
    assert found.steps[-1].stage == "render@arrow"


def test_file_is_found_from_the_current_folder(finished: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.root / "data/arrow")
    assert stages(finished, "shards/01.lmdb")[0] == "extract@arrow-01"


def test_receipt_is_found_by_eight_characters_and_not_by_seven(finished: Project) -> None:
    digest = read_receipt(finished.manifest_receipt("arrow")).digest
    assert stages(finished, digest[:8])[0] == "manifest@arrow"
    assert stages(finished, digest)[0] == "manifest@arrow"
    with pytest.raises(ProvenanceError, match="8 characters or more"):
        trace(finished, digest[:7])


def test_digest_that_is_not_here_is_an_error(finished: Project) -> None:
    with pytest.raises(ProvenanceError, match="no receipt here has this digest"):
        trace(finished, "0" * 64)


def test_run_of_mlflow_is_looked_up_there(finished: Project) -> None:
    digest = read_receipt(finished.train_receipt("demo", "tsn-s0")).digest
    asked = []

    def receipt_of_run(_: Project, run: str) -> str:
        asked.append(run)
        return digest

    found = trace(finished, "0123456789abcdef" * 2, receipt_of_run=receipt_of_run)
    assert (found.kind, found.steps[0].stage) == ("run", "train@demo-tsn-s0")
    assert asked == ["0123456789abcdef" * 2]


@pytest.mark.parametrize("prefix", ["data/arrow/videos/", ""])
def test_video_names_its_row_and_what_rests_on_it(finished: Project, prefix: str) -> None:
    row = trace(finished, CELL).roots[0].rows[0]
    found = trace(finished, f"{prefix}{row.id}")
    other = {"00": "01", "01": "00"}[row.shard]
    assert (found.kind, found.roots[0].rows) == ("video", (row,))
    assert f"extract@arrow-{row.shard}" in found.rests_on_it
    assert f"extract@arrow-{other}" not in found.rests_on_it
    assert CELL in found.rests_on_it


def test_way_to_one_video_leaves_out_the_other_shards(finished: Project) -> None:
    row = trace(finished, CELL).roots[0].rows[0]
    other = {"00": "01", "01": "00"}[row.shard]
    assert sorted(stages(finished, CELL, video=row.id)) == sorted(
        set(WAY) - {f"extract@arrow-{other}", f"plan@arrow-{other}"}
    )
    with pytest.raises(ProvenanceError, match=r"video gone\.mp4: is in no inventory"):
        trace(finished, CELL, video="gone.mp4")


@pytest.mark.parametrize(
    ("target", "near"),
    [
        ("arrow/gsf-s0/2x1x1/top2", CELL),
        ("arow/gsf-s0/2x1x1/top1", CELL),
        ("extract@arrow-07", "extract@arrow-00"),
        ("data/arrow/shards/09.lmdb", "data/arrow/shards/00.lmdb"),
    ],
)
def test_unknown_target_is_an_error_that_names_what_is_near(finished: Project, target: str, near: str) -> None:
    with pytest.raises(ProvenanceError, match="nothing that can be traced") as caught:
        trace(finished, target)
    assert near in str(caught.value)


def test_cell_that_two_studies_have_is_that_of_the_active_one_unless_neither_is(finished_copy: Copy) -> None:
    project = finished_copy()
    shutil.copytree(project.results("demo"), project.results("other"))
    assert trace(project, CELL).cell == trace(project, f"demo/{CELL}").cell
    other = trace(project, f"other/{CELL}").cell
    assert other is not None
    assert other.study == "other"
    project.plan_file.unlink()
    with pytest.raises(ProvenanceError, match="several studies have this cell"):
        trace(project, CELL)


def test_receipt_that_is_missing_is_named_where_the_way_ends(finished_copy: Copy) -> None:
    project = finished_copy()
    digest = read_receipt(project.manifest_receipt("arrow")).digest
    (project.results("demo") / f"receipts/{digest}.json").unlink()
    project.manifest_receipt("arrow").unlink()
    found = trace(project, CELL)
    assert any(digest in line and "manifest.csv" in line for line in found.missing)
    assert "the way down ends" in found.to_text()


def test_file_made_again_since_the_results_is_traced_to_its_own_receipt(finished_copy: Copy) -> None:
    project = finished_copy()
    curves, path = project.curves("demo", "gsf-s0"), project.train_receipt("demo", "gsf-s0")
    old = read_receipt(path)
    before = curves.read_bytes()
    curves.write_bytes(before + b"4,0.01,1,1,1,1\n")
    name = project.relative(curves)
    rewrite(path, outputs={**old.outputs, name: sha256_bytes(curves.read_bytes())})
    assert trace(project, name).steps[0].receipt == read_receipt(path).digest != old.digest
    curves.write_bytes(before)
    assert trace(project, name).steps[0].receipt == old.digest


def test_chains_of_results_and_work_tree_hold_the_same_receipts(finished: Project) -> None:
    work, kept = work_chain(finished), study_chain(finished, "demo")
    assert work.receipts.keys() == kept.receipts.keys()
    assert len(whole_chain(finished).receipts) == len(work.receipts) + 1  # and the report's


def test_damaged_receipt_is_kept_apart_with_the_reason(tmp_path: Path) -> None:
    chain = Chain()
    (tmp_path / "x.json").write_bytes(canonical_json({"format": 1}))
    assert chain.add(Project(tmp_path), tmp_path / "x.json") is None
    assert "lacks" in chain.damaged["x.json"]
    assert chain.receipts == {}
