"""Whatever is changed of a registered model, in the database or among its files, the check names it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gsf.project import Project
from gsf.provenance.findings import Finding
from gsf.tracking.checking import check_projection
from gsf.tracking.connection import connect
from gsf.tracking.mlflow_projection import sync
from gsf.tracking.registry import register
from gsf.tracking.versions import CHECKED

RUN, NAME = "gsf-s0", "demo.gsf-s0"
LINK = f"mlflow:demo/models/{NAME}/1"


def _tag(name: str, value: str) -> str:
    return f"UPDATE model_version_tags SET value = '{value}' WHERE key = '{name}'"


def _without(name: str) -> str:
    return f"DELETE FROM model_version_tags WHERE key = '{name}'"


# what is done to the database; the link that must be named; a word of what is said; a word of the remedy
TAMPERED_VERSIONS = {
    "verdict of a registered model": (_tag("gsf.verified", "BROKEN"), ("tags/gsf.verified", "is 'BROKEN'", "register")),
    "praise in the verdict of a registered model": (
        _tag("gsf.verified", "OK: nothing is broken, and it is the best"),
        ("tags/gsf.verified", "must be the verdict", "register"),
    ),
    "checkpoint of a registered model": (
        _tag("gsf.checkpoint", "0" * 64),
        ("tags/gsf.checkpoint", "is 0000", "register"),
    ),
    "training of a registered model": (
        _tag("gsf.receipt.train", "0" * 64),
        ("tags/gsf.receipt.train", "is 0000", "rebuild"),
    ),
    "views of a registered model": (_tag("gsf.served", "0" * 64), ("tags/gsf.served", "is 0000", "rebuild")),
    "result of a registered model": (_tag("2x1x1.top1", "0.9900"), ("tags/2x1x1.top1", "must be 0.7500", "register")),
    "deleted tag of a registered model": (_without("gsf.checkpoint"), ("tags/gsf.checkpoint", "missing", "register")),
    "study of a registered model": (_tag("gsf.study", "other"), ("tags/gsf.study", "must be demo", "register")),
    "invented result of a registered model": (
        f"INSERT INTO model_version_tags (name, version, key, value) SELECT '{NAME}', 1, '9x9x9.top1', '0.9900'",
        ("tags/9x9x9.top1", "no receipt tells", "rebuild"),
    ),
    "run of a registered model": (
        "UPDATE model_versions SET run_id = (SELECT run_uuid FROM runs WHERE name = 'tsn-s0')",
        ("run", "does not show its training", "rebuild"),
    ),
    "place of a registered model": (
        "UPDATE model_versions SET source = source || '/elsewhere', storage_location = source || '/elsewhere'",
        ("files/checkpoint.safetensors", "is missing", "rebuild"),
    ),
}


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _add(path: Path) -> None:
    path.with_name("extra.pkl").write_bytes(b"x")


# what is done to a file of the model, which file that is, and the file that must be named
TAMPERED_FILES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "weights of a registered model": (_flip, "artifacts/checkpoint.safetensors", "checkpoint.safetensors"),
    "deleted weights of a registered model": (
        Path.unlink,
        "artifacts/checkpoint.safetensors",
        "checkpoint.safetensors",
    ),
    "receipt of a registered model": (_flip, "artifacts/receipt.json", "receipt.json"),
    "network of a registered model": (_flip, "artifacts/model.json", "model.json"),
    "protocol of a registered model": (_flip, "artifacts/protocol.json", "protocol.json"),
    "code of a registered model": (_flip, "from_code.py", "from_code.py"),
    "file beside a registered model": (_add, "artifacts/receipt.json", "artifacts/extra.pkl"),
}


@pytest.fixture(scope="module")
def registered(
    networks: Project, tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[tuple[Project, Path]]:
    """A study of which one network is registered, and the folder of that model."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "GSF_MLFLOW"):
            patch.delenv(name, raising=False)
        project = Project(Path(shutil.copytree(networks.root, tmp_path_factory.mktemp("registered") / "project")))
        shutil.copy(empty_database, project.root / "mlflow.db")
        sync(project)
        register(project, RUN)
        (version,) = connect(project).search_model_versions()
        yield project, Path(version.source.removeprefix("file://"))


@pytest.fixture
def study(registered: tuple[Project, Path], tmp_path: Path) -> Iterator[Project]:
    """The study, whose database is put back afterwards."""
    path = registered[0].root / "mlflow.db"
    kept = shutil.copy(path, tmp_path / "kept.db")
    yield registered[0]
    with closing(sqlite3.connect(path)) as after, closing(sqlite3.connect(kept)) as before:
        before.backup(after)


@pytest.fixture
def folder(registered: tuple[Project, Path], tmp_path: Path) -> Iterator[Path]:
    """The files of the model, put back afterwards."""
    kept = Path(shutil.copytree(registered[1], tmp_path / "kept"))
    yield registered[1]
    shutil.rmtree(registered[1])
    shutil.copytree(kept, registered[1])


def check(project: Project) -> list[Finding]:
    return check_projection(project, "demo", {})


def test_registered_model_holds_as_it_was_registered(registered: tuple[Project, Path]) -> None:
    checked: dict[str, int] = {}
    assert check_projection(registered[0], "demo", checked) == []
    assert checked[CHECKED] == 1


@pytest.mark.parametrize("case", TAMPERED_VERSIONS)
def test_each_change_of_a_version_is_named_with_its_remedy(case: str, study: Project) -> None:
    statement, (place, said, remedy) = TAMPERED_VERSIONS[case]
    with closing(sqlite3.connect(study.root / "mlflow.db")) as database:
        changed = database.total_changes
        database.executescript(f"BEGIN; {statement}; COMMIT")
        assert database.total_changes > changed
    findings = check(study)
    named = [item for item in findings if item.link == f"{LINK}/{place}" and said in item.what]
    assert named, findings
    assert all(item.kind == "broken" and f"gsf mlflow {remedy}" in item.remedy for item in named)
    assert all(item.link.startswith(LINK) for item in findings)
    if remedy == "register":
        register(study, RUN)
        assert check(study) == []


@pytest.mark.parametrize("case", TAMPERED_FILES)
def test_each_change_of_a_served_file_is_named(case: str, study: Project, folder: Path) -> None:
    change, file, named = TAMPERED_FILES[case]
    change(folder / file)
    (finding,) = check(study)
    assert finding.link == f"{LINK}/files/{named}"
    assert finding.kind == ("stale_code" if file == "from_code.py" else "broken")


def test_model_that_others_registered_is_theirs(study: Project) -> None:
    client = connect(study)
    client.create_registered_model("theirs")
    client.create_model_version("theirs", source=(study.root / "mlartifacts").as_uri(), tags={"stage": "try"})
    assert check(study) == []
