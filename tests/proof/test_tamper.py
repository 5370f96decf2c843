"""Changes of more than one file, and of what the files say of each other; single files: test_tamper_matrix.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.provenance.receipt import read_receipt
from tests.proof.finished import rewrite
from tests.proof.sandbox import RESULTS, Sandbox

GSF = "runs/demo/evaluate/gsf-s0/2x1x1"

STAGES = (
    *("render@arrow", "inventory@arrow", "manifest@arrow"),
    *("plan@arrow-00", "plan@arrow-01", "extract@arrow-00", "extract@arrow-01"),
    *(f"train@demo-{run}" for run in ("gsf-s0", "tsn-s0")),
    *(f"evaluate@demo-{run}-2x1x1" for run in ("gsf-s0", "tsn-s0")),
)
# Copies of what a stage wrote, and the stage.
EVIDENCE = {
    "gsf-s0/2x1x1/metrics.json": "evaluate@demo-gsf-s0-2x1x1",
    "gsf-s0/2x1x1/scores.safetensors": "evaluate@demo-gsf-s0-2x1x1",
    "arrow/inventory.csv": "inventory@arrow",
    "arrow/manifest.csv": "manifest@arrow",
    "arrow/manifest.json": "manifest@arrow",
}


@pytest.fixture
def sandbox(finished: Project) -> Iterator[Sandbox]:
    sandbox = Sandbox(finished)
    yield sandbox
    sandbox.restore()


@pytest.mark.parametrize("name", EVIDENCE)
def test_changed_evidence_that_the_report_agrees_with_is_named(sandbox: Sandbox, name: str) -> None:
    sandbox.flip(f"{RESULTS}/evidence/{name}")
    sandbox.forge_report()
    assert EVIDENCE[name] in [item.link for item in sandbox.verify(deep=False).of("broken") if name in item.what]


def test_forged_evaluation_that_its_cells_agree_with_is_named_by_dvc_lock(sandbox: Sandbox) -> None:
    stage, path = "evaluate@demo-gsf-s0-2x1x1", f"{RESULTS}/evidence/gsf-s0/2x1x1/metrics.json"
    kept = sandbox.kept(stage)
    outputs = read_receipt(sandbox.path(kept)).outputs
    rewrite(sandbox.path(path), top1=1.0)
    rewrite(sandbox.path(kept), outputs={**outputs, f"{GSF}/metrics.json": sha256_file(sandbox.path(path))})
    new = sandbox.rename_by_digest(kept)
    table = sandbox.path(f"{RESULTS}/results.json")
    cells = json.loads(table.read_bytes())
    for cell in cells:
        if cell["receipt"] == Path(kept).stem:
            cell |= {"receipt": Path(new).stem, "value": 1.0 if cell["metric"] == "top1" else cell["value"]}
    table.write_text(json.dumps(cells), encoding="utf-8")
    sandbox.forge_report()
    assert stage in sandbox.broken(deep=False)


def test_receipts_swapped_between_two_cells_name_both_cells(sandbox: Sandbox) -> None:
    table = sandbox.path(f"{RESULTS}/results.json")
    one, other = (Path(sandbox.kept(f"evaluate@demo-{run}-2x1x1")).stem for run in ("gsf-s0", "tsn-s0"))
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace(one, "#").replace(other, one).replace("#", other), encoding="utf-8")
    sandbox.forge_report()
    broken = sandbox.broken(deep=False)
    assert {"arrow/gsf-s0/2x1x1/top1", "arrow/tsn-s0/2x1x1/top1"} <= set(broken)
    assert all(link.startswith("arrow/") for link in broken)


@pytest.mark.parametrize("stage", [*STAGES, "report"])
def test_receipt_that_dvc_lock_has_otherwise_is_named(sandbox: Sandbox, stage: str) -> None:
    path = sandbox.path("dvc.lock")
    lock = yaml.safe_load(path.read_text(encoding="utf-8"))
    lock["stages"][stage]["outs"][0]["md5"] = "0" * 32
    path.write_text(yaml.safe_dump(lock), encoding="utf-8")
    assert sandbox.broken(deep=False) == [stage]


def test_receipts_swapped_in_dvc_lock_name_both_stages(sandbox: Sandbox) -> None:
    path, names = sandbox.path("dvc.lock"), ["train@demo-gsf-s0", "train@demo-tsn-s0"]
    lock = yaml.safe_load(path.read_text(encoding="utf-8"))
    one, other = (lock["stages"][name]["outs"][0] for name in names)
    one["md5"], other["md5"] = other["md5"], one["md5"]
    path.write_text(yaml.safe_dump(lock), encoding="utf-8")
    assert sorted(sandbox.broken(deep=False)) == names


def test_dvc_lock_that_is_no_lock_is_named_and_a_missing_one_is_said(sandbox: Sandbox) -> None:
    sandbox.path("dvc.lock").write_text("stages: [", encoding="utf-8")
    assert sandbox.broken(deep=False) == ["dvc.lock"]
    sandbox.path("dvc.lock").unlink()
    verdict = sandbox.verify(deep=False)
    assert verdict.ok
    assert any("dvc.lock does not have" in line for line in verdict.not_proven)


@pytest.mark.parametrize("agrees", [False, True])
def test_receipt_added_to_the_results_is_named(sandbox: Sandbox, agrees: bool) -> None:
    source = read_receipt(sandbox.path(sandbox.kept("train@demo-gsf-s0")))
    data = canonical_json({**source.content, "seed": 77})
    name = f"{RESULTS}/receipts/{sha256_bytes(data)}.json"
    sandbox.path(name).write_bytes(data)
    if agrees:
        sandbox.forge_report()
    found = [item.link for item in sandbox.verify(deep=False).of("broken") if name in item.what]
    assert "train@demo-gsf-s0" in found
