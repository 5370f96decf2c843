"""`gsf demo`: the built-in study from nothing to a table, shown step by step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gsf.errors import PipelineError
from gsf.params.base import load
from gsf.params.study import Plan
from gsf.pipeline.study import activate
from gsf.project import Project

STUDY = "demo"


def run_demo(project: Project) -> int:
    """Run `dvc repro` on the study `demo`, then print its table, the trace of one cell, and how to open MLflow."""
    active = load(Plan, project.plan_file).study
    if active != STUDY:
        print(f"the active study is {active}; switching to {STUDY} (`gsf study {active}` switches back)")
        activate(project, STUDY)
    _run(project, "dvc", "repro")
    results = project.results(STUDY)
    print("\n" + (results / "README.md").read_text(encoding="utf-8"))
    cells = json.loads((results / "results.json").read_bytes())
    cell = cell_to_trace(cells, load(Plan, project.plan_file))
    name = "/".join(cell[key] for key in ("benchmark", "experiment", "protocol", "metric"))
    print(f"$ gsf trace {name}\n")
    _run(project, "gsf", "trace", name)
    print(f"\n$ gsf verify {STUDY}\n")
    _run(project, "gsf", "verify", STUDY)
    print(
        "\nCompare the runs in a browser (answers after about 20 s), then open http://127.0.0.1:5000:\n"
        f"  source {_activate(project)}\n"
        "  mlflow ui --backend-store-uri sqlite:///mlflow.db\n"
    )
    return 0


def cell_to_trace(cells: Sequence[Mapping[str, Any]], plan: Plan) -> Mapping[str, Any]:
    """The first cell of the experiment `gsf`, not of a variant such as `gsf-causal`; of a study without it, any."""
    runs = {item.run for item in plan.experiments.values() if item.experiment == "gsf"}
    return next((cell for cell in cells if cell["experiment"] in runs), cells[0])


def _activate(project: Project) -> str:
    script = Path(sys.executable).parent / "activate"
    return str(script.relative_to(project.root)) if script.is_relative_to(project.root) else str(script)


def _run(project: Project, program: str, *arguments: str) -> None:
    """Run a program that lies beside this Python, with that folder first in PATH (the stages call `gsf`)."""
    folder = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([str(folder / program), *arguments], cwd=project.root, env=environment, check=False)
    if done.returncode:
        raise PipelineError(
            f"`{program} {' '.join(arguments)}` failed (its words are above); mend that and run `gsf demo` again:"
            " what was finished is kept"
        )
