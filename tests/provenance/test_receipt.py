from __future__ import annotations

import json
from pathlib import Path

import pytest

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.proof.chain import Chain, Command
from gsf.provenance.hashing import canonical_json, sha256_bytes
from gsf.provenance.receipt import Receipt, StageResult, linked_inputs, parse_receipt, read_receipt, root_input, seal


def make_project(root: Path, *, text: str = "frames") -> tuple[Project, Receipt]:
    (root / "data").mkdir(parents=True)
    (root / "requirements.lock").write_text("torch\n", encoding="utf-8")
    (root / "annotations.csv").write_text("path,label\n", encoding="utf-8")
    (root / "data/out.csv").write_text(text, encoding="utf-8")
    project = Project(root)
    result = StageResult(
        stage="inventory@a b",
        command=["gsf", "inventory", "a b"],
        params={"params/x.yaml": {"k": 1}},
        inputs=[root_input(project, root / "annotations.csv")],
        outputs=[root / "data/out.csv"],
        entry="gsf.provenance.hashing",
    )
    return project, seal(project, result, root / "data/x.receipt.json")


def test_two_clones_that_computed_the_same_have_the_same_receipt(tmp_path: Path) -> None:
    _, one = make_project(tmp_path / "clone-a")
    _, other = make_project(tmp_path / "somewhere/else")
    assert one == other
    assert str(tmp_path) not in json.dumps(one.content)


def test_digest_of_a_receipt_is_that_of_its_bytes_and_commits_to_the_outputs(tmp_path: Path) -> None:
    project, receipt = make_project(tmp_path / "a")
    path = project.root / "data/x.receipt.json"
    assert read_receipt(path) == receipt
    assert sha256_bytes(path.read_bytes()) == receipt.digest
    assert make_project(tmp_path / "b", text="other frames")[1].digest != receipt.digest


def test_command_with_a_space_is_read_back(tmp_path: Path) -> None:
    _, receipt = make_project(tmp_path / "a")
    assert Command.of(receipt) == Command(verb="inventory", positional=("a b",), options={})


@pytest.mark.parametrize("way", ["spaces", "order", "no newline", "duplicate key"])
def test_receipt_that_is_not_canonical_is_refused(tmp_path: Path, way: str) -> None:
    _, receipt = make_project(tmp_path / "a")
    data = canonical_json(receipt.content)
    changed = {
        "spaces": json.dumps(receipt.content, sort_keys=True).encode() + b"\n",
        "order": json.dumps(dict(reversed(receipt.content.items())), separators=(",", ":")).encode() + b"\n",
        "no newline": data[:-1],
        "duplicate key": b'{"code":{},' + data[1:],
    }[way]
    with pytest.raises(ProvenanceError, match="canonical form"):
        parse_receipt(changed, where="x.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\xfe", b'{"format":2}\n', b'{"format":1}\n', b"NaN\n"])
def test_what_is_not_a_receipt_is_an_error_that_names_the_file(data: bytes) -> None:
    with pytest.raises(ProvenanceError, match=r"x\.json"):
        parse_receipt(data, where="x.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("inputs", {}),
        ("inputs", [{"path": "a"}]),
        ("inputs", [{"path": 1, "sha256": "", "receipt": None}]),
        ("outputs", []),
        ("outputs", {"a": 1}),
        ("params", {"a": 1}),
        ("command", 3),
        ("code", None),
    ],
)
def test_receipt_with_a_part_of_the_wrong_type_is_damaged_not_a_crash(tmp_path: Path, key: str, value: object) -> None:
    project, receipt = make_project(tmp_path / "a")
    path = project.root / "data/x.receipt.json"
    path.write_bytes(canonical_json({**receipt.content, key: value}))
    chain = Chain()
    assert chain.add(project, path) is None
    assert "wrong type" in chain.damaged["data/x.receipt.json"]


def test_stage_does_not_run_on_an_input_that_changed_after_it_was_written(tmp_path: Path) -> None:
    project, receipt = make_project(tmp_path / "a")
    place, file = project.root / "data/x.receipt.json", project.root / "data/out.csv"
    (item,) = linked_inputs(project, place, [file])
    assert item.receipt == receipt.digest
    file.write_text("changed", encoding="utf-8")
    with pytest.raises(ProvenanceError, match=r"data/out\.csv: sha256 is .*run that stage again"):
        linked_inputs(project, place, [file])
    with pytest.raises(ProvenanceError, match=r"does not list annotations\.csv"):
        linked_inputs(project, place, [project.root / "annotations.csv"])
