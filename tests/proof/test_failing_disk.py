from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gsf.project import Project
from gsf.proof.verify import verify_study
from gsf.provenance.hashing import sha256_file

SHARD = "data/arrow/shards/00.lmdb"


def test_files_that_a_failing_disk_cannot_read_are_named_and_the_others_are_checked(
    finished: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = min((finished.root / "data/arrow/videos").rglob("*.mp4"))

    def failing(path: Path) -> str:
        if path in (finished.root / SHARD, video):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return sha256_file(path)

    monkeypatch.setattr("gsf.proof.deep.sha256_file", failing)
    verdict = verify_study(finished, "demo", deep=True)
    assert {(item.kind, item.link, item.what) for item in verdict.findings} == {
        ("broken", name, "cannot be read: Input/output error") for name in (SHARD, finished.relative(video))
    }
    assert verdict.exit_code == 1
    assert verdict.checked["videos"] == 35
