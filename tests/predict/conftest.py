from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gsf.cli import main
from gsf.project import Project

PROTOCOLS = {
    "2x2x10": "clips: 2\ncrops: 10\naverage: probabilities\n",
    "2x1x1-reversed": "clips: 1\ncrops: 1\ntime: reversed\n",
    "2x2x3-dense": "clips: 2\ncrops: 3\nsampling: dense\naverage: probabilities\nbatch_size: 6\n",
}


@pytest.fixture
def project(untrained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Arrow's small copy with an untrained network, `gsf-s0`, and the current folder in it."""
    made = Project(Path(shutil.copytree(untrained.root, tmp_path / "project")))
    made.plan_file.write_text("study: s\n")
    for name, text in PROTOCOLS.items():
        (made.root / f"params/protocols/{name}.yaml").write_text(f"name: {name}\nframes: 2\n{text}")
    monkeypatch.chdir(made.root)
    return made


def answers(capsys: pytest.CaptureFixture[str], *arguments: str, model: str = "gsf-s0") -> list[dict[str, Any]]:
    """The objects that `gsf predict --json` prints, the first about the network."""
    capsys.readouterr()
    main(["predict", *arguments, "--model", model, "--device", "cpu", "--json"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
