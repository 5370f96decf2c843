"""A published benchmark through the real stages, by both runners, down to its published files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gsf.data.init.published import init_published
from gsf.pipeline import study
from tests.data.project import make_video
from tests.data.published.small import write
from tests.pipeline.tiny import Clone

pytestmark = pytest.mark.pipeline
CLIPS = (
    "Archery/v_Archery_g08_c01.avi",
    "HandstandPushups/v_HandStandPushups_g08_c01.avi",
    "Archery/v_Archery_g01_c01.avi",
)


def published_clone(root: Path) -> Clone:
    """A clone beside its videos and annotation files, whose study is on these."""
    clone = Clone(root / "clone")
    for number, name in enumerate(CLIPS):
        make_video(root / "videos" / name, shade=40 + 60 * number)
    folder = write(root / "published", "ucf101")
    init_published(clone.project, "pub", root / "videos", format="ucf101", annotations=folder, shards=2)
    clone.edit("params/studies/tiny.yaml", "  tsn: {benchmark: mini, model: tsn-tiny, recipe: tiny}\n", "")
    clone.edit("params/studies/tiny.yaml", "[2x1x1, 2x2x1]", "[2x1x1]")
    clone.edit("params/studies/tiny.yaml", "benchmark: mini", "benchmark: pub")
    study.activate(clone.project, "tiny")
    return clone.start()


def test_both_runners_annotate_alike_and_the_published_files_are_verified(tmp_path: Path) -> None:
    first, second = published_clone(tmp_path / "a"), published_clone(tmp_path / "b")
    first.dvc("repro", "manifest@pub")
    second.snakemake("data/pub/manifest.csv")
    receipts = first.receipts()
    assert receipts == second.receipts()
    assert "data/pub/annotated/receipt.json" in receipts
    second.run("gsf", "record")
    assert "annotate@pub" not in second.dvc("status")

    first.dvc("repro")  # on to the report, which keeps the receipt of the annotations
    verdict = json.loads(first.run("gsf", "verify", "tiny", "--deep", "--json"))
    assert verdict["ok"]
    assert verdict["checked"]["annotations"] == 3
    evidence = first.root / "results/tiny/evidence/pub"
    assert json.loads((evidence / "summary.json").read_bytes())["format"] == "ucf101"
    assert (evidence / "subsets.csv").read_text() == "subset,part,id\n"

    traced = first.run("gsf", "trace", "data/pub/manifest.csv")
    assert "annotations from elsewhere: trainlist01.txt" in traced
    assert "../published/trainlist01.txt has this sha256" in traced

    (tmp_path / "a" / "published" / "trainlist01.txt").write_text("Archery/v_Archery_g08_c01.avi 1\n")
    text = first.run("gsf", "verify", "--deep", fails=True)
    assert "published/trainlist01.txt" in text
    assert "as the benchmark's published.sha256 says" in first.dvc("repro", "-s", "-f", "annotate@pub", fails=True)
