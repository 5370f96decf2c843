"""Crates and described data sets, checked by whoever gets them; what every damage does: tests/proof/tamper."""

from __future__ import annotations

import errno
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from gsf.cli import main
from gsf.errors import ParamsError
from gsf.exchange.crate import export_crate
from gsf.exchange.crate_check import check_crate
from gsf.exchange.crate_metadata import METADATA
from gsf.exchange.croissant import export_croissant
from gsf.exchange.croissant_check import check_croissant
from gsf.project import Project
from gsf.proof.findings import Verdict


@pytest.fixture(scope="module")
def exported(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crate, the same as a ZIP file, and a described data set; read only."""
    folder = tmp_path_factory.mktemp("exported")
    export_crate(finished, "demo", folder / "crate")
    export_crate(finished, "demo", folder / "crate.zip")
    export_croissant(finished, "arrow", folder / "arrow")
    return folder


@pytest.fixture
def crate(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported / "crate", tmp_path / "crate"))


def found(verdict: Verdict) -> list[tuple[str, str]]:
    return sorted({(item.kind, item.link) for item in verdict.findings})


@pytest.mark.parametrize("name", ["crate", "crate.zip"])
def test_a_crate_holds_without_its_project(exported: Path, name: str) -> None:
    verdict = check_crate(exported / name)
    assert verdict.findings == ()
    assert verdict.checked["cells"] == 8
    assert verdict.checked["files"] > 20
    assert any("dvc.yaml and LICENSE" in line for line in verdict.not_proven)


def test_a_file_that_is_not_listed_is_named(crate: Path) -> None:
    (crate / "notes.txt").write_text("mine\n", encoding="utf-8")
    assert found(check_crate(crate)) == [("broken", "notes.txt")]


def test_a_digest_that_only_the_metadata_have_otherwise_is_their_fault(crate: Path) -> None:
    text = (crate / METADATA).read_text(encoding="utf-8")
    entity = next(item for item in json.loads(text)["@graph"] if item["@id"] == "results/demo/results.json")
    (crate / METADATA).write_text(text.replace(f'"sha256": "{entity["sha256"]}"', f'"sha256": "{"0" * 64}"'))
    assert found(check_crate(crate)) == [("broken", METADATA)]


@pytest.mark.parametrize("key", ["value", "softwareVersion", "description"])
def test_a_changed_value_in_the_metadata_is_named(crate: Path, key: str) -> None:
    content = json.loads((crate / METADATA).read_bytes())
    entity = next(item for item in content["@graph"] if key in item and item["@id"].startswith("#"))
    entity[key] = "another"
    (crate / METADATA).write_text(json.dumps(content), encoding="utf-8")
    (finding,) = check_crate(crate).findings
    assert (finding.kind, finding.link) == ("broken", METADATA)
    assert entity["@id"] in finding.what


def test_an_entry_of_a_zip_file_that_lies_outside_is_named_and_not_written(exported: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(exported / "crate.zip", tmp_path / "crate.zip"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../outside.txt", "here")
    assert found(check_crate(path)) == [("broken", "../outside.txt")]
    assert list(tmp_path.rglob("outside.txt")) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_crate_that_was_zipped_anew_and_damaged_is_named_by_its_file(
    exported: Path, tmp_path: Path, method: int
) -> None:
    path, name = tmp_path / "crate.zip", "results/demo/results.json"
    with zipfile.ZipFile(exported / "crate.zip") as before, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as after:
        for entry in before.infolist():
            kind = method if entry.filename == name else None
            after.writestr(entry.filename, before.read(entry), compress_type=kind)
    if method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert check_crate(path).findings == ()
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(name)
    data = bytearray(path.read_bytes())
    start = entry.header_offset + 30 + len(name)
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(data)
    named = [item for item in check_crate(path).findings if item.link == name]
    assert len(named) == 1
    assert named[0].what.startswith("cannot be unpacked: ")


def test_a_zip_file_that_unpacks_to_too_much_is_refused_and_a_full_disk_is_not_the_fault_of_the_crate(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("gsf.exchange.crate_check.shutil.copyfileobj", full)
        with pytest.raises(OSError, match="No space left on device"):
            check_crate(exported / "crate.zip")
    monkeypatch.setattr("gsf.exchange.crate_check._MOST", 1000)
    with pytest.raises(ParamsError, match=r"crate\.zip: unpacks to \d+ bytes, must be at most 1000"):
        check_crate(exported / "crate.zip")


def test_what_is_no_crate_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no such crate, must be a folder or a ZIP file"):
        check_crate(tmp_path / "crate")
    assert {("broken", METADATA), ("broken", "results")} <= set(found(check_crate(tmp_path)))


def test_a_described_data_set_holds_and_a_file_too_many_is_named(
    finished: Project, exported: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(exported / "arrow", tmp_path / "arrow"))
    assert check_croissant(finished, "arrow", folder).findings == ()
    (folder / "more.csv").touch()
    assert found(check_croissant(finished, "arrow", folder)) == [("broken", "more.csv")]
    with pytest.raises(ParamsError, match="no such folder"):
        check_croissant(finished, "arrow", tmp_path / "elsewhere")


def test_the_command_line_ends_as_verify_does(
    finished: Project,
    exported: Path,
    crate: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(finished.root)
    assert main(["verify-crate", str(crate)]) == 0
    assert "OK: nothing is broken" in capsys.readouterr().out
    assert main(["verify-croissant", "arrow", "--at", str(exported / "arrow"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "holds"
    (crate / "README.md").unlink()
    assert main(["verify-crate", str(crate)]) == 1
    assert "BROKEN: README.md" in capsys.readouterr().out
