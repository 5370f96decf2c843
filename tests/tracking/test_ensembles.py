"""An ensemble becomes a run of its own, found again from there."""

from __future__ import annotations

import json

from gsf.project import ENSEMBLE, Project
from gsf.provenance.hashing import canonical_json, write_atomically
from gsf.provenance.receipt import Receipt, StageResult, linked_inputs, root_input, seal
from gsf.tables import write_table
from gsf.tracking.mlflow_projection import sync
from gsf.tracking.runs import receipt_of_run
from tests.tracking.fabricated import BENCHMARK, evaluate, train
from tests.tracking.test_mlflow_projection import artefacts, runs_of

MEMBERS = "gsf-s0/8x1x1:1,tsn-s0/8x1x1:2"


def combine(project: Project, *, top1: float = 0.9) -> Receipt:
    """Outputs and receipt of an ensemble."""
    place = project.evaluated("demo", "both-s0", ENSEMBLE)
    metrics = {"n": 2, "top1": top1, "top5": 1.0, "mean_class": top1, "ece": 0.1, "excluded": 1}
    metrics |= {"breakdown": {"parts": [], "subsets": ["night"]}, "night.top1": 0.5, "counts": {"night.top1": 1}}
    metrics |= {"intervals": {"top1": [0.5, 1.0], "night.top1": [0.1, 0.9]}}
    write_atomically(place.metrics, canonical_json(metrics))
    write_table(place.confusion, ("actual", "predicted"), [("left", "left"), ("right", "left")])
    command = ["gsf", "ensemble", BENCHMARK, "--study", "demo", "--run", "both-s0", "--members", MEMBERS]
    inputs = [root_input(project, project.manifest(BENCHMARK)), root_input(project, project.manifest_info(BENCHMARK))]
    for run in ("gsf-s0", "tsn-s0"):
        receipt = project.evaluate_receipt("demo", run, "8x1x1")
        inputs += linked_inputs(project, receipt, [project.metrics("demo", run, "8x1x1")])
    result = StageResult(
        "ensemble@demo-both-s0",
        [*command, "--average", "probabilities"],
        {},
        inputs,
        [place.metrics, place.confusion],
        entry="gsf.tracking.journal",
    )
    return seal(project, result, place.receipt)


def test_an_ensemble_is_a_run_with_members_results_and_receipt(project: Project) -> None:
    for run in ("gsf-s0", "tsn-s0"):
        evaluate(project, run, train(project, run))
    receipt = combine(project)
    summary = sync(project)
    assert summary.problems == ()
    assert set(summary.created) == {"demo/both-s0", "demo/gsf-s0", "demo/tsn-s0"}
    found = next(run for run in runs_of(project) if run.info.run_name == "both-s0")
    assert found.data.params == {
        "benchmark": BENCHMARK,
        "ensemble.average": "probabilities",
        "ensemble.members": MEMBERS,
    }
    assert (found.data.metrics["ensemble.top1"], found.data.metrics["ensemble.top1.low"]) == (0.9, 0.5)
    assert (found.data.metrics["ensemble.night.top1"], found.data.metrics["ensemble.night.top1.high"]) == (0.5, 0.9)
    assert receipt_of_run(project, found.info.run_id) == receipt.digest
    assert found.data.tags["gsf.current"] == "true"
    assert [json.loads(item.dataset.profile)["videos"] for item in found.inputs.dataset_inputs] == [2]
    names = {"receipt.json", "metrics.json", "confusion.csv", "confusion.png"}
    assert artefacts(project, found) == {f"evaluate/ensemble/{name}" for name in names}
    assert set(sync(project).unchanged) == set(summary.created)


def test_an_ensemble_with_other_results_is_another_run(project: Project) -> None:
    for run in ("gsf-s0", "tsn-s0"):
        evaluate(project, run, train(project, run))
    combine(project)
    sync(project)
    receipt = combine(project, top1=0.8)
    assert sync(project).created == ("demo/both-s0",)
    found = {run.data.tags["gsf.receipt"]: run for run in runs_of(project) if run.info.run_name == "both-s0"}
    assert len(found) == 2
    assert [run.data.tags["gsf.current"] for digest, run in found.items() if digest != receipt.digest] == ["false"]
    assert found[receipt.digest].data.metrics["ensemble.top1"] == 0.8
