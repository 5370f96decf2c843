"""A network is registered only when its chain holds, and leads back to its receipt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from gsf.errors import ParamsError, TrackingError
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import read_receipt
from gsf.tracking.checking import check_projection
from gsf.tracking.connection import connect
from gsf.tracking.rebuilding import rebuild
from gsf.tracking.registry import register
from tests.proof.finished import rewrite
from tests.tracking.with_networks import DESCRIBED

RUN, NAME = "gsf-s0", "demo.gsf-s0"


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
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    ours = {f"artifacts/{name}" for name in ("checkpoint.safetensors", "model.json", "protocol.json", "receipt.json")}
    assert files == ours | {"MLmodel", "from_code.py", "conda.yaml", "python_env.yaml", "requirements.txt"}
    for name in files - {"artifacts/checkpoint.safetensors"}:
        (folder / name).read_text(encoding="utf-8")
    assert sha256_file(folder / "artifacts/checkpoint.safetensors") == sha256_file(study.checkpoint("demo", RUN))
    assert sha256_file(folder / "artifacts/receipt.json") == version.tags["gsf.receipt.train"]
    assert json.loads((folder / "artifacts/model.json").read_bytes()) == DESCRIBED
    served = json.loads((folder / "artifacts/protocol.json").read_bytes())
    assert served["extract"] == {"short_side": 36, "jpeg_quality": 5, "fps": None}
    assert served["protocol"]["name"] == "2x1x1"
    assert sha256_file(folder / "artifacts/protocol.json") == version.tags["gsf.served"]
    described = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    assert described["model_id"].startswith("m-")
    assert described["flavors"]["python_function"]["loader_module"] == "mlflow.pyfunc.loaders.code_model"
    assert "python_model" not in described["flavors"]["python_function"]


def test_frames_are_made_as_the_receipts_say_whatever_the_file_of_the_benchmark_says_now(study: Project) -> None:
    path = study.params_file("benchmarks", "arrow")
    path.write_text(path.read_text().replace("jpeg_quality: 5", "jpeg_quality: 9"))
    version = connect(study).get_model_version(NAME, register(study, RUN).version)
    folder = Path(version.source.removeprefix("file://"))
    assert json.loads((folder / "artifacts/protocol.json").read_bytes())["extract"]["jpeg_quality"] == 5


def test_another_protocol_is_another_version_and_survives_a_rebuild(study: Project) -> None:
    register(study, RUN)
    assert register(study, RUN, protocol="2x2x3").version == "2"
    assert register(study, RUN, protocol="2x2x3").new is False
    assert register(study, RUN, protocol="2x1x1").version == "1"  # the same as unless told
    rebuild(study)
    kept = {item.tags["gsf.served"]: item for item in versions(study)}
    assert len(kept) == 2
    ways = [
        json.loads(Path(item.source.removeprefix("file://"), "artifacts/protocol.json").read_bytes())["protocol"][
            "name"
        ]
        for item in kept.values()
    ]
    assert sorted(ways) == ["2x1x1", "2x2x3"]


def test_protocol_that_does_not_fit_is_refused(study: Project) -> None:
    text = "name: 8x1x1\nframes: 8\nclips: 1\ncrops: 1\n"
    study.params_file("protocols", "8x1x1").write_text(text)
    with pytest.raises(ParamsError, match="frames is 8, must be the num_segments of net, 2"):
        register(study, RUN, protocol="8x1x1")
    with pytest.raises(ParamsError, match="nope"):
        register(study, RUN, protocol="nope")
    assert versions(study) == []


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
