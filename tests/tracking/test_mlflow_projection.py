"""What lies in journals and receipts is in MLflow once, whole, and linked back."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gsf.errors import TrackingError
from gsf.project import Project
from gsf.provenance.hashing import sha256_file, write_atomically
from gsf.tracking.connection import connect, experiment_id, first_line, shown_uri
from gsf.tracking.mlflow_projection import sync
from gsf.tracking.runs import receipt_of_run
from tests.tracking import fabricated
from tests.tracking.fabricated import BENCHMARK, curve, dataset_profile, evaluate, train, write_journal


def runs_of(project: Project, study: str = "demo") -> list[Any]:
    client = connect(project)
    experiment = client.get_experiment_by_name(study)
    return [client.get_run(run.info.run_id) for run in client.search_runs([experiment.experiment_id])]


def steps(project: Project, run: Any, metric: str) -> list[tuple[int, float]]:
    return [(p.step, p.value) for p in connect(project).get_metric_history(run.info.run_id, metric)]


def artefacts(project: Project, run: Any) -> set[str]:
    root = Path(run.info.artifact_uri.removeprefix("file://"))
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_finished_training_is_one_whole_run(project: Project) -> None:
    write_journal(project, "gsf-s0", epochs=3)
    trained = train(project, "gsf-s0")
    evaluated = evaluate(project, "gsf-s0", trained)
    summary = sync(project)
    assert (summary.created, summary.problems) == (("demo/gsf-s0",), ())
    (run,) = runs_of(project)
    assert (run.info.run_name, run.info.status) == ("gsf-s0", "FINISHED")
    params = run.data.params
    assert (params["model.temporal"], params["benchmark"], params["seed"]) == ("gsf", BENCHMARK, "0")
    assert (params["recipe.optimizer.lr"], params["threads"]) == ("0.01", "1")
    for name in ("train_loss", "val_top1", "lr"):
        assert steps(project, run, name) == [(epoch, curve(epoch)[name]) for epoch in (1, 2, 3)]
    assert (run.data.metrics["8x1x1.top1"], run.data.metrics["8x1x1.pair_accuracy"]) == (0.75, 0.75)
    assert (run.data.metrics["8x1x1.top1.low"], run.data.metrics["8x1x1.top1.high"]) == (0.375, 1.0)
    tags = run.data.tags
    assert (tags["gsf.receipt.train"], tags["gsf.receipt.8x1x1"]) == (trained.digest, evaluated.digest)
    assert tags["gsf.manifest"] == sha256_file(project.manifest(BENCHMARK))
    assert tags["mlflow.source.name"].startswith(f"gsf train {BENCHMARK}")
    assert (len(tags["gsf.code"]), tags["gsf.current"]) == (64, "true")


def test_datasets_name_the_manifest_by_its_digest(project: Project) -> None:
    evaluate(project, "gsf-s0", train(project, "gsf-s0"))
    sync(project)
    (run,) = runs_of(project)
    found = {item.tags[0].value: item.dataset for item in run.inputs.dataset_inputs}
    assert set(found) == {"train", "test"}
    assert {item.name for item in found.values()} == {BENCHMARK}
    for context, item in found.items():
        assert item.digest == f"{sha256_file(project.manifest(BENCHMARK))[:16]}-{context}"
        assert len(item.digest) <= 36
    assert dataset_profile(found["train"].profile) == {"videos": 3, "excluded": 0}
    assert dataset_profile(found["test"].profile) == {"videos": 2, "excluded": 1}


def test_receipts_metrics_and_pictures_are_artefacts_and_weights_are_not(project: Project) -> None:
    evaluate(project, "gsf-s0", train(project, "gsf-s0"))
    sync(project)
    (run,) = runs_of(project)
    names = artefacts(project, run)
    assert names == {
        *(f"train/{name}" for name in ("receipt.json", "summary.json", "curves.csv", "curves.png")),
        *(f"evaluate/8x1x1/{name}" for name in ("receipt.json", "metrics.json", "confusion.csv", "confusion.png")),
    }
    root = Path(run.info.artifact_uri.removeprefix("file://"))
    assert sha256_file(root / "train/receipt.json") == run.data.tags["gsf.receipt.train"]
    for name in ("train/curves.png", "evaluate/8x1x1/confusion.png"):
        assert (root / name).read_bytes().startswith(b"\x89PNG")


def test_second_sync_changes_nothing(project: Project) -> None:
    write_journal(project, "gsf-s0", epochs=3)
    evaluate(project, "gsf-s0", train(project, "gsf-s0"))
    sync(project)
    (before,) = runs_of(project)
    again = sync(project)
    assert (again.created, again.updated, again.unchanged) == ((), (), ("demo/gsf-s0",))
    (after,) = runs_of(project)
    assert after.to_dictionary() == before.to_dictionary()
    assert [epoch for epoch, _ in steps(project, after, "train_loss")] == [1, 2, 3]


def test_runs_are_rebuilt_from_receipts_alone(project: Project) -> None:
    evaluate(project, "gsf-s0", train(project, "gsf-s0"))
    sync(project)
    (run,) = runs_of(project)
    assert run.data.params["model.name"] == "gsf-net"
    assert steps(project, run, "val_top1") == [(epoch, curve(epoch)["val_top1"]) for epoch in (1, 2, 3)]


def test_training_that_goes_on_completes_its_run(project: Project) -> None:
    write_journal(project, "gsf-s0", epochs=2, end=None)
    sync(project)
    (run,) = runs_of(project)
    assert run.info.status == "RUNNING"
    write_journal(project, "gsf-s0", epochs=3)
    evaluate(project, "gsf-s0", train(project, "gsf-s0"))
    assert sync(project).updated == ("demo/gsf-s0",)
    (run,) = runs_of(project)
    assert run.info.status == "FINISHED"
    assert [epoch for epoch, _ in steps(project, run, "train_loss")] == [1, 2, 3]


def test_changed_training_is_a_new_run_and_the_old_one_is_not_current(project: Project) -> None:
    write_journal(project, "gsf-s0", epochs=2, key="k1")
    sync(project)
    write_journal(project, "gsf-s0", epochs=3, key="k2")
    train(project, "gsf-s0", key="k2")
    assert sync(project).created == ("demo/gsf-s0",)
    tags = {run.data.tags["gsf.training_key"]: run.data.tags["gsf.current"] for run in runs_of(project)}
    assert tags == {"k1": "false", "k2": "true"}
    assert len(sync(project).unchanged) == 2


def test_other_numbers_from_the_same_inputs_never_mix_with_the_first(project: Project) -> None:
    train(project, "gsf-s0", scale=1.0)
    sync(project)
    train(project, "gsf-s0", scale=0.5)
    assert sync(project).created == ("demo/gsf-s0",)
    by_current = {run.data.tags["gsf.current"]: run for run in runs_of(project)}
    assert len(runs_of(project)) == 2
    assert by_current["false"].data.tags["gsf.replaced_by"] == by_current["true"].info.run_id
    expected = [(epoch, curve(epoch, scale=0.5)["val_top1"]) for epoch in (1, 2, 3)]
    assert steps(project, by_current["true"], "val_top1") == expected
    assert sync(project).unchanged == ("demo/gsf-s0",)


def test_repeated_evaluation_shows_its_new_value(project: Project) -> None:
    trained = train(project, "gsf-s0")
    evaluate(project, "gsf-s0", trained, top1=0.5)
    sync(project)
    second = evaluate(project, "gsf-s0", trained, top1=0.25)
    sync(project)
    (run,) = runs_of(project)
    assert (run.data.metrics["8x1x1.top1"], run.data.tags["gsf.receipt.8x1x1"]) == (0.25, second.digest)
    assert steps(project, run, "8x1x1.top1") == [(0, 0.5), (1, 0.25)]
    root = Path(run.info.artifact_uri.removeprefix("file://"))
    assert sha256_file(root / "evaluate/8x1x1/receipt.json") == second.digest


def test_metrics_that_are_not_those_of_the_receipt_are_left_out_and_named(project: Project) -> None:
    evaluate(project, "gsf-s0", train(project, "gsf-s0"))
    write_atomically(project.metrics("demo", "gsf-s0", "8x1x1"), b'{"n":2,"top1":0.99}\n')
    problems = sync(project).problems
    assert len(problems) == 1
    assert "runs/demo/evaluate/gsf-s0/8x1x1/metrics.json: was changed" in problems[0]
    (run,) = runs_of(project)
    assert "8x1x1.top1" not in run.data.metrics


def test_evaluation_of_another_training_is_left_out_and_named(project: Project) -> None:
    evaluate(project, "gsf-s0", train(project, "gsf-s0", key="k1"))
    train(project, "gsf-s0", key="k2", epochs=4)
    problems = sync(project).problems
    assert [line for line in problems if "is of another training" in line]
    (run,) = runs_of(project)
    assert not [name for name in run.data.metrics if name.startswith("8x1x1")]


def test_damaged_receipt_is_named_and_does_not_hide_the_others(project: Project) -> None:
    train(project, "gsf-s0")
    train(project, "tsn-s0")
    project.train_receipt("demo", "tsn-s0").write_bytes(b"{}")
    summary = sync(project)
    assert summary.created == ("demo/gsf-s0",)
    assert "tsn-s0" in summary.problems[0]


def test_missing_artefact_comes_back(project: Project) -> None:
    train(project, "gsf-s0")
    sync(project)
    (run,) = runs_of(project)
    (Path(run.info.artifact_uri.removeprefix("file://")) / "train/receipt.json").unlink()
    sync(project)
    assert "train/receipt.json" in artefacts(project, run)


def test_run_leads_to_the_receipt_of_its_latest_evaluation(project: Project) -> None:
    trained = train(project, "gsf-s0")
    sync(project)
    (run,) = runs_of(project)
    assert receipt_of_run(project, run.info.run_id) == trained.digest
    evaluated = evaluate(project, "gsf-s0", trained)
    sync(project)
    assert receipt_of_run(project, run.info.run_id) == evaluated.digest


def test_run_that_is_not_there_or_not_finished_has_no_receipt(project: Project) -> None:
    with pytest.raises(TrackingError, match="must be the id of a run"):
        receipt_of_run(project, "0" * 32)
    write_journal(project, "gsf-s0", epochs=1, end=None)
    sync(project)
    (run,) = runs_of(project)
    with pytest.raises(TrackingError, match=r"has no tag gsf\.receipt"):
        receipt_of_run(project, run.info.run_id)
    (project.root / "mlflow.db").unlink()
    with pytest.raises(TrackingError, match="no such database"):
        receipt_of_run(project, run.info.run_id)
    assert not (project.root / "mlflow.db").exists()


def test_server_that_is_away_is_an_error_with_a_remedy(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricated.train(project, "gsf-s0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match="start the server"):
        sync(project)


def test_deleted_experiment_is_an_error_with_a_remedy(project: Project) -> None:
    train(project, "gsf-s0")
    sync(project)
    client = connect(project)
    client.delete_experiment(client.get_experiment_by_name("demo").experiment_id)
    with pytest.raises(TrackingError, match="mlflow experiments restore"):
        sync(project)


def test_table_of_a_study_shows_variant_data_and_accuracy_of_the_current_runs(project: Project) -> None:
    evaluate(project, "gsf-s0", train(project, "gsf-s0"))
    ((study, address),) = sync(project).views
    experiment = connect(project).get_experiment_by_name(study)
    assert address.startswith(f"/#/experiments/{experiment.experiment_id}/runs?viewStateShareKey=gsf")
    view = json.loads(experiment.tags["mlflow.sharedViewState.gsf"])
    for column in ("params.`model.temporal`", "attributes.`Dataset`", "metrics.`8x1x1.top1`"):
        assert column in view["selectedColumns"]
    client = connect(project)
    assert len(client.search_runs([experiment.experiment_id], filter_string=view["searchFilter"])) == 1


def test_table_shows_the_plainest_protocol_first_and_none_with_frames_out_of_order(project: Project) -> None:
    trained = train(project, "gsf-s0")
    for protocol, time in (
        ("8x1x1", "forward"),
        ("8x1x1-frozen", "frozen"),
        ("16x1x1", "forward"),
        ("8x10x3", "forward"),
    ):
        evaluate(project, "gsf-s0", trained, protocol=protocol, time=time)
    ((study, _),) = sync(project).views
    view = json.loads(connect(project).get_experiment_by_name(study).tags["mlflow.sharedViewState.gsf"])
    shown = [column for column in view["selectedColumns"] if "top1" in column]
    assert shown == ["metrics.`8x1x1.top1`", "metrics.`16x1x1.top1`", "metrics.`8x10x3.top1`"]
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`8x1x1.top1`", False)


def test_password_of_a_server_is_not_shown() -> None:
    assert shown_uri("https://me:secret@mlflow.example.org/a") == "https://***@mlflow.example.org/a"
    assert shown_uri("sqlite:////srv/mlflow.db") == "sqlite:////srv/mlflow.db"
    assert shown_uri("sqlite:////srv/a@b/mlflow.db") == "sqlite:////srv/a@b/mlflow.db"
    assert shown_uri("postgresql://h/d?user=u&password=secret&a=b") == "postgresql://h/d?user=u&password=***&a=b"
    quoted = ValueError("API request to postgresql://u:secret@h/d/api failed with 'http://me:secret@g'")
    assert first_line(quoted) == "API request to postgresql://***@h/d/api failed with 'http://***@g'"


def test_password_of_a_server_is_in_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deleted:
        def get_experiment_by_name(self, name: str) -> SimpleNamespace:
            return SimpleNamespace(experiment_id="7", lifecycle_stage="deleted", name=name)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://u:secret@h/d")
    with pytest.raises(TrackingError, match=r"^postgresql://\*\*\*@h/d: experiment 's' is deleted"):
        experiment_id(Deleted(), Project(tmp_path), "s")
