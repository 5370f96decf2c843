"""Which processes each node of a Slurm job starts; tests/slurm/test_nodes.py does it on a real Slurm."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gsf.errors import TrainError
from gsf.train.launch import launch
from gsf.train.nodes import nodes_of_job, share_of_node, srun


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)


def inside(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))


def program(folder: Path, text: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_outside_of_slurm_there_is_one_node() -> None:
    assert nodes_of_job() == 1


def test_where_slurm_left_the_number_of_the_job_alone_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a job of Snakemake."""
    program(tmp_path, 'test "$2" = --jobs=7 && echo 3').rename(tmp_path / "squeue")
    inside(monkeypatch, SLURM_JOB_ID=7, PATH=tmp_path)
    assert nodes_of_job() == 3
    inside(monkeypatch, SLURM_JOB_NUM_NODES=2)
    assert nodes_of_job() == 2


def test_a_launcher_that_srun_started_several_times_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    inside(monkeypatch, SLURM_JOB_ID=7, SLURM_JOB_NUM_NODES=2, SLURM_STEP_NUM_TASKS=2)
    with pytest.raises(TrainError, match="srun started `gsf train --devices` 2 times, must be once"):
        nodes_of_job()


def test_processes_that_the_nodes_cannot_share_evenly_are_refused() -> None:
    with pytest.raises(TrainError, match="--devices is 5, must be a multiple of the 2 nodes of this job"):
        srun(2, 5, ["train"])


def test_sizes_of_the_job_do_not_reach_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    inside(monkeypatch, SLURM_NTASKS=8, SLURM_CPUS_PER_TASK=4, SLURM_STEP_GPUS="0,1", SLURM_JOB_ID=7, SLURM_CONF="x")
    _, environment = srun(2, 8, ["train"])
    assert {name for name in environment if name.startswith("SLURM_")} == {"SLURM_JOB_ID", "SLURM_CONF"}


@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_every_rank_is_started_once(monkeypatch: pytest.MonkeyPatch, nodes: int) -> None:
    inside(monkeypatch, GSF_RENDEZVOUS_PORT=4000, SLURM_NNODES=nodes, SLURM_LAUNCH_NODE_IPADDR="10.0.0.1")
    shares = []
    for node in range(nodes):
        inside(monkeypatch, SLURM_NODEID=node)
        shares.append(share_of_node(8))
    assert [rank for share in shares if share for rank in share.ranks] == list(range(8))
    assert {(share.count, share.address, share.port) for share in shares if share} == {(8, "10.0.0.1", 4000)}


TELLS = 'echo "$RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR:$MASTER_PORT" > "{folder}/$RANK"'


def test_a_node_starts_its_share_as_torchrun_would(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(program(tmp_path, TELLS.format(folder=tmp_path))))
    inside(monkeypatch, GSF_RENDEZVOUS_PORT=4000, SLURM_NNODES=2, SLURM_NODEID=1, SLURM_LAUNCH_NODE_IPADDR="10.0.0.1")
    inside(monkeypatch, SLURM_JOB_ID=7, SLURM_JOB_NUM_NODES=2)
    assert launch(4, []) == 0
    said = [(tmp_path / name).read_text() for name in ("2", "3")]
    assert said == ["2 0 4 10.0.0.1:4000\n", "3 1 4 10.0.0.1:4000\n"]
    assert not (tmp_path / "0").exists()


@pytest.mark.parametrize(("code", "of_first", "of_second"), [(75, 75, 0), (1, 1, 1), (0, 0, 0)])
def test_the_first_node_alone_says_that_a_training_made_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, of_first: int, of_second: int
) -> None:
    """Slurm ends all launchers with the first that fails, and the first process may still be saving."""
    monkeypatch.setattr(sys, "executable", str(program(tmp_path, f"exit {code}")))
    inside(monkeypatch, GSF_RENDEZVOUS_PORT=4000, SLURM_NNODES=2, SLURM_LAUNCH_NODE_IPADDR="10.0.0.1")
    codes = []
    for node in (0, 1):
        inside(monkeypatch, SLURM_NODEID=node)
        codes.append(launch(2, []))
    assert codes == [of_first, of_second]


def test_in_a_job_of_several_nodes_srun_starts_a_launcher_on_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f'echo "$@" > {tmp_path}/said; exit 75'
    program(tmp_path, text).rename(tmp_path / "srun")
    inside(monkeypatch, SLURM_JOB_ID=7, SLURM_JOB_NUM_NODES=2, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert launch(4, ["train", "arrow", "--devices", "4"]) == 75
    said = (tmp_path / "said").read_text()
    assert said.startswith("--nodes=2 --ntasks=2 --ntasks-per-node=1")
    assert said.endswith(f"{sys.executable} -m gsf train arrow --devices 4\n")
    assert "4 processes on the 2 nodes of this job" in capsys.readouterr().err
