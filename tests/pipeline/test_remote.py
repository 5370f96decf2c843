"""A finished study through a DVC remote: pushed from one clone, pulled into others, with nothing to run again.

The remote is a folder, a bucket of a server on this machine that speaks S3, and the cache of another project.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from gsf.pipeline import study
from tests.pipeline.test_end_to_end import CLEAN, NOTHING, ran_by_dvc
from tests.pipeline.tiny import Clone
from tests.unprivileged import obeying, read_only

pytestmark = pytest.mark.pipeline

LACKING = [name for name in ("dvc_s3", "moto", "boto3") if find_spec(name) is None]
NO_S3 = f"NOT TESTED with S3, lacking {', '.join(LACKING)}: pip install 'gsf-video[s3]' 'moto[s3]'"
KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BEFORE_TRAINING = ["render@mini", "inventory@mini", "extract@mini-00", "extract@mini-01", "manifest@mini"]


@dataclass(frozen=True)
class Remote:
    """Where DVC pushes to, and what its client needs to know."""

    url: str
    settings: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pushed:
    """A clone that ran the study and pushed it."""

    clone: Clone
    remote: Remote

    def cloned(self, root: Path) -> Clone:
        """A fresh clone that has pulled nothing yet."""
        return self.clone.cloned(root)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The study `tiny` with one network and one protocol, run by DVC and committed."""
    clone = Clone(tmp_path_factory.mktemp("finished") / "clone")
    clone.edit("params/studies/tiny.yaml", "  tsn: {benchmark: mini, model: tsn-tiny, recipe: tiny}\n", "")
    clone.edit("params/studies/tiny.yaml", "[2x1x1, 2x2x1]", "[2x1x1]")
    study.activate(clone.project, "tiny")
    clone.start()
    clone.dvc("repro")
    clone.commit("results")
    return clone


@pytest.fixture(
    scope="module", params=["folder", pytest.param("s3", marks=pytest.mark.skipif(bool(LACKING), reason=NO_S3))]
)
def remote(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    if request.param == "folder":
        yield Remote(str(tmp_path_factory.mktemp("store")))
        return
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        boto3.client(
            "s3",
            endpoint_url=address,
            region_name=KEYS["AWS_DEFAULT_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        ).create_bucket(Bucket="shards")
        yield Remote("s3://shards/gsf", {"endpointurl": address, "verify": "true"}, KEYS)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def pushed(finished: Clone, remote: Remote) -> Pushed:
    finished.dvc("remote", "add", "--default", "--force", "store", remote.url)
    for name, value in remote.settings.items():
        finished.dvc("remote", "modify", "store", name, value)
    finished.commit("the remote")
    assert "pushed" in finished.dvc("push", **remote.environment)
    return Pushed(finished, remote)


def test_a_fresh_clone_pulls_and_has_nothing_to_run(pushed: Pushed, tmp_path: Path) -> None:
    clone = pushed.cloned(tmp_path / "fresh")
    assert not (clone.root / "data").exists()
    clone.dvc("pull", **pushed.remote.environment)
    assert "are to be run" not in clone.run("gsf", "sync")
    assert clone.receipts() == pushed.clone.receipts()
    assert CLEAN in clone.dvc("status")
    assert NOTHING in clone.snakemake("-n")
    verdict = clone.run("gsf", "verify", "tiny", "--deep")
    assert "OK: nothing is broken" in verdict
    assert "what is absent" not in verdict


def test_a_clone_with_the_shards_alone_gets_the_rest_without_running_it(pushed: Pushed, tmp_path: Path) -> None:
    clone = pushed.cloned(tmp_path / "shards")
    clone.dvc("pull", *BEFORE_TRAINING, **pushed.remote.environment)
    assert clone.project.shard("mini", "00").is_file()
    assert not (clone.root / "runs").exists()
    said = clone.run("gsf", "sync")
    assert "train@tiny-gsf-s0" in said
    assert "extract@mini-00" not in said
    assert "what is absent" in clone.run("gsf", "verify", "tiny", "--deep")
    assert ran_by_dvc(clone.dvc("repro", "--pull", **pushed.remote.environment)) == []
    assert "are to be run" not in clone.run("gsf", "sync")
    assert NOTHING in clone.snakemake("-n")


def test_the_cache_of_somebodys_project_is_a_remote_that_only_has_to_be_readable(
    finished: Clone, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(finished.root / ".dvc" / "cache", theirs)
    read_only(theirs)
    clone = finished.cloned(tmp_path / "mine")
    clone.dvc("remote", "add", "--local", "--default", "theirs", str(theirs))
    clone.run(*obeying(sys.executable, "-m", "dvc", "pull"))
    assert "are to be run" not in clone.run("gsf", "sync")
    assert clone.receipts() == finished.receipts()
    assert CLEAN in clone.dvc("status")
    assert NOTHING in clone.snakemake("-n")


def test_a_file_that_is_cut_short_in_the_remote_is_named(pushed: Pushed, tmp_path: Path) -> None:
    """Last, since what is cut stays so."""
    shard = pushed.clone.project.shard("mini", "01")
    digest = next(
        line.split()[-1]
        for line in _entry(pushed.clone.root / "dvc.lock", "data/mini/shards/01.lmdb")
        if line.strip().startswith("md5:")
    )
    _cut(pushed.remote, f"files/md5/{digest[:2]}/{digest[2:]}", shard.stat().st_size // 2)
    clone = pushed.cloned(tmp_path / "cut")
    said = clone.dvc("pull", "extract@mini-01", fails=True, **pushed.remote.environment)
    assert "data/mini/shards/01.lmdb" in said
    assert not clone.project.shard("mini", "01").exists()


def _entry(lock: Path, path: str) -> list[str]:
    """The lines of dvc.lock that follow the one about a path."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return lines[lines.index(f"    - path: {path}") :]


def _cut(remote: Remote, key: str, size: int) -> None:
    if not remote.url.startswith("s3:"):
        path = Path(remote.url) / key
        path.chmod(0o644)
        os.truncate(path, size)
        return
    import boto3

    client = boto3.client(
        "s3", endpoint_url=remote.settings["endpointurl"], aws_access_key_id="test", aws_secret_access_key="test"
    )
    place = {"Bucket": "shards", "Key": f"gsf/{key}"}
    whole = client.get_object(**place)["Body"].read()
    client.put_object(**place, Body=whole[:size])
