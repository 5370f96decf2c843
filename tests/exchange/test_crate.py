from __future__ import annotations

import base64
import json
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from gsf.cli import main
from gsf.errors import ParamsError, ProvenanceError
from gsf.exchange.crate import export_crate
from gsf.exchange.crate_metadata import METADATA
from gsf.exchange.keys import new_key_pair
from gsf.exchange.signature import sign
from gsf.project import Project
from gsf.proof.chain import Command, study_chain
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt, read_receipt
from tests.proof.finished import commit, git


@pytest.fixture(scope="session")
def crate(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crate") / "demo"
    export_crate(finished, "demo", folder)
    return folder


@pytest.fixture(scope="session")
def graph(crate: Path) -> dict[str, Any]:
    entities = json.loads((crate / METADATA).read_bytes())["@graph"]
    found = {entity["@id"]: entity for entity in entities}
    assert len(found) == len(entities)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ids(value: Any) -> list[str]:
    """The identifiers that a property refers to."""
    return [item["@id"] for item in (value if isinstance(value, list) else [value] if value else [])]


def receipts(project: Project) -> list[Receipt]:
    report = read_receipt(project.results("demo") / "report.receipt.json")
    return [*study_chain(project, "demo").receipts.values(), report]


def test_a_fresh_clone_without_data_gives_the_same_bytes(finished: Project, crate: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", str(finished.root), str(tmp_path / "clone")], check=True)
    clone = Project(tmp_path / "clone")
    assert not (clone.root / "data").exists()
    export_crate(clone, "demo", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(crate)


def test_a_zip_file_holds_the_same_and_its_bytes_do_not_change(finished: Project, crate: Path, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip", "one.zip"):
        export_crate(finished, "demo", tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == contents(crate)


def test_every_file_is_listed_with_what_it_is(crate: Path, graph: dict[str, Any]) -> None:
    listed = {name: graph[name] for name in ids(graph["./"]["hasPart"])}
    assert listed.keys() == contents(crate).keys() - {METADATA}
    for name, entity in listed.items():
        assert entity["sha256"] == sha256_file(crate / name)
        assert entity["contentSize"] == str((crate / name).stat().st_size)
    assert {
        "dvc.yaml",
        "LICENSE",
        "requirements.lock",
        "params/plan.yaml",
        "results/demo/results.json",
    } <= listed.keys()


def test_every_receipt_is_one_run_with_its_files_values_and_tools(finished: Project, graph: dict[str, Any]) -> None:
    found = receipts(finished)
    actions = [item for item in graph.values() if item["@type"] == "CreateAction" and item["@id"] != "#run"]
    assert {item["@id"] for item in actions} == {f"#{receipt.digest}" for receipt in found}
    for receipt in found:
        action = graph[f"#{receipt.digest}"]
        assert (action["name"], action["description"]) == (receipt.stage, receipt.content["command"])
        for key, promised in (
            ("object", {item.sha256 for item in receipt.inputs}),
            ("result", set(receipt.outputs.values())),
        ):
            entities = [graph[name] for name in ids(action.get(key))]
            assert {item["sha256"] for item in entities if "sha256" in item} == promised
        values = {item["name"]: item["value"] for item in map(graph.get, ids(action.get("object"))) if "value" in item}
        for path, keys in receipt.content["params"].items():
            for key, value in keys.items():
                if isinstance(value, str | int | float):
                    assert values[f"{path}: {key}"] == value
        assert values.get("seed") == receipt.content["seed"]
        tool = graph[action["instrument"]["@id"]]
        assert tool["name"] == f"gsf {Command.of(receipt).verb}"
        needs = {graph[name]["name"]: graph[name]["softwareVersion"] for name in ids(tool["softwareRequirements"])}
        assert needs == receipt.content["tools"]
    assert {"torch", "ffmpeg"} & {item["name"] for item in graph.values() if item["@type"] == "SoftwareApplication"}


def test_nested_values_and_lists_are_kept(finished: Project, graph: dict[str, Any]) -> None:
    values = {item["name"]: item["value"] for item in graph.values() if item["@type"] == "PropertyValue"}
    assert values["params/recipes/quick.yaml: optimizer.lr"] == 0.01
    assert values["params/recipes/quick.yaml: augment.scales"] == "[1.0,0.875]"


def test_the_numbers_of_the_table_are_there_and_hang_on_their_runs(finished: Project, graph: dict[str, Any]) -> None:
    cells = json.loads((finished.results("demo") / "results.json").read_bytes())
    assert len(ids(graph["./"]["variableMeasured"])) == len(cells) == 8
    for cell in cells:
        name = "/".join(cell[key] for key in ("benchmark", "experiment", "protocol", "metric"))
        results = [graph[item] for item in ids(graph[f"#{cell['receipt']}"]["result"])]
        assert [item["value"] for item in results if item["name"] == name] == [cell["value"]]


def test_what_is_not_in_the_crate_is_named_by_its_digest_alone(finished: Project, graph: dict[str, Any]) -> None:
    absent = {name: entity for name, entity in graph.items() if name.startswith("ni:")}
    assert any(entity["name"].endswith("checkpoint.safetensors") for entity in absent.values())
    assert any(entity["name"].endswith("shards/00.lmdb") for entity in absent.values())
    for name, entity in absent.items():
        digest = base64.urlsafe_b64decode(name.removeprefix("ni:///sha-256;") + "=")
        assert digest.hex() == entity["sha256"]
        assert "contentSize" not in entity
        assert entity["@type"] == "CreativeWork"
        assert sha256_file(finished.root / entity["name"]) == entity["sha256"]


def test_a_copy_in_the_results_stands_for_the_file_that_the_stage_wrote(graph: dict[str, Any]) -> None:
    copy = graph["results/demo/evidence/gsf-s0/2x1x1/metrics.json"]
    assert copy["alternateName"] == "runs/demo/evaluate/gsf-s0/2x1x1/metrics.json"


def test_steps_stand_in_the_order_in_which_they_run(graph: dict[str, Any]) -> None:
    steps = [graph[name] for name in ids(graph["dvc.yaml"]["step"])]
    names = [step["name"] for step in sorted(steps, key=lambda step: step["position"])]
    assert names == ["render", "inventory", "extract", "manifest", "train", "evaluate", "report"]
    assert ids(graph["dvc.yaml"]["hasPart"]) == [step["workExample"]["@id"] for step in steps]
    controls = Counter(graph[name]["object"]["@id"] for name in graph if name.startswith("#step-"))
    assert set(controls.values()) == {1}


def test_date_and_version_are_those_of_the_commit(finished: Project, graph: dict[str, Any]) -> None:
    command = ["git", "-C", str(finished.root), "log", "-1", "--format=%H %cI"]
    commit_hash, time = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert (graph["./"]["version"], graph["./"]["datePublished"]) == (commit_hash, time)
    assert not [name for name, entity in graph.items() if {"startTime", "endTime", "agent"} & entity.keys()]


def test_every_reference_is_to_an_entity_or_to_the_web(graph: dict[str, Any]) -> None:
    for entity in graph.values():
        for value in entity.values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict):
                    assert item["@id"] in graph or item["@id"].startswith("https://")


def test_others_read_it(crate: Path) -> None:
    read = ROCrate(crate)
    assert read.mainEntity.id == "dvc.yaml"
    assert len(read.get_by_type("CreateAction")) == len(read.get_by_type("ControlAction")) + 1


def test_a_later_commit_changes_nothing(finished_copy: Callable[[], Project], crate: Path, tmp_path: Path) -> None:
    project = finished_copy()
    (project.root / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    (project.root / "LICENSE").write_text("another\n", encoding="utf-8")
    commit(project)
    export_crate(project, "demo", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(crate)


def test_a_signature_goes_with_the_results(finished_copy: Callable[[], Project], crate: Path, tmp_path: Path) -> None:
    project = finished_copy()
    new_key_pair(tmp_path / "key")
    signature = sign(project, "demo", tmp_path / "key")
    export_crate(project, "demo", tmp_path / "signed")
    added = contents(tmp_path / "signed").keys() - contents(crate).keys()
    assert added == {"results/demo/signature.dsse.json"} == {project.relative(signature)}


def test_a_lock_that_no_run_had_is_not_in_the_crate(finished_copy: Callable[[], Project], tmp_path: Path) -> None:
    project = finished_copy()
    (project.root / "requirements.lock").write_text("torch==1\n", encoding="utf-8")
    git(project, "update-ref", "-d", "HEAD")
    commit(project)
    export_crate(project, "demo", tmp_path / "crate")
    assert "requirements.lock" not in contents(tmp_path / "crate")


def test_results_that_are_not_committed_are_an_error(finished_copy: Callable[[], Project], tmp_path: Path) -> None:
    project = finished_copy()
    git(project, "update-ref", "-d", "HEAD")
    with pytest.raises(ProvenanceError, match=r"report\.receipt\.json: is not committed as it is here"):
        export_crate(project, "demo", tmp_path / "crate")
    shutil.rmtree(project.root / ".git")
    with pytest.raises(ProvenanceError, match="must be a work tree of git"):
        export_crate(project, "demo", tmp_path / "crate")
    assert not (tmp_path / "crate").exists()


def test_a_clone_too_shallow_to_know_the_commit_is_an_error(
    finished_copy: Callable[[], Project], tmp_path: Path
) -> None:
    project = finished_copy()
    (project.root / "other.txt").write_text("later\n", encoding="utf-8")
    commit(project)
    command = ["git", "clone", "--quiet", "--depth=1", project.root.as_uri(), str(tmp_path / "shallow")]
    subprocess.run(command, check=True)
    with pytest.raises(ProvenanceError, match="`git fetch --unshallow`"):
        export_crate(Project(tmp_path / "shallow"), "demo", tmp_path / "crate")


def test_broken_results_are_an_error(finished_copy: Callable[[], Project], tmp_path: Path) -> None:
    project = finished_copy()
    path = project.results("demo") / "results.json"
    path.write_bytes(path.read_bytes().replace(b"0.75", b"0.95"))
    commit(project)
    with pytest.raises(ProvenanceError, match=r"its chain is broken at .*must hold before it is exported"):
        export_crate(project, "demo", tmp_path / "crate")


def test_a_folder_that_holds_something_is_left_alone(finished: Project, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    for place in (tmp_path, tmp_path / "mine"):
        with pytest.raises(ParamsError, match="must be a new or an empty folder"):
            export_crate(finished, "demo", place)
    assert contents(tmp_path) == {"mine": b"mine"}


def test_without_a_licence_one_must_be_given(finished_copy: Callable[[], Project], tmp_path: Path) -> None:
    project = finished_copy()
    (project.root / "LICENSE").unlink()
    git(project, "update-ref", "-d", "HEAD")
    commit(project)
    with pytest.raises(ParamsError, match="--licence URL"):
        export_crate(project, "demo", tmp_path / "crate")
    url = "https://creativecommons.org/licenses/by/4.0/"
    export_crate(project, "demo", tmp_path / "crate", licence=url)
    content = json.loads((tmp_path / "crate" / METADATA).read_bytes())
    root = next(entity for entity in content["@graph"] if entity["@id"] == "./")
    assert root["license"] == {"@id": url}


def test_the_command_line_says_what_was_written(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished.root)
    assert main(["export-crate", "demo", "--to", str(tmp_path / "demo.zip")]) == 0
    assert f"demo.zip: {len(receipts(finished))} runs, " in capsys.readouterr().out
    assert main(["export-crate", "nope", "--to", str(tmp_path / "nope.zip")]) == 1
    assert "nope: is no study with results, must be one of: demo" in capsys.readouterr().err
