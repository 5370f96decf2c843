from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gsf.errors import ParamsError, ProvenanceError, ShardError, TrainError
from gsf.project import Project
from gsf.provenance.receipt import Receipt
from gsf.store.reader import ShardReader
from gsf.train.checkpoint import read_checkpoint
from gsf.train.observer import NoObserver
from gsf.train.running import Running
from gsf.train.stage import run

MakeProject = Callable[[], Project]


def _train(project: Project, **changes: object) -> Receipt:
    options: dict[str, object] = {
        "benchmark": "arrow",
        "study": "s",
        "run": "gsf-s0",
        "model": "gsf",
        "recipe": "quick",
        "seed": 0,
        "threads": 1,
        "running": Running(workers=0),
        "device": "cpu",
    }
    return run(project, **(options | changes))  # type: ignore[arg-type]


class _KilledAfter(NoObserver):
    """Ends the process's work after an epoch, as a kill would: nothing is cleaned up."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if epoch == self._epoch:
            raise KeyboardInterrupt


@dataclass(frozen=True)
class _Straight:
    """The training `gsf-s0` that nothing disturbed; read only."""

    project: Project
    receipt: Receipt

    @property
    def checkpoint(self) -> Path:
        return self.project.checkpoint("s", "gsf-s0")


@pytest.fixture(scope="module")
def straight(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> _Straight:
    project = Project(Path(shutil.copytree(small_data.root, tmp_path_factory.mktemp("straight") / "project")))
    return _Straight(project, _train(project))


def test_the_number_of_workers_changes_no_byte(small_project: MakeProject, straight: _Straight) -> None:
    project = small_project()
    assert _train(project, running=Running(workers=2)).digest == straight.receipt.digest
    assert project.checkpoint("s", "gsf-s0").read_bytes() == straight.checkpoint.read_bytes()


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_interrupted_training_ends_in_the_same_bytes(
    small_project: MakeProject, straight: _Straight, epoch: int
) -> None:
    interrupted = small_project()
    with pytest.raises(KeyboardInterrupt):
        _train(interrupted, observer=_KilledAfter(epoch))
    assert not interrupted.checkpoint("s", "gsf-s0").exists()
    assert _train(interrupted) == straight.receipt


def test_another_seed_gives_other_weights(small_project: MakeProject, straight: _Straight) -> None:
    first, second = straight.receipt.outputs, _train(small_project(), run="gsf-s1", seed=1).outputs
    assert first["runs/s/train/gsf-s0/checkpoint.safetensors"] != second["runs/s/train/gsf-s1/checkpoint.safetensors"]


def test_a_damaged_state_is_not_used(small_project: MakeProject, straight: _Straight) -> None:
    damaged = small_project()
    with pytest.raises(KeyboardInterrupt):
        _train(damaged, observer=_KilledAfter(1))
    state = damaged.work("train", "s", "gsf-s0", "state.safetensors")
    state.write_bytes(state.read_bytes()[:5000])
    assert _train(damaged) == straight.receipt


def test_the_checkpoint_rebuilds_the_network(straight: _Straight) -> None:
    network, info = read_checkpoint(straight.checkpoint)
    assert info.model.temporal == "gsf"
    assert len(info.classes) == 12
    assert not network.training
    assert straight.receipt.facts["device"] == "cpu"
    assert straight.receipt.content["command"].endswith("--seed 0 --threads 1")


def test_a_changed_shard_stops_the_training_and_is_named(small_project: MakeProject) -> None:
    project = small_project()
    shard = project.shard("arrow", "01")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.unlink()
    shard.write_bytes(data)
    with pytest.raises(ProvenanceError, match=r"data/arrow/shards/01\.lmdb: sha256 is"):
        _train(project)


def test_a_manifest_that_promises_other_frames_is_an_error(small_project: MakeProject) -> None:
    project = small_project()
    from gsf.data.videos import Split, Videos

    reader = ShardReader(project.shard("arrow", "00"))
    video = next(iter(reader))
    split = Split(ids=[video], labels=[0], frames=[len(reader[video]) + 1], shards=["00"])
    with pytest.raises(ShardError, match="the manifest says"):
        Videos(split, {"00": project.shard("arrow", "00")}).decode(0, [0])


def test_an_unknown_model_is_an_error_that_lists_the_known(small_project: MakeProject) -> None:
    with pytest.raises(ParamsError, match="models here: gsf, tsn"):
        _train(small_project(), model="gfs")


def test_half_precision_on_a_cpu_is_refused(small_project: MakeProject) -> None:
    project = small_project()
    recipe = project.params_file("recipes", "quick")
    recipe.write_text(recipe.read_text() + "precision: float16\n")
    with pytest.raises(TrainError, match="must be float32 or bfloat16"):
        _train(project)


def test_a_loss_that_explodes_names_the_videos(small_project: MakeProject) -> None:
    project = small_project()
    recipe = project.params_file("recipes", "quick")
    # A decay of 9,900 times a weight of the classifier in every step: beyond all floats after about ten.
    text = recipe.read_text().replace("epochs: 3", "epochs: 50").replace("weight_decay: 0.0005", "weight_decay: 0.99")
    recipe.write_text(text.replace("lr: 0.01", "lr: 10.0, classifier_lr: 1000.0"))
    with pytest.raises(TrainError, match=r"loss is not finite.*Videos of the batch: .*\.mp4"):
        _train(project)
