"""Trainings in jobs of Slurm log to an MLflow server over HTTP; what could not reach it is written afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gsf.pipeline import study
from tests.pipeline.tiny import Clone
from tests.servers.mlflow_server import mlflow_server
from tests.slurm.head import CHECKPOINT, SNAKEMAKE
from tests.slurm.node import Node
from tests.slurm.training import STAGE, submit

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

AWAY = "http://127.0.0.1:9"  # the discard port: nobody listens
EPOCHS = 2


def runs(host: str) -> dict[str, Any]:
    """The runs of the study by name, as the server knows them."""
    from mlflow import MlflowClient

    client = MlflowClient(host)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    by_name = {str(run.info.run_name): run for run in found}
    assert len(by_name) == len(found)
    return by_name


def test_trainings_on_nodes_are_in_mlflow_also_where_the_server_was_away(
    node: Node, with_data: Clone, tmp_path: Path
) -> None:
    """As docs/cluster.md says: `gsf mlflow init` on the login node, jobs, `gsf mlflow sync` and `gsf verify`."""
    clone = with_data.copied(tmp_path / "clone")
    clone.edit("params/studies/tiny.yaml", "protocols: [2x1x1, 2x2x1]", "protocols: [2x1x1]")
    clone.edit("params/recipes/tiny.yaml", "epochs: 1", f"epochs: {EPOCHS}")
    study.activate(clone.project, "tiny")
    with mlflow_server(f"sqlite:///{tmp_path}/server.db", tmp_path) as host:
        at = {"GSF_MLFLOW": "on", "MLFLOW_TRACKING_URI": host, "MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}
        assert "is tiny" in clone.run("gsf", "mlflow", "init", **at)
        assert runs(host) == {}

        clone.run(*SNAKEMAKE, CHECKPOINT, **at)
        assert "MLflow is not" not in (clone.root / ".work/logs/train/tiny-gsf-s0.log").read_text()
        tsn = STAGE.replace("gsf-", "tsn-").split()
        job = submit(clone, *tsn, nodes=1, options=("--wait",), **at | {"MLFLOW_TRACKING_URI": AWAY})
        said = (clone.root / f"slurm-{job}.out").read_text()
        assert said.count("MLflow is not up to date") == 1
        assert "`gsf mlflow sync` catches up" in said
        known = runs(host)
        assert sorted(known) == ["gsf-s0"]
        assert known["gsf-s0"].info.status == "FINISHED"

        clone.snakemake()  # evaluations and table, as on a machine that leaves MLflow alone
        assert "1 runs created, 1 updated, 0 as they were" in clone.run("gsf", "mlflow", "sync", **at)
        known = runs(host)
        assert sorted(known) == ["gsf-s0", "tsn-s0"]
        assert all("2x1x1.top1" in run.data.metrics for run in known.values())
        said = clone.run("gsf", "verify", "tiny", "--mlflow", **at)
        assert "OK: nothing is broken" in said
        assert "2 MLflow runs" in said
        assert "0 runs created, 0 updated, 2 as they were" in clone.run("gsf", "mlflow", "sync", **at)
