"""What a signature over results says: an in-toto Statement, version 1.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. Its subjects are the files of `results/<study>`;
its predicate points to the receipts behind them. The SLSA provenance predicate was not taken: it must name a build
platform that vouches for how the files were made, and here only the holder of a key does.
"""

from __future__ import annotations

import json
from typing import Any

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT, study_chain
from gsf.provenance.hashing import canonical_json, sha256_file
from gsf.provenance.receipt import Receipt, read_receipt

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:gsf-video:results:v1"  # docs/exchange.md says what it holds


def results_statement(project: Project, study: str) -> bytes:
    """The statement over a study's results, in canonical JSON.

    It holds no times and no names of people or machines, so the same results give the same bytes.

    Raises:
        ProvenanceError: a file of the results is not the one that the report wrote.
    """
    folder = project.results(study)
    report = read_receipt(folder / REPORT_RECEIPT)
    files = {**report.outputs, project.relative(folder / REPORT_RECEIPT): report.digest}
    for path, promised in files.items():
        file = project.root / path
        if not file.is_file() or sha256_file(file) != promised:
            state = "is not what the report wrote" if file.is_file() else "is missing"
            raise ProvenanceError(f"{path}: {state}, must be there before it is signed: run `gsf verify {study}`")
    receipts = list(study_chain(project, study).receipts.values())
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [_descriptor(path, digest) for path, digest in sorted(files.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": _predicate(study, report, receipts),
    }
    return canonical_json(statement)


def _predicate(study: str, report: Receipt, receipts: list[Receipt]) -> dict[str, Any]:
    roots = {(item.path, item.sha256) for receipt in [*receipts, report] for item in receipt.inputs if not item.receipt}
    return {
        "study": study,
        "command": report.content["command"],
        "report": _descriptor(report.stage, report.digest),
        "receipts": [_descriptor(item.stage, item.digest) for item in sorted(receipts, key=_by_stage)],
        "roots": [_descriptor(path, digest) for path, digest in sorted(roots)],
        "environment": _descriptor("requirements.lock", str(report.content["environment"])),
        "cells": report.facts.get("cells"),
    }


def _by_stage(receipt: Receipt) -> tuple[str, str]:
    return receipt.stage, receipt.digest


def _descriptor(name: str, sha256: str) -> dict[str, Any]:
    """A ResourceDescriptor of in-toto: a name, and what its bytes are."""
    return {"name": name, "digest": {"sha256": sha256}}


def read_statement(payload: bytes, *, where: str, study: str) -> dict[str, str]:
    """The subjects of a statement over a study's results: sha256 by path.

    Raises:
        ProvenanceError: it is not such a statement, or one over another study.
    """
    try:
        statement = json.loads(payload)
        kinds = (statement["_type"], statement["predicateType"])
        named = statement["predicate"]["study"]
        pairs = [(str(item["name"]), str(item["digest"]["sha256"])) for item in statement["subject"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ProvenanceError(f"{where}: what is signed is no in-toto statement over results: {error!r}") from None
    if kinds != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise ProvenanceError(f"{where}: signs a {kinds[1]}, must be a {PREDICATE_TYPE} in a {STATEMENT_TYPE}")
    if named != study:
        raise ProvenanceError(f"{where}: is the signature of study {named!r}, must be that of {study!r}")
    return dict(pairs)
