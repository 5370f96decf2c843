"""The processes that the launcher starts on a node: they share its cores, also those that load clips, and end."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gsf.data import loader
from gsf.train import launch as launching
from gsf.train.launch import launch, loaders_of_each
from tests.pipeline.tiny import ROOT

SAVES = """\
#!/bin/sh
[ "$RANK" = 0 ] || exit 75
sleep 1
echo state > "{folder}/state"
exit 75
"""
TELLS = '#!/bin/sh\necho "$GSF_WORKERS" > "{folder}/$RANK"\n'


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder in which each process that the launcher starts says how many loader processes it would have."""
    program = tmp_path / "program"
    program.write_text(TELLS.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.delenv("GSF_WORKERS", raising=False)
    return tmp_path


def cores(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for module in (loader, launching):
        monkeypatch.setattr(module, "usable_cores", lambda: count)


@pytest.mark.parametrize(
    ("of_node", "processes", "each"), [(16, 8, 1), (16, 4, 3), (96, 8, 8), (12, 8, 0), (8, 8, 0), (4, 8, 0)]
)
def test_processes_and_their_loaders_are_no_more_than_the_cores(
    monkeypatch: pytest.MonkeyPatch, of_node: int, processes: int, each: int
) -> None:
    cores(monkeypatch, of_node)
    assert loaders_of_each(processes) == each
    assert processes * (1 + each) <= max(of_node, processes)


@pytest.mark.parametrize("count", [1, 2, 9, 64])
def test_one_process_has_the_loaders_of_a_training_alone(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.delenv("GSF_WORKERS", raising=False)
    cores(monkeypatch, count)
    assert loaders_of_each(1) == loader.workers(None)


def test_the_launcher_tells_each_process_its_loaders(monkeypatch: pytest.MonkeyPatch, said: Path) -> None:
    cores(monkeypatch, 8)
    assert launch(2, []) == 0
    assert [(said / rank).read_text() for rank in ("0", "1")] == ["3\n"] * 2


def test_on_several_nodes_the_processes_of_this_one_share_its_cores(
    monkeypatch: pytest.MonkeyPatch, said: Path
) -> None:
    cores(monkeypatch, 8)
    monkeypatch.setenv("GSF_RENDEZVOUS_PORT", "4000")
    monkeypatch.setenv("SLURM_LAUNCH_NODE_IPADDR", "10.0.0.1")
    monkeypatch.setenv("SLURM_NNODES", "4")
    monkeypatch.setenv("SLURM_NODEID", "1")
    assert launch(8, []) == 0
    assert [(said / rank).read_text() for rank in ("2", "3")] == ["3\n"] * 2


def test_loaders_that_the_user_asks_for_are_left_alone(monkeypatch: pytest.MonkeyPatch, said: Path) -> None:
    cores(monkeypatch, 8)
    monkeypatch.setenv("GSF_WORKERS", "12")
    assert launch(2, []) == 0
    assert [(said / rank).read_text() for rank in ("0", "1")] == ["12\n"] * 2


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """What the launcher starts in place of Python."""
    program = folder / "stand-in"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_the_process_that_saves_is_waited_for_when_the_others_have_made_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, SAVES.format(folder=tmp_path))
    monkeypatch.setattr(launching, "PATIENCE", 0.1)  # as of others after a failure
    assert launch(2, []) == 75
    assert (tmp_path / "state").read_text() == "state\n"


def test_a_process_that_never_makes_room_is_killed_in_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path, '#!/bin/sh\n[ "$RANK" = 0 ] && exec sleep 3600\nexit 75\n')
    monkeypatch.setattr(launching, "SAVING", 0.1)
    assert launch(2, []) == 75


def test_where_a_process_cannot_be_started_those_before_it_are_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, "#!/bin/sh\nexec sleep 3600\n")
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: Any, **options: Any) -> subprocess.Popen[bytes]:
        if started:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        started.append(popen(*command, **options))
        return started[0]

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(OSError, match="temporarily unavailable"):
        launch(2, [])
    assert [process.returncode for process in started] == [-signal.SIGTERM]


@pytest.mark.parametrize(("given", "each"), [("", str(loaders_of_each(2))), ("5", "5")])
def test_behind_torchrun_the_processes_of_a_node_share_its_cores_too(tmp_path: Path, given: str, each: str) -> None:
    program = tmp_path / "torchrun"
    program.write_text('#!/bin/sh\necho "$GSF_WORKERS $*"\n')
    program.chmod(0o755)
    names = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.1", "GSF_PROCESSES": "2"}
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | names | {"GSF_WORKERS": given, "PATH": path, "PYTHONPATH": str(ROOT)}
    command = [ROOT / "workflow/slurm/torchrun.sh", "gsf", "train"]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert said.startswith(f"{each} --nnodes=1 --nproc-per-node=2 ")
    assert said.endswith(" -m -- gsf train\n")
