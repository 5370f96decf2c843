"""Every link of the chain, changed in four ways: the verifier must name that very link."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.provenance.receipt import read_receipt
from tests.provenance.finished import rewrite
from tests.provenance.sandbox import RESULTS, Sandbox

WAYS = ("flip", "swap", "delete", "forge")
DATA, RUNS = "data/arrow", "runs/demo"
GSF, TSN = f"{RUNS}/evaluate/gsf-s0/2x1x1", f"{RUNS}/evaluate/tsn-s0/2x1x1"

# What a stage wrote: its sibling, and the receipt that lists it.
ARTEFACTS = {
    f"{DATA}/annotations.csv": (f"{DATA}/inventory.csv", f"{DATA}/render.receipt.json"),
    f"{DATA}/inventory.csv": (f"{DATA}/manifest.csv", f"{DATA}/inventory.receipt.json"),
    f"{DATA}/manifest.csv": (f"{DATA}/inventory.csv", f"{DATA}/manifest.receipt.json"),
    f"{DATA}/manifest.json": (f"{GSF}/metrics.json", f"{DATA}/manifest.receipt.json"),
}
for one, other in (("00", "01"), ("01", "00")):
    own = f"{DATA}/extracted/{one}.receipt.json"
    ARTEFACTS[f"{DATA}/plan/{one}.csv"] = (f"{DATA}/plan/{other}.csv", f"{DATA}/plan/{one}.receipt.json")
    ARTEFACTS[f"{DATA}/shards/{one}.lmdb"] = (f"{DATA}/shards/{other}.lmdb", own)
    ARTEFACTS[f"{DATA}/extracted/{one}.csv"] = (f"{DATA}/extracted/{other}.csv", own)
for one, other in (("gsf-s0", "tsn-s0"), ("tsn-s0", "gsf-s0")):
    for name in ("checkpoint.safetensors", "curves.csv", "summary.json"):
        place = f"{RUNS}/train/{one}"
        ARTEFACTS[f"{place}/{name}"] = (f"{RUNS}/train/{other}/{name}", f"{place}/receipt.json")
    for name in ("scores.safetensors", "metrics.json"):
        place = f"{RUNS}/evaluate/{one}/2x1x1"
        ARTEFACTS[f"{place}/{name}"] = (f"{RUNS}/evaluate/{other}/2x1x1/{name}", f"{place}/receipt.json")
    ARTEFACTS[f"{place}/confusion.csv"] = (f"{RUNS}/train/{other}/curves.csv", f"{place}/receipt.json")

WORK_RECEIPTS = {
    f"{DATA}/render.receipt.json": f"{DATA}/inventory.receipt.json",
    f"{DATA}/inventory.receipt.json": f"{DATA}/manifest.receipt.json",
    f"{DATA}/plan/00.receipt.json": f"{DATA}/plan/01.receipt.json",
    f"{DATA}/plan/01.receipt.json": f"{DATA}/plan/00.receipt.json",
    f"{DATA}/extracted/00.receipt.json": f"{DATA}/extracted/01.receipt.json",
    f"{DATA}/extracted/01.receipt.json": f"{DATA}/extracted/00.receipt.json",
    f"{DATA}/manifest.receipt.json": f"{DATA}/inventory.receipt.json",
    f"{RUNS}/train/gsf-s0/receipt.json": f"{RUNS}/train/tsn-s0/receipt.json",
    f"{RUNS}/train/tsn-s0/receipt.json": f"{RUNS}/train/gsf-s0/receipt.json",
    f"{GSF}/receipt.json": f"{TSN}/receipt.json",
    f"{TSN}/receipt.json": f"{GSF}/receipt.json",
}

# Stages whose receipts are kept with the results: their sibling.
STAGES = {
    "render@arrow": "inventory@arrow",
    "inventory@arrow": "manifest@arrow",
    "plan@arrow-00": "plan@arrow-01",
    "plan@arrow-01": "plan@arrow-00",
    "extract@arrow-00": "extract@arrow-01",
    "extract@arrow-01": "extract@arrow-00",
    "manifest@arrow": "inventory@arrow",
    "train@demo-gsf-s0": "train@demo-tsn-s0",
    "train@demo-tsn-s0": "train@demo-gsf-s0",
    "evaluate@demo-gsf-s0-2x1x1": "evaluate@demo-tsn-s0-2x1x1",
    "evaluate@demo-tsn-s0-2x1x1": "evaluate@demo-gsf-s0-2x1x1",
}

# Evidence: its sibling, and the stage that it comes from.
EVIDENCE = {
    "gsf-s0/2x1x1/metrics.json": ("tsn-s0/2x1x1/metrics.json", "evaluate@demo-gsf-s0-2x1x1"),
    "tsn-s0/2x1x1/metrics.json": ("gsf-s0/2x1x1/metrics.json", "evaluate@demo-tsn-s0-2x1x1"),
    "gsf-s0/2x1x1/scores.safetensors": ("tsn-s0/2x1x1/scores.safetensors", "evaluate@demo-gsf-s0-2x1x1"),
    "tsn-s0/2x1x1/scores.safetensors": ("gsf-s0/2x1x1/scores.safetensors", "evaluate@demo-tsn-s0-2x1x1"),
    "arrow/inventory.csv": ("arrow/manifest.csv", "inventory@arrow"),
    "arrow/manifest.csv": ("arrow/inventory.csv", "manifest@arrow"),
    "arrow/manifest.json": ("gsf-s0/2x1x1/metrics.json", "manifest@arrow"),
}


@pytest.fixture
def sandbox(finished: Project) -> Iterator[Sandbox]:
    sandbox = Sandbox(finished)
    yield sandbox
    sandbox.restore()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ARTEFACTS)
def test_changed_artefact_is_named_by_the_deep_check(sandbox: Sandbox, name: str, way: str) -> None:
    sibling, receipt = ARTEFACTS[name]
    if way == "flip":
        sandbox.flip(name)
    elif way == "swap":
        sandbox.swap(name, sibling)
    elif way == "delete":
        sandbox.path(name).unlink()
        verdict = sandbox.verify(deep=True)
        assert [finding.link for finding in verdict.of("absent")] == [name]
        assert verdict.ok
        return
    else:
        sandbox.forge(name, receipt)
    broken = set(sandbox.broken(deep=True))
    expected = {"flip": {name}, "swap": {name, sibling}, "forge": {name, receipt}}[way]
    assert broken == expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", WORK_RECEIPTS)
def test_changed_receipt_in_the_work_tree_is_named_by_the_deep_check(sandbox: Sandbox, name: str, way: str) -> None:
    if way == "flip":
        sandbox.flip(name)
    elif way == "swap":
        sandbox.swap(name, WORK_RECEIPTS[name])
    elif way == "delete":
        sandbox.path(name).unlink()
        assert [finding.link for finding in sandbox.verify(deep=True).of("absent")] == [name]
        return
    else:
        rewrite(sandbox.path(name), seed=77)
    expected = {name, WORK_RECEIPTS[name]} if way == "swap" else {name}
    assert set(sandbox.broken(deep=True)) == expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [0, 1])
def test_changed_video_is_named_by_the_deep_check(sandbox: Sandbox, number: int, way: str) -> None:
    names = [f"{DATA}/videos/{row['path']}" for row in _annotations(sandbox)]
    name, sibling = names[number], names[1 - number]
    expected = {name}
    if way == "flip":
        sandbox.flip(name)
    elif way == "swap":
        sandbox.swap(name, sibling)
        expected = {name, sibling}
    elif way == "delete":
        sandbox.path(name).unlink()
        assert [finding.link for finding in sandbox.verify(deep=True).of("absent")] == [name]
        return
    else:
        old = sha256_file(sandbox.path(name))
        sandbox.flip(name)
        table = sandbox.path(f"{DATA}/annotations.csv")
        text = table.read_text(encoding="utf-8")
        table.write_text(text.replace(old, sha256_file(sandbox.path(name))), encoding="utf-8")
        outputs = {f"{DATA}/annotations.csv": sha256_file(table)}
        rewrite(sandbox.path(f"{DATA}/render.receipt.json"), outputs=outputs)
        expected = {name, f"{DATA}/annotations.csv", f"{DATA}/render.receipt.json"}
    assert set(sandbox.broken(deep=True)) == expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stage", STAGES)
def test_changed_receipt_among_the_results_is_named_from_a_fresh_clone(sandbox: Sandbox, stage: str, way: str) -> None:
    name, sibling = sandbox.kept(stage), sandbox.kept(STAGES[stage])
    if way == "flip":
        sandbox.flip(name)
    elif way == "swap":
        sandbox.swap(name, sibling)
        assert STAGES[stage] in sandbox.broken(deep=False)
    elif way == "delete":
        sandbox.path(name).unlink()
    else:
        rewrite(sandbox.path(name), seed=77)
        sandbox.rename_by_digest(name)
        sandbox.forge_report()
    assert stage in sandbox.broken(deep=False)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", EVIDENCE)
def test_changed_evidence_is_named_from_a_fresh_clone(sandbox: Sandbox, name: str, way: str) -> None:
    sibling, stage = EVIDENCE[name]
    path = f"{RESULTS}/evidence/{name}"
    if way == "flip":
        sandbox.flip(path)
    elif way == "swap":
        sandbox.swap(path, f"{RESULTS}/evidence/{sibling}")
    elif way == "delete":
        sandbox.path(path).unlink()
    else:
        kept = sandbox.kept(stage)
        outputs = read_receipt(sandbox.path(kept)).outputs
        listed = next(item for item in outputs if item.endswith(Path(name).name))
        sandbox.flip(path)
        rewrite(sandbox.path(kept), outputs={**outputs, listed: sha256_file(sandbox.path(path))})
        sandbox.rename_by_digest(kept)
        sandbox.forge_report()
    assert stage in sandbox.broken(deep=False)


@pytest.mark.parametrize("name", EVIDENCE)
def test_changed_evidence_that_the_report_agrees_with_is_named(sandbox: Sandbox, name: str) -> None:
    sandbox.flip(f"{RESULTS}/evidence/{name}")
    sandbox.forge_report()
    assert EVIDENCE[name][1] in [item.link for item in sandbox.verify(deep=False).of("broken") if name in item.what]


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


@pytest.mark.parametrize("way", WAYS)
def test_changed_table_is_named(sandbox: Sandbox, way: str) -> None:
    name = f"{RESULTS}/results.json"
    expected = name
    if way == "flip":
        sandbox.flip(name)
    elif way == "swap":
        sandbox.swap(name, f"{RESULTS}/README.md")
    elif way == "delete":
        sandbox.path(name).unlink()
    else:
        text = sandbox.path(name).read_text(encoding="utf-8")
        sandbox.path(name).write_text(text.replace('"value": 0.75', '"value": 0.95', 1), encoding="utf-8")
        sandbox.forge_report()
        expected = "arrow/gsf-s0/2x1x1/pair_accuracy"
    assert expected in sandbox.broken(deep=False)


def test_receipts_swapped_between_two_cells_name_both_cells(sandbox: Sandbox) -> None:
    table = sandbox.path(f"{RESULTS}/results.json")
    one, other = (Path(sandbox.kept(f"evaluate@demo-{run}-2x1x1")).stem for run in ("gsf-s0", "tsn-s0"))
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace(one, "#").replace(other, one).replace("#", other), encoding="utf-8")
    sandbox.forge_report()
    broken = sandbox.broken(deep=False)
    assert {"arrow/gsf-s0/2x1x1/top1", "arrow/tsn-s0/2x1x1/top1"} <= set(broken)
    assert all(link.startswith("arrow/") for link in broken)


@pytest.mark.parametrize("way", WAYS)
def test_changed_receipt_of_the_report_is_named(sandbox: Sandbox, way: str) -> None:
    name = f"{RESULTS}/report.receipt.json"
    if way == "flip":
        sandbox.flip(name)
    elif way == "swap":
        sandbox.swap(name, f"{GSF}/receipt.json")
    elif way == "delete":
        sandbox.path(name).unlink()
    else:
        rewrite(sandbox.path(name), seed=77)
    assert {name, "report"} & set(sandbox.broken(deep=False))


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


@pytest.mark.parametrize("way", ["flip", "swap", "delete"])
def test_changed_page_is_named(sandbox: Sandbox, way: str) -> None:
    name = f"{RESULTS}/README.md"
    if way == "flip":
        sandbox.flip(name)
    elif way == "swap":
        sandbox.swap(name, f"{RESULTS}/results.json")
    else:
        sandbox.path(name).unlink()
    assert name in sandbox.broken(deep=False)


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


def _annotations(sandbox: Sandbox) -> list[dict[str, str]]:
    text = sandbox.path(f"{DATA}/annotations.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))
