"""Projects on shared file systems: `data/`, or all of it, can be read and not written.

It is another user's, or on a file system that is mounted read-only: then nobody may write, and errors are others.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gsf.data import inventory, manifest
from gsf.pipeline import study
from gsf.project import Project
from gsf.store import extract
from gsf.video import render
from tests.pipeline.tiny import ROOT, Clone, ToyClone
from tests.proof.finished import finish
from tests.unprivileged import mounted_read_only, obeying, read_only

CLEAN, NOTHING = "Data and pipelines are up to date", "Nothing to be done"
OF_GSF = ["evaluate@tiny-gsf-s0-2x1x1", "evaluate@tiny-gsf-s0-2x2x1", "report", "train@tiny-gsf-s0"]
OF_RUN = ("mini", "--study", "tiny", "--run", "gsf-s0", "--threads", "1", "--device", "cpu")

# `gsf sync` and `gsf record`, which the toy that is called gsf has not.
ENGINE = "from pathlib import Path; from gsf.pipeline.{verb} import {verb}; from gsf.project import Project\n"
ENGINE += "print({verb}(Project(Path.cwd())))"

# One process for several verbs: importing torch takes longer than all of them.
VERBS = """
import contextlib, io, json, sys
from gsf.cli import main
for verb in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(io.StringIO()) as errors:
        code = main(verb)
    print(json.dumps({"verb": verb[0], "code": code, "said": said.getvalue(), "errors": errors.getvalue()}))
"""


def gsf(clone: Clone, *verbs: tuple[str, ...]) -> list[dict[str, str]]:
    """Run verbs without the right to override permissions; what each one said."""
    done = subprocess.run(
        obeying(sys.executable, "-c", VERBS, json.dumps(verbs)),
        cwd=clone.root,
        env=clone.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def codes(found: list[dict[str, str]]) -> dict[str, object]:
    return {item["verb"]: item["code"] if item["code"] == 0 else item["errors"] + item["said"] for item in found}


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with size and time."""
    return {
        path.relative_to(folder).as_posix(): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The study `tiny` of one network and protocol, with its data; read only: copy it to change it."""
    clone = Clone(tmp_path_factory.mktemp("read-only") / "clone")
    clone.edit("params/studies/tiny.yaml", "  tsn: {benchmark: mini, model: tsn-tiny, recipe: tiny}\n", "")
    clone.edit("params/studies/tiny.yaml", "[2x1x1, 2x2x1]", "[2x1x1]")
    study.activate(clone.project, "tiny")
    render.run(clone.project, "mini")
    inventory.run(clone.project, "mini")
    for shard in ("00", "01"):
        extract.run(clone.project, "mini", shard)
    manifest.run(clone.project, "mini")
    shutil.rmtree(clone.project.work())
    return clone


def test_all_behind_the_data_works_where_data_is_read_only_and_of_another_user(extracted: Clone) -> None:
    data = extracted.root / "data"
    read_only(data)
    before = files(data)
    done = gsf(
        extracted,
        ("train", *OF_RUN, "--model", "gsf-tiny", "--recipe", "tiny", "--seed", "0"),
        ("evaluate", *OF_RUN, "--protocol", "2x1x1"),
        ("report", "tiny"),
        ("verify", "tiny", "--deep", "--recompute", "--replay", "2"),
        ("trace", "mini/gsf-s0/2x1x1/top1"),
        ("show", "mini", "--count", "2", "--out", "sheet.png"),
    )
    assert codes(done) == dict.fromkeys(("train", "evaluate", "report", "verify", "trace", "show"), 0)
    assert "OK: nothing is broken" in next(item["said"] for item in done if item["verb"] == "verify")
    assert files(data) == before

    whole = files(extracted.root)
    read_only(extracted.root)
    *reading, writing = gsf(
        extracted,
        ("verify", "tiny", "--deep", "--recompute"),
        ("trace", "mini/gsf-s0/2x1x1/top1"),
        ("report", "tiny"),
    )
    assert codes(reading) == {"verify": 0, "trace": 0}
    assert files(extracted.root) == whole
    assert writing["code"] == 1
    assert "must be open to this account" in writing["errors"]
    assert "docs/storage.md" in writing["errors"]


def test_a_verb_that_has_to_write_says_that_the_file_system_is_read_only(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    command = mounted_read_only(clone.root, sys.executable, "-m", "gsf", "study", "tiny")
    said = clone.run(*command, fails=True)
    assert f"error: {clone.root}/params/.plan.yaml" in said
    assert ": Read-only file system, must be open to this account; in a project that others own" in said
    assert "Traceback" not in said


def test_a_study_is_verified_where_all_of_its_project_is_mounted_read_only(small_data: Project, tmp_path: Path) -> None:
    project = finish(small_data, tmp_path / "project")
    done = subprocess.run(
        mounted_read_only(project.root, sys.executable, "-m", "gsf", "verify", "demo", "--deep"),
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK: nothing is broken" in done.stdout
    assert done.stderr == ""


@pytest.mark.pipeline
@pytest.mark.parametrize("how", ["of another user", "mounted"])
def test_both_runners_work_where_data_is_read_only(tmp_path: Path, how: str) -> None:
    clone = ToyClone(tmp_path / "clone")
    data = clone.root / "data"
    clone.start()
    clone.dvc("repro")
    clone.ran()
    if how == "mounted":
        as_told = mounted_read_only(data)
    else:
        as_told = obeying()
        read_only(data)
    before = files(data)

    def run(*words: str) -> str:
        return clone.run(*as_told, sys.executable, *words)

    clone.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    run("-m", "dvc", "repro")
    assert clone.ran() == OF_GSF
    assert CLEAN in run("-m", "dvc", "status")
    assert "both runners call 12 stages up to date" in run("-c", ENGINE.format(verb="sync"))
    assert NOTHING in run("-m", "snakemake", "-n")

    clone.edit("params/models/gsf-tiny.yaml", "dropout: 0.5", "dropout: 0.25")
    run("-m", "snakemake", "--cores", "2")
    assert clone.ran() == OF_GSF
    assert "DVC now knows 12 stages" in run("-c", ENGINE.format(verb="record"))
    assert NOTHING in run("-m", "snakemake", "-n")
    assert CLEAN in run("-m", "dvc", "status")
    assert files(data) == before
