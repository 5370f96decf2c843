"""What DVC and git say about a study's results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import yaml

from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT, stage_of_path
from gsf.proof.findings import Finding
from gsf.proof.git import changed_files, tracked_files
from gsf.proof.later import SHARED, receipt_md5, stale_remedy
from gsf.proof.stale import another_is_active
from gsf.provenance.receipt import Receipt

_RERUN = "`dvc repro` makes one state of both; `git log -p dvc.lock` says when they parted"


def check_lock(
    project: Project, study: str, receipts: Sequence[Receipt], *, missing: list[str], moved: dict[str, str]
) -> Iterator[Finding]:
    """dvc.lock has the same receipts as the results.

    Stages that it does not have are added to `missing`. To `moved`, with the md5 of their later receipts, those of a
    benchmark that ran again while another study was the active one: git has to witness the earlier receipts then.
    """
    try:
        locked = _receipts_in_lock(project)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        if (project.root / "dvc.lock").is_file():
            what = f"cannot be read: {str(error).splitlines()[0]}"
            yield Finding("broken", "dvc.lock", what, "restore it: `git checkout -- dvc.lock`")
        missing.extend(receipt.stage for receipt in receipts)
        return
    in_git = cache(lambda: _receipts_in_git(project, study))
    for receipt in receipts:
        path, found = locked.get(receipt.stage, ("", ""))
        if not path or (receipt.stage == "report" and path != f"results/{study}/{REPORT_RECEIPT}"):
            missing.append(receipt.stage)
        elif found != receipt_md5(receipt):
            what = f"dvc.lock has another receipt at {path} than the results rest on"
            if receipt.stage.partition("@")[0] in SHARED and receipt.digest in in_git():
                moved[receipt.stage] = found
                what += ", which are not those of the active study: it ran again"
                yield Finding("stale_data", receipt.stage, what, stale_remedy(study))
            else:
                yield Finding("broken", receipt.stage, what, _RERUN)


def _receipts_in_git(project: Project, study: str) -> frozenset[str]:
    """Digests of the receipts of a study that is not the active one, as git has them; none of the active one's."""
    if not study or not another_is_active(project, study):
        return frozenset()
    folder = project.relative(project.results(study) / "receipts")
    tracked, changed = tracked_files(project, [folder]), changed_files(project, folder)
    if tracked is None or changed is None:
        return frozenset()
    return frozenset(PurePosixPath(path).stem for path in tracked.difference(changed))


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
