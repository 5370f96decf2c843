"""A network is registered only when its chain holds, and leads back to its receipt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gsf.errors import TrackingError
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import read_receipt
from gsf.tracking.checking import check_projection
from gsf.tracking.connection import connect
from gsf.tracking.rebuilding import rebuild
from gsf.tracking.registry import register
from tests.provenance.finished import rewrite
from tests.tracking.with_networks import DESCRIBED, finish_with_networks

RUN, NAME = "gsf-s0", "demo.gsf-s0"


@pytest.fixture(scope="session")
def networks(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return finish_with_networks(small_data, tmp_path_factory.mktemp("networks") / "project")


@pytest.fixture
def study(networks: Project, tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("MLFLOW_TRACKING_URI", "GSF_MLFLOW"):
        monkeypatch.delenv(name, raising=False)
    project = Project(Path(shutil.copytree(networks.root, tmp_path / "project")))
    shutil.copy(empty_database, project.root / "mlflow.db")
    return project


def versions(project: Project) -> list[Any]:
    return list(connect(project).search_model_versions())


def test_verified_network_is_a_version_that_leads_to_its_receipt(study: Project) -> None:
    done = register(study, RUN)
    assert (done.name, done.version, done.new) == (NAME, "1", True)
    (version,) = versions(study)
    receipt = read_receipt(study.train_receipt("demo", RUN))
    assert version.tags["gsf.receipt.train"] == receipt.digest
    assert version.tags["gsf.checkpoint"] == sha256_file(study.checkpoint("demo", RUN))
    assert version.tags["2x1x1.top1"] == "0.7500"
    assert version.tags["gsf.verified"].startswith("OK: nothing is broken")
    assert connect(study).get_run(version.run_id).data.tags["gsf.receipt.train"] == receipt.digest
    assert [item for item in check_projection(study, "demo", {}) if item.kind == "broken"] != []  # tsn is not shown
    assert not [item for item in check_projection(study, "demo", {}) if RUN in item.link]


def test_artefact_is_the_checkpoint_and_text_files_and_no_pickle(study: Project) -> None:
    register(study, RUN)
    (version,) = versions(study)
    folder = Path(version.source.removeprefix("file://"))
    wanted = {"checkpoint.safetensors", "model.json", "receipt.json", "MLmodel"}
    assert {path.name for path in folder.rglob("*") if path.is_file()} == wanted
    assert sha256_file(folder / "checkpoint.safetensors") == sha256_file(study.checkpoint("demo", RUN))
    assert sha256_file(folder / "receipt.json") == version.tags["gsf.receipt.train"]
    assert json.loads((folder / "model.json").read_bytes()) == DESCRIBED
    text = (folder / "MLmodel").read_text()
    assert "python_function" not in text
    assert "gsf:" in text


def test_network_that_is_registered_is_not_registered_twice(study: Project) -> None:
    register(study, RUN)
    assert register(study, RUN).new is False
    assert len(versions(study)) == 1


def test_broken_chain_is_refused_and_says_why(study: Project) -> None:
    path = study.results("demo") / "results.json"
    path.write_text(path.read_text().replace("0.75", "0.99"))
    with pytest.raises(TrackingError, match=r"must not be registered.*BROKEN.*gsf verify demo"):
        register(study, RUN)
    assert versions(study) == []


@pytest.mark.parametrize(("change", "said"), [("bit", "dvc checkout"), ("gone", "dvc pull")])
def test_checkpoint_that_is_not_the_one_of_the_results_is_refused(change: str, said: str, study: Project) -> None:
    path = study.checkpoint("demo", RUN)
    data = bytearray(path.read_bytes())
    path.unlink()
    if change == "bit":
        data[-1] ^= 1
        path.write_bytes(data)
    with pytest.raises(TrackingError, match=said):
        register(study, RUN)
    assert versions(study) == []


def test_training_that_is_not_behind_the_results_is_refused(study: Project) -> None:
    rewrite(study.train_receipt("demo", RUN), seed=7)
    with pytest.raises(TrackingError, match="is not behind the results of demo"):
        register(study, RUN)


def test_rebuild_registers_again_what_was_registered(study: Project) -> None:
    register(study, RUN)
    done = rebuild(study)
    assert (len(done.registered), done.lost) == (1, ())
    (version,) = versions(study)
    assert (version.name, version.run_id) != ("", "")
    assert connect(study).get_run(version.run_id).info.run_name == RUN
    study.checkpoint("demo", RUN).unlink()
    done = rebuild(study)
    assert (done.registered, NAME in done.lost[0]) == ((), True)


def test_server_that_is_away_is_an_error_with_a_remedy(study: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match="start the server"):
        register(study, RUN)
