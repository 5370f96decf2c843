"""What DVC and git say about a study's results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from gsf.project import Project
from gsf.provenance.chain import REPORT_RECEIPT, stage_of_path
from gsf.provenance.findings import Finding
from gsf.provenance.git import changed_files
from gsf.provenance.hashing import canonical_json
from gsf.provenance.receipt import Receipt

_RERUN = "`dvc repro` makes one state of both; `git log -p dvc.lock` says when they parted"


def check_lock(project: Project, study: str, receipts: Sequence[Receipt], missing: list[str]) -> Iterator[Finding]:
    """dvc.lock has the same receipts as the results; stages that it does not have are added to `missing`."""
    try:
        locked = _receipts_in_lock(project)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        if (project.root / "dvc.lock").is_file():
            what = f"cannot be read: {str(error).splitlines()[0]}"
            yield Finding("broken", "dvc.lock", what, "restore it: `git checkout -- dvc.lock`")
        missing.extend(receipt.stage for receipt in receipts)
        return
    for receipt in receipts:
        path, found = locked.get(receipt.stage, ("", ""))
        if not path or (receipt.stage == "report" and path != f"results/{study}/{REPORT_RECEIPT}"):
            missing.append(receipt.stage)
        elif found != hashlib.md5(canonical_json(receipt.content), usedforsecurity=False).hexdigest():
            what = f"dvc.lock has another receipt at {path} than the results rest on"
            yield Finding("broken", receipt.stage, what, _RERUN)


def _receipts_in_lock(project: Project) -> dict[str, tuple[str, str]]:
    """Path and md5 of each stage's receipt; those of plans are dependencies of their extractions."""
    text = (project.root / "dvc.lock").read_bytes()
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, tuple[str, str]] = {}
    for name, stage in (yaml.load(text, Loader=loader) or {})["stages"].items():
        for out in stage.get("outs", []):
            if str(out["path"]).endswith("receipt.json"):
                found[str(name)] = (str(out["path"]), str(out["md5"]))
        for dep in stage.get("deps", []):
            if stage_of_path(str(dep["path"])).startswith("plan@") and str(dep["path"]).endswith("receipt.json"):
                found[stage_of_path(str(dep["path"]))] = (str(dep["path"]), str(dep["md5"]))
    return found


def check_committed(project: Project, study: str) -> Iterator[Finding]:
    """Files of the results that differ from git's."""
    for path in changed_files(project, f"results/{study}") or ():
        remedy = f"commit results/{study} where it is as it must be, else `git checkout` it"
        yield Finding("uncommitted", path, "git has it otherwise, or not at all", remedy)
