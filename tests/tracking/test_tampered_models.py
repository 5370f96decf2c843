"""Whatever is changed of a registered model, in the database or among its files, the check names it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gsf.project import Project
from gsf.proof.findings import Finding
from gsf.tracking.checking import check_projection
from gsf.tracking.connection import connect
from gsf.tracking.mlflow_projection import sync
from gsf.tracking.registry import register
from gsf.tracking.versions import CHECKED
from tests.tracking.tampered import NAME, RUN, TAMPERED_FILES, TAMPERED_VERSIONS

LINK = f"mlflow:demo/models/{NAME}/1"


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
