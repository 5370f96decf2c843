"""docs/cluster.md walked by an account without rights, from a folder of videos to a table that is verified."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gsf.video.arrow import clip_frames
from gsf.video.ffmpeg import encode_h264
from tests.docs.commands import commands
from tests.docs.pages import ROOT, blocks
from tests.pipeline.tiny import Clone
from tests.required import lacking
from tests.slurm import account as accounts
from tests.slurm import node as nodes
from tests.slurm.account import Account
from tests.slurm.node import Node

pytestmark = pytest.mark.slurm

PAGE = "docs/cluster.md"
PROFILE = "workflow/profiles/slurm/config.yaml"
VIDEOS = "/shared/videos/mine"  # on the page
ELSEWHERE = {"sacctmgr", "srun"}  # accounting, and a partition of GPUs, which the Slurm of the tests has not


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    nodes.require_slurm()
    reason = accounts.why_not()
    if reason is not None:
        lacking("account", f"NOT TESTED as another account: {reason}")
    with Account() as made:
        if made.python is None:
            lacking("account", f"NOT TESTED as another account: {accounts.NO_PYTHON}")
        yield made


@pytest.fixture(scope="module")
def node(account: Account) -> Iterator[Node]:
    with Node(account.folder / "slurm") as cluster:
        yield cluster


def on_a_node() -> list[str]:
    """How the page lets a node do `gsf record`, with no more than this node has."""
    (found,) = re.findall(r"`(srun [^`]*) gsf record`", (ROOT / PAGE).read_text(encoding="utf-8"))
    fewer = {"--cpus-per-task=4": "--cpus-per-task=1", "--mem=8G": "--mem=2G"}
    return [fewer.get(word, word) for word in found.split()]


def steps() -> list[list[str]]:
    """The commands of the page's steps that need no network."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    last = text[: text.index("\nWhat a job needs is in")].count("\n")
    found = [b for b in blocks(PAGE) if b.language == "sh" and b.line < last and "network" not in b.marks]
    return [words for block in found for words in commands(block) if words[0] not in ELSEWHERE]


def render_videos(folder: Path) -> None:
    """Class folders in folders of splits, as somebody may bring them."""
    size = {"width": 48, "height": 36}
    for split, count in (("train", 3), ("val", 1), ("test", 1)):
        for label in ("left", "right"):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                seed = (len(split), number, *label.encode())
                images = clip_frames(label, seed=seed, frames=(8, 10), **size)
                pixels = (np.round(image * 255).astype(np.uint8).tobytes() for image in images)
                encode_h264(folder / split / label / f"{number}.mp4", pixels, fps=12, qp=20, **size)


def make_clone(account: Account) -> Clone:
    """A clone of the account's own, with the programs that its environment would have."""
    clone = Clone(account.folder / "gsf")
    for name, module in (("gsf", "gsf.cli"), ("dvc", "dvc"), ("snakemake", "snakemake")):
        clone.add_program(name, [str(account.python), "-m", module])
    # Network, weights and time that a test has not; and what step 3 says to edit.
    for model in ("tsn-mobilenetv2-112", "gsf-mobilenetv2-112"):
        clone.edit(f"params/models/{model}.yaml", "pretrained: torchvision", "pretrained: null")
    for old, new in (("\nepochs: 16\n", "\nepochs: 1\n"), ("warmup_epochs: 1 ", "warmup_epochs: 0 ")):
        clone.edit("params/recipes/finetune.yaml", old, new)
    clone.edit(PROFILE, "slurm_partition: main", "slurm_partition: urgent")
    clone.edit(PROFILE, "# slurm-status-command: squeue", "slurm-status-command: squeue\nslurm-no-account: true")
    clone.edit(PROFILE, "status-checks: 20", "status-checks: 3")
    clone.start()
    account.give(clone.root)
    return clone


def test_the_page_leads_from_videos_to_a_verified_table(node: Node, account: Account) -> None:
    videos = account.folder / "videos" / "mine"
    render_videos(videos)
    clone = make_clone(account)
    environment = clone.environment(
        PATH=f"{clone.root / 'bin'}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin",
        PYTHONPATH=f"{clone.root}{os.pathsep}{accounts.PACKAGES}",
        DVC_SITE_CACHE_DIR=str(account.home / "dvc"),
        **{f"GIT_{who}_{what}": "gsf@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    )
    said = {}
    for words in steps():
        command = [str(videos) if word == VIDEOS else word for word in words]
        if words == ["gsf", "record"]:
            command = [*on_a_node(), *command]
        said[" ".join(words)] = account.run(*command, folder=clone.root, environment=environment)
        if words[:2] == ["gsf", "init"]:  # one network is enough here
            clone.edit("params/studies/mine.yaml", "  tsn: {", "  # tsn: {")

    assert "urgent" in said["sinfo -o %P %G %l"]
    assert "| gsf |" in said["cat results/mine/README.md"]
    assert "OK: nothing is broken" in said["gsf verify mine"]
    assert "uncommitted" not in said["gsf verify mine"]
    submitted = node.run("squeue", "--noheader", "--states=all", "--array", "--format=%u %P %T").splitlines()
    # srun in the default partition; and inventory, extraction, manifest, training, evaluation, report
    assert sorted(submitted) == [f"{accounts.NAME} {where} COMPLETED" for where in ("main", *["urgent"] * 6)]
