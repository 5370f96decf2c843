"""An extraction under Snakemake whose job Slurm ends goes on from the last video that it finished."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from gsf.video.ffmpeg import executable
from tests.pipeline.tiny import Clone
from tests.slurm.head import ends_well, running, start
from tests.slurm.node import Node, wait_for

pytestmark = pytest.mark.slurm

FIRST = 4  # videos that are decoded at once; those after them wait until they may go on
FFMPEG = """\
#!/bin/sh
for word; do case "$word" in file:*) video=$word;; esac; done
if [ "$video" ]; then
  echo "$video" >>{decoded}
  place=$(grep -nxF "$video" {decoded} | head -n 1 | cut -d: -f1)
  while [ "$place" -gt {first} ] && [ ! -e {go_on} ]; do sleep 0.2; done
fi
exec {ffmpeg} "$@"
"""


def test_an_extraction_decodes_nothing_twice_that_it_had_finished(node: Node, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone").start()
    clone.snakemake("data/mini/inventory.csv")
    decoded, go_on, program = (clone.root / name for name in ("decoded.txt", "go-on", "bin/ffmpeg-that-waits"))
    values = {"decoded": decoded, "go_on": go_on, "ffmpeg": executable()}
    program.write_text(FFMPEG.format(first=FIRST, **{name: shlex.quote(str(path)) for name, path in values.items()}))
    program.chmod(0o755)
    head = start(clone, "data/mini/shards/00.lmdb", GSF_FFMPEG=str(program))
    spool = clone.project.work("extract", "mini", "00", "spool")

    wait_for(
        lambda: sum(path.suffix != ".tmp" for path in spool.glob("*")) == FIRST, seconds=300, what="the first videos"
    )
    node.run("scancel", *running(node, "extract")())
    wait_for(lambda: not running(node, "extract")(), seconds=300, what="the extraction to end")
    go_on.touch()
    ends_well(head, clone)

    planned = len(clone.project.shard_plan("mini", "00").read_text().splitlines()) - 1
    assert len(set(names(decoded))) == planned
    assert not set(names(decoded)[:FIRST]) & set(names(decoded)[FIRST:])


def names(decoded: Path) -> list[str]:
    """The videos that ffmpeg was started for, in that order."""
    return decoded.read_text(encoding="utf-8").splitlines()
