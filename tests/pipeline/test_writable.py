"""Outputs that DVC made read-only may be replaced by Snakemake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.pipeline.tiny import ROOT
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
