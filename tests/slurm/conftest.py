from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gsf.pipeline.record import record
from tests.pipeline.tiny import ToyClone
from tests.required import lacking
from tests.slurm.node import Node, why_not


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    reason = why_not()
    if reason is not None:
        lacking("slurm", f"NO SLURM TESTS: {reason}")
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
