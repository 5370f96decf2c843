"""Each line about the machine, as it is where all is well and where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsf.doctor import machine
from gsf.doctor.finding import Finding, State, as_json, as_text, healthy
from gsf.doctor.machine import GIB

LINES: dict[str, tuple[Finding, State, str]] = {
    "Python": (machine.python((3, 11, 7)), "ok", "3.11.7 on"),
    "old Python": (machine.python((3, 10, 2)), "missing", "must be 3.11 or newer; `make PYTHON=python3.11 setup`"),
    "cores": (machine.cores(2, 2), "ok", "2"),
    "some cores": (machine.cores(2, 64), "ok", "2 of the machine's 64"),
    "memory": (machine.memory(32 * GIB, 20 * GIB, None), "ok", "32.0 GiB, 20.0 free"),
    "container": (machine.memory(64 * GIB, 60 * GIB, 8 * GIB), "ok", "8.0 GiB, 8.0 free (the machine has 64"),
    "little memory": (machine.memory(64 * GIB, 60 * GIB, 2 * GIB), "absent", "a training of the demo needs 4 GiB"),
    "disk": (machine.disk(90 * GIB, "/w"), "ok", "90 GiB free in /w"),
    "full disk": (machine.disk(GIB, "/w"), "missing", "1 GiB free in /w, the demo needs 2; free some"),
    "shm": (machine.shared_memory(8 * GIB), "ok", "8.0 GiB"),
    "no shm": (machine.shared_memory(None), "ok", "not on this system"),
    "Docker's shm": (machine.shared_memory(64 << 20), "absent", "64 MiB, in which clips"),
    "files": (machine.open_files(1024, 4096), "ok", "1024 at once"),
    "any files": (machine.open_files(-1, -1), "ok", "any number"),
    "few files": (machine.open_files(256, 4096), "absent", "256 at once, 1024 are usual; `ulimit -n 1024`"),
    "few for all": (machine.open_files(256, 256), "absent", "ask the administrator"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_line_says_what_is_there_and_how_it_is_mended(case: str) -> None:
    finding, state, words = LINES[case]
    assert (finding.state, words in str(finding)) == (state, True), str(finding)
    assert (finding.remedy is None) == (state == "ok")


def test_names_of_files_are_tried(tmp_path: Path) -> None:
    assert machine.file_names("utf-8", tmp_path).state == "ok"
    assert list(tmp_path.iterdir()) == []
    assert machine.file_names("ascii", tmp_path).state == "missing"
    assert "LC_ALL=C.UTF-8" in str(machine.file_names("ANSI_X3.4-1968", tmp_path))
    assert machine.file_names("utf-8", tmp_path / "absent").state == "absent"


@pytest.mark.parametrize(
    ("text", "limit"), [("max\n", None), ("4294967296\n", 4 << 30), ("9223372036854771712\n", None)]
)
def test_the_memory_of_a_container_is_its_limit(tmp_path: Path, text: str, limit: int | None) -> None:
    place = tmp_path / "memory.max"
    assert machine.memory_limit((str(place),)) is None
    place.write_text(text)
    assert machine.memory_limit((str(place),)) == limit


def test_only_what_is_missing_makes_a_machine_unhealthy() -> None:
    good, unneeded, bad = machine.cores(1, 1), machine.shared_memory(1), machine.disk(0, "/")
    assert healthy([good, unneeded])
    assert not healthy([good, bad])
    assert as_text([good, unneeded, bad]).splitlines()[2].startswith("MISSING  disk          0 GiB free")
    assert '"ok": false' in as_json([bad])
