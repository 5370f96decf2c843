"""Outputs that DVC made read-only may be replaced by Snakemake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.test_record_sync import OF_GSF
from tests.pipeline.tiny import ROOT, ToyClone
from tests.unprivileged import obeying

PROGRAM = """
import os, sys
from types import SimpleNamespace
from pathlib import Path
from gsf.pipeline.writable import make_writable
root = Path(sys.argv[1])
outs = [SimpleNamespace(path=name) for name in ("shard.lmdb", "plan", "absent")]
before = [os.access(root / name, os.W_OK) for name in ("shard.lmdb", "plan/00.csv")]
make_writable(SimpleNamespace(root=root), SimpleNamespace(stages=[SimpleNamespace(outs=outs)]))
print(before, [os.access(root / name, os.W_OK) for name in ("shard.lmdb", "plan/00.csv", "other")])
"""


def test_outputs_linked_into_the_cache_become_writable_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"frames")
    os.link(tmp_path / "cache", tmp_path / "shard.lmdb")
    (tmp_path / "plan").mkdir()
    for name in ("plan/00.csv", "other"):
        (tmp_path / name).write_text("rows")
    for name in ("shard.lmdb", "plan/00.csv", "other"):
        (tmp_path / name).chmod(0o444)
    done = subprocess.run(
        obeying(sys.executable, "-c", PROGRAM, str(tmp_path)), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[False, False] [True, True, False]"
    assert (tmp_path / "shard.lmdb").read_bytes() == b"frames"


@pytest.mark.pipeline
def test_an_account_without_roots_rights_runs_records_and_runs_again(tmp_path: Path) -> None:
    clone = ToyClone(tmp_path / "clone").start()
    record = "from pathlib import Path; from gsf.pipeline.record import record; from gsf.project import Project;"
    record += "print(record(Project(Path.cwd())))"

    def run(*words: str) -> str:
        return clone.run(*obeying(sys.executable, *words))

    run("-m", "snakemake", "--cores", "2")
    assert "knows 12 stages" in run("-c", record)
    clone.ran()
    clone.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    run("-m", "snakemake", "--cores", "2")
    assert clone.ran() == OF_GSF
    assert "knows 12 stages" in run("-c", record)
    assert "Nothing to be done" in run("-m", "snakemake", "-n")
