"""Several processes train what one trains; they write once, and end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gsf.errors import PreemptedError
from gsf.project import Project
from gsf.provenance.receipt import read_receipt
from gsf.train.batches import Batches
from gsf.train.launch import launch
from gsf.train.state import StateFile
from tests.pipeline.tiny import ROOT
from tests.ports import free_port
from tests.train.toy import Job, recipe, run, start

SHARED = recipe(sync_norms=True)  # statistics of a step, not of a part: then sharing it changes rounding alone


def run_together(job: Job, count: int) -> list[int]:
    port = free_port()
    group = [start(job, rank=rank, count=count, port=port) for rank in range(count)]
    for process in group:
        process.join(300)
    for process in group:  # one that waits for another that has failed
        process.kill()
        process.join()
    return [int(process.exitcode) for process in group]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "done.safetensors")


def history(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((folder / "history").read_text())
    return rows


@pytest.mark.parametrize(
    "changes", [{}, {"accumulate": 2, "clip_norm": 1.0}, {"ema": 0.9, "checkpoint_activations": True}]
)
def test_two_processes_train_what_one_trains(changes: dict[str, Any], tmp_path: Path) -> None:
    """Ten clips in steps of four: the last step gives each process one. Five videos to validate: three and two."""
    of = SHARED.model_copy(update=changes)
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    assert run(Job(alone, of.model_copy(update={"accumulate": 1}))) == 0
    assert run_together(Job(shared, of), 2) == [0, 0]
    expected, found = weights(alone), weights(shared)
    if "accumulate" not in changes:  # else the norms see the parts
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5, msg=name)
        for one, two in zip(history(alone), history(shared), strict=True):
            assert one == pytest.approx(two, rel=1e-4)
    assert sorted(path.name for path in shared.iterdir()) == ["done.safetensors", "history", "state.safetensors"]


def test_without_shared_norms_two_processes_train_what_one_trains_in_two_parts(tmp_path: Path) -> None:
    parts, shared = tmp_path / "parts", tmp_path / "shared"
    assert run(Job(parts, recipe(accumulate=2))) == 0
    assert run_together(Job(shared, recipe()), 2) == [0, 0]
    expected, found = weights(parts), weights(shared)
    for name in (name for name in expected if "running" not in name and "num_batches" not in name):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5, msg=name)


def test_step_with_fewer_clips_than_processes_counts_each_once(tmp_path: Path) -> None:
    """Nine clips: the last step has one, and the second process nothing of it."""
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    of = recipe(frozen_norms="all", sync_norms=True, epochs=1)
    assert run(Job(alone, of, clips=9)) == 0
    assert run_together(Job(shared, of, clips=9), 2) == [0, 0]
    assert history(shared)[0]["train_loss"] == pytest.approx(history(alone)[0]["train_loss"], rel=1e-4)


def test_several_processes_killed_and_started_again_end_in_the_same_bytes(tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert run_together(Job(straight, SHARED, save_steps=1), 2) == [0, 0]
    assert run_together(Job(killed, SHARED, save_steps=1, signal=(signal.SIGKILL, 4)), 2) == [-signal.SIGKILL] * 2
    assert run_together(Job(killed, SHARED, save_steps=1), 2) == [0, 0]
    for name in ("done.safetensors", "history"):
        assert (killed / name).read_bytes() == (straight / name).read_bytes()


def test_processes_asked_to_make_room_stop_after_the_same_step(tmp_path: Path) -> None:
    assert run_together(Job(tmp_path, SHARED, signal=(signal.SIGTERM, 2)), 2) == [PreemptedError.EXIT_CODE] * 2


def test_processes_of_which_one_is_asked_while_they_validate_stop_at_once_and_go_on_from_there(tmp_path: Path) -> None:
    """Five videos to validate: the first process has two batches, the other one, after which it still is asked."""
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert run_together(Job(straight, SHARED), 2) == [0, 0]
    asked = Job(stopped, SHARED, signal=(signal.SIGTERM, 1), signal_in="validation", signal_rank=1)
    assert run_together(asked, 2) == [PreemptedError.EXIT_CODE] * 2
    progress, _, _ = StateFile(stopped / "state.safetensors", key="toy").read()
    assert (progress.epochs_done, progress.steps_done) == (0, 3)
    assert run_together(Job(stopped, SHARED), 2) == [0, 0]
    for name in ("done.safetensors", "history"):
        assert (stopped / name).read_bytes() == (straight / name).read_bytes()


def test_failure_of_one_process_ends_all_and_names_the_videos(tmp_path: Path) -> None:
    assert run_together(Job(tmp_path, recipe(), bad_rank=1), 2) == [1, 1]
    assert "the loss of another process is not finite" in (tmp_path / "error.0").read_text()
    assert ".mp4" in (tmp_path / "error.1").read_text()


def test_a_process_that_dies_without_a_word_is_missed_by_the_others(tmp_path: Path) -> None:
    job = Job(tmp_path, recipe(), signal=(signal.SIGKILL, 2), signal_rank=1)
    assert run_together(job, 2) == [1, -signal.SIGKILL]
    assert (tmp_path / "error.0").read_text().startswith("process 0 lost the others: one of them ended")


def pieces(rank: int, count: int, *, accumulate: int = 1, videos: int = 10) -> list[list[list[int]]]:
    plan = Batches(num_videos=videos, batch_size=4, accumulate=accumulate, epochs=1, seed=0, rank=rank, processes=count)
    return [
        [[sample for _, sample in piece.positions] if piece.counts else [] for piece in step.pieces]
        for step in plan.all_steps(epoch=0)
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("accumulate", [1, 2, 3])
@pytest.mark.parametrize("videos", [1, 9, 10, 12])
def test_each_clip_is_in_one_piece_of_one_process(count: int, accumulate: int, videos: int) -> None:
    of_ranks = [pieces(rank, count, accumulate=accumulate, videos=videos) for rank in range(count)]
    assert len({tuple(len(step) for step in steps) for steps in of_ranks}) == 1  # as many passes in each
    for number, whole in enumerate(pieces(0, 1, videos=videos)):
        cut = [sample for steps in of_ranks for piece in steps[number] for sample in piece]
        assert cut == whole[0]


def test_launcher_ends_all_with_the_first_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The other process waits for an hour, as one in a collective would."""
    program = "import os, sys, time; sys.exit(3) if os.environ['RANK'] == '1' else time.sleep(3600)"
    monkeypatch.setattr(sys, "executable", _program(tmp_path, program))
    assert launch(2, []) == 3


def test_launcher_says_which_process_was_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "import os, time; os.kill(os.getpid(), 9) if os.environ['RANK'] == '1' else time.sleep(3600)"
    monkeypatch.setattr(sys, "executable", _program(tmp_path, program))
    assert launch(2, []) == 128 + signal.SIGKILL
    assert "process 1 of 2 was ended by SIGKILL (where memory is short" in capsys.readouterr().err


def test_launcher_passes_a_signal_on(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(75))\n"
        f"open({str(tmp_path)!r} + '/ready' + os.environ['RANK'], 'w')\n"
        "time.sleep(3600)"
    )
    code = (
        "import sys; from gsf.train.launch import launch\n"
        f"sys.executable = {_program(tmp_path, program)!r}\nsys.exit(launch(2, []))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not all((tmp_path / f"ready{rank}").exists() for rank in range(2)):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 75


def _program(folder: Path, code: str) -> str:
    """A stand-in for `python -m gsf`."""
    (folder / "program.py").write_text(code)
    path = folder / "program"
    path.write_text(f"#!/bin/sh\nexec {sys.executable} {folder}/program.py\n")
    path.chmod(0o755)
    return os.fspath(path)


STAGE = "train arrow --study s --run gsf-s0 --model gsf --recipe quick --seed 0 --threads 1 --workers 0 --device cpu"


@pytest.mark.slow
def test_launcher_and_torchrun_seal_the_same_receipt(small_project: Callable[[], Project]) -> None:
    digests = []
    for command in (
        [sys.executable, "-m", "gsf", *STAGE.split(), "--devices", "2"],
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "--", "gsf", *STAGE.split()],
    ):
        project = small_project()
        environment = os.environ | {"PYTHONPATH": str(ROOT), "GSF_MLFLOW": "off"}
        subprocess.run(command, cwd=project.root, env=environment, check=True)
        receipt = read_receipt(project.train_receipt("s", "gsf-s0"))
        assert receipt.facts["processes"] == 2
        digests.append(receipt.digest)
    assert digests[0] == digests[1]
