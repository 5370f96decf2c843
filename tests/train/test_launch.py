"""The processes of a node share its cores, also those that load clips."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gsf.data import loader
from gsf.train import launch as launching
from gsf.train.launch import launch, loaders_of_each
from tests.pipeline.tiny import ROOT

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
