"""A training under Snakemake that Slurm asks to end goes on from the very step that it saved."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pipeline.tiny import Clone
from tests.slurm.head import ends_well, running, start
from tests.slurm.node import Node, wait_for

pytestmark = pytest.mark.slurm

EPOCHS, BATCH = 4, 2


def test_asked_to_end_a_training_saves_its_step_and_goes_on_from_there(
    node: Node, with_data: Clone, tmp_path: Path
) -> None:
    """The signal reaches the shell, tee and the loader processes, too."""
    clone = with_data.copied(tmp_path / "clone")
    clone.edit("params/recipes/tiny.yaml", "epochs: 1", f"epochs: {EPOCHS}")
    clone.edit("params/recipes/tiny.yaml", "batch_size: 8", f"batch_size: {BATCH}")
    head = start(clone, GSF_WORKERS="2", GSF_SAVE_MINUTES="0.0001")  # a state after each step
    saved = clone.project.work("train", "tiny", "gsf-s0", "state.safetensors")
    wait_for(saved.exists, seconds=300, what="the first steps")
    (job,) = running(node, "train")()
    node.run("scancel", "--signal=TERM", job)
    ends_well(head, clone)

    (log,) = (clone.root / ".snakemake/slurm_logs").rglob(f"{job}.log")
    stopped = re.search(r"stopped by a signal after (\d+) epochs and (\d+) steps; the state is saved", log.read_text())
    assert stopped, log.read_text()[-4000:]
    epochs, steps = int(stopped[1]), int(stopped[2])
    again = (clone.root / ".work/logs/train/tiny-gsf-s0.log").read_text()
    first = re.search(rf"epoch (\d+)/{EPOCHS}: +\d+%\|[^|]*\| (\d+)/", again)
    assert first, again[-4000:]
    assert (int(first[1]), int(first[2])) == (epochs + 1, steps * BATCH)
