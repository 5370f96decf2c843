from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gsf.pipeline import study
from gsf.pipeline.record import record
from gsf.provenance.receipt import read_receipt
from tests.pipeline.tiny import Clone, ToyClone
from tests.slurm.head import end_heads
from tests.slurm.node import RUNNING, Node, require_slurm
from tests.slurm.training import RUN, TRAIN


@pytest.fixture(scope="session", autouse=True)
def ended_in_order() -> Iterator[None]:
    """A run that is told to end ends its clusters, too: without this SIGTERM would leave their daemons."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """What a failed test left to Slurm fails no other."""
    yield
    end_heads()
    for cluster in RUNNING:
        cluster.tidy()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    require_slurm()
    with Node(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ToyClone:
    """A clone in which everything was run and recorded."""
    clone = ToyClone(tmp_path_factory.mktemp("toys") / "clone").start()
    clone.snakemake()
    record(clone.project)
    clone.ran()
    return clone


@pytest.fixture
def clone(finished: ToyClone, tmp_path: Path) -> ToyClone:
    """A copy in which one training has to run again, and what rests on it."""
    copy = finished.copied(tmp_path / "clone")
    copy.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    return copy


@pytest.fixture(scope="session")
def with_data(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone without toys whose data are there, and nothing else; take a copy to change it."""
    clone = Clone(tmp_path_factory.mktemp("data") / "clone").start()
    clone.snakemake("data/mini/manifest.csv")
    return clone


@pytest.fixture(scope="session")
def prepared(with_data: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy with trainings by two processes that take long enough to be interrupted."""
    clone = with_data.copied(tmp_path_factory.mktemp("prepared") / "clone")
    clone.edit("params/studies/tiny.yaml", "threads: 1", "threads: 1\ndevices: 2")
    clone.edit("params/recipes/tiny.yaml", "epochs: 1", "epochs: 8")
    study.activate(clone.project, "tiny")
    return clone


@pytest.fixture
def copy(prepared: Clone, tmp_path: Path) -> Clone:
    return prepared.copied(tmp_path / "clone")


@pytest.fixture(scope="session")
def alone(prepared: Clone, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The receipt of two processes on this machine, as `dvc repro` and `snakemake --cores` start them."""
    clone = prepared.copied(tmp_path_factory.mktemp("alone") / "clone")
    clone.run(*TRAIN.split())
    receipt = clone.root / RUN / "receipt.json"
    assert read_receipt(receipt).facts["processes"] == 2
    return receipt.read_bytes()
