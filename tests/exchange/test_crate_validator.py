"""Crates held against the published profiles by the validator of the RO-Crate project (roc-validator).

Its dependencies and those of the lock exclude each other, so it has an environment of its own: `make crate-validator`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rocrate.vocabs import RO_CRATE

from gsf.exchange.crate import export_crate
from gsf.exchange.crate_metadata import METADATA
from gsf.project import Project
from tests.required import lacking

ROOT = Path(__file__).resolve().parents[2]
VALIDATOR = Path(os.environ.get("GSF_CRATE_VALIDATOR", ROOT / ".work" / "crate-validator"))
NONE = "NOT CHECKED against the published profiles: no validator here; `make crate-validator` installs it"
BIOSCHEMAS = "https://bioschemas.org/"
WORKFLOW_RUN = "https://w3id.org/ro/terms/workflow-run#"
# The library ships the context of RO-Crate 1.3; in 1.1 these terms have other addresses, the rest that crates use has
# the same.
IN_1_1 = {
    "ComputationalWorkflow": f"{BIOSCHEMAS}ComputationalWorkflow",
    "FormalParameter": f"{BIOSCHEMAS}FormalParameter",
    "input": f"{BIOSCHEMAS}ComputationalWorkflow#input",
    "output": f"{BIOSCHEMAS}ComputationalWorkflow#output",
}
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": {"@context": RO_CRATE["@context"] | IN_1_1},
    "https://w3id.org/ro/terms/workflow-run/context": {
        "@context": {name: WORKFLOW_RUN + name for name in ("connection", "environment", "resourceUsage")}
    },
}
# Recommendations that need what receipts do not hold, or that a command without a page of its own cannot meet.
NOT_RECORDED = {
    "The Action SHOULD have an endTime in ISO 8601 format",
    "The Action SHOULD have an agent that is a Person or Organization",
    "The Root Data Entity SHOULD have a link to a Contextual Entity representing the `author` of the RO-Crate",
    "The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`",
    "The Application SHOULD have a url",
    "The SoftwareApplication id SHOULD be an absolute URI",
    "The Main Workflow SHOULD comply with Bioschemas ComputationalWorkflow profile version 1.0 or later",
}
Validate = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def validate(tmp_path_factory: pytest.TempPathFactory) -> Validate:
    """Runs the validator offline; its verdict as JSON."""
    if not (VALIDATOR / "bin" / "rocrate-validator").is_file():
        lacking("crate-validator", NONE)
    folder = tmp_path_factory.mktemp("validator")
    contexts, cache = folder / "contexts.json", folder / "cache"
    contexts.write_text(json.dumps(CONTEXTS), encoding="utf-8")
    script = Path(__file__).parent / "validator" / "fill_cache.py"
    subprocess.run([VALIDATOR / "bin" / "python", script, cache, contexts], check=True)

    def run(crate: Path, *, severity: str) -> dict[str, Any]:
        verdict = folder / "verdict.json"
        verdict.unlink(missing_ok=True)
        words = ["--offline", "--cache-path", cache, "--output-format", "json", "--output-file", verdict]
        words += ["--profile-identifier", "provenance-run-crate-0.5", "--requirement-severity", severity, crate]
        command = [VALIDATOR / "bin" / "rocrate-validator", "--no-interactive", "validate", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert verdict.is_file(), done.stdout + done.stderr
        return dict(json.loads(verdict.read_bytes()))

    return run


@pytest.fixture(scope="module")
def crate(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validated") / "crate"
    export_crate(finished, "demo", folder)
    return folder


def messages(verdict: dict[str, Any]) -> set[str]:
    return {issue["message"] for issue in verdict["issues"]}


def test_a_crate_meets_what_its_profiles_require_and_recommend_but_for_what_is_not_recorded(
    crate: Path, validate: Validate
) -> None:
    verdict = validate(crate, severity="RECOMMENDED")
    assert {issue["severity"] for issue in verdict["issues"]} <= {"RECOMMENDED"}
    assert messages(verdict) == NOT_RECORDED
    profiles = set(verdict["statistics"]["profiles"])
    assert profiles >= {"ro-crate-1.1", "workflow-ro-crate-1.0"}
    assert profiles >= {f"{name}-run-crate-0.5" for name in ("process", "workflow", "provenance")}


def test_the_validator_sees_a_run_without_its_tool_and_a_step_without_its_run(
    crate: Path, tmp_path: Path, validate: Validate
) -> None:
    shutil.copytree(crate, tmp_path / "crate")
    content = json.loads((tmp_path / "crate" / METADATA).read_bytes())
    graph = content["@graph"]
    tools = Counter(item["instrument"]["@id"] for item in graph if item["@type"] == "CreateAction")
    shared = next(tool for tool, runs in tools.items() if runs > 1)  # so that it stays some run's tool
    del next(item for item in graph if item["@type"] == "CreateAction" and item["instrument"]["@id"] == shared)[
        "instrument"
    ]
    del next(item for item in graph if item["@type"] == "ControlAction")["object"]
    (tmp_path / "crate" / METADATA).write_text(json.dumps(content), encoding="utf-8")
    verdict = validate(tmp_path / "crate", severity="REQUIRED")
    assert not verdict["passed"]
    assert {message.split(" that ")[0].split(" the action ")[0] for message in messages(verdict)} == {
        "The Action MUST have an instrument property",
        "A ControlAction must reference",
    }
