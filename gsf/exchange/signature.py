"""Signing a study's results, and holding them against their signature: in-toto in a DSSE envelope, offline.

DSSE signs type and bytes of the payload (https://github.com/secure-systems-lab/dsse), so nothing depends on how JSON is
written. The envelope lies beside the results and is no output of the report: a new report leaves it as it was, and
then it no longer fits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gsf.errors import ProvenanceError
from gsf.exchange.keys import read_private_key, read_public_key
from gsf.exchange.statement import read_statement, results_statement
from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT, known_studies
from gsf.proof.verify import verify_study
from gsf.provenance.hashing import canonical_json, sha256_file, write_atomically
from gsf.provenance.receipt import read_receipt

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope

PAYLOAD_TYPE = "application/vnd.in-toto+json"
SIGNATURE = "signature.dsse.json"


@dataclass(frozen=True)
class Signed:
    """A signature that holds."""

    study: str
    keyid: str
    files: int  # that it covers, and that are what was signed

    def to_text(self) -> str:
        """The outcome for people, with what it does not say."""
        return (
            f"results/{self.study}: signed by the key {self.keyid[:12]}; {self.files} files are what was signed\n"
            f"not checked: whose key it is, and the chain behind the results (`gsf verify {self.study}`)"
        )


def sign(project: Project, study: str, key: Path) -> Path:
    """Sign the results of a study; returns the file of the envelope.

    Raises:
        ParamsError: the key is not one that can be taken.
        ProvenanceError: the study has no results, or the chain behind them is broken.
    """
    _check_study(project, study)
    signer = read_private_key(key)
    broken = verify_study(project, study).of("broken")
    if broken:
        raise ProvenanceError(
            f"results/{study}: its chain is broken at {broken[0].link} ({broken[0].what}), must hold before it is"
            f" signed: run `gsf verify {study}`"
        )
    from securesystemslib.dsse import Envelope

    envelope = Envelope(results_statement(project, study), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    path = project.results(study) / SIGNATURE
    write_atomically(path, canonical_json(envelope.to_dict()))
    return path


def check_signature(project: Project, study: str, key: Path) -> Signed:
    """Hold the results of a study against their signature and a public key.

    Raises:
        ParamsError: the key is not a public key.
        ProvenanceError: there is no whole envelope, another key signed, or files are not what was signed; all of
            these files are named.
    """
    _check_study(project, study)
    public = read_public_key(key)
    path = project.results(study) / SIGNATURE
    where = project.relative(path)
    envelope = _read_envelope(path, where)
    if public.keyid not in envelope.signatures:
        signers = ", ".join(str(keyid)[:12] for keyid in envelope.signatures) or "nobody"
        raise ProvenanceError(f"{where}: is signed by {signers}, must be signed by {public.keyid[:12]} ({key})")
    from securesystemslib.exceptions import Error

    try:
        envelope.verify([public], 1)
    except Error:
        raise ProvenanceError(
            f"{where}: the signature of {public.keyid[:12]} does not fit what it signs: one of the two was changed;"
            " restore the file from git, or sign again"
        ) from None
    subjects = read_statement(envelope.payload, where=where, study=study)
    problems = list(_differences(project, study, subjects))
    if problems:
        raise ProvenanceError("\n".join(f"{where}: {problem}" for problem in problems))
    return Signed(study=study, keyid=public.keyid, files=len(subjects))


def _check_study(project: Project, study: str) -> None:
    known = known_studies(project)
    if study not in known:
        raise ProvenanceError(f"{study}: is no study with results, must be one of: {', '.join(known) or 'none here'}")


def _read_envelope(path: Path, where: str) -> Envelope:
    from securesystemslib.dsse import Envelope

    try:
        data = json.loads(path.read_bytes())
        kind = data["payloadType"]
        envelope = Envelope.from_dict(data)
    except FileNotFoundError:
        raise ProvenanceError(f"{where}: no such file, must be there: `gsf sign` writes it") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProvenanceError(f"{where}: is cut or damaged, must be a DSSE envelope: {error!r}") from None
    if kind != PAYLOAD_TYPE:
        raise ProvenanceError(f"{where}: holds {kind!r}, must hold {PAYLOAD_TYPE}")
    return envelope


def _differences(project: Project, study: str, subjects: dict[str, str]) -> list[str]:
    """How the files here are not those that were signed."""
    folder = project.results(study)
    report = project.relative(folder / REPORT_RECEIPT)
    found = []
    for name, promised in subjects.items():
        file = project.root / name
        if not name.startswith(f"results/{study}/") or ".." in Path(name).parts:
            found.append(f"signs {name}, must sign files of results/{study} only")
        elif not file.is_file():
            found.append(f"{name} is missing")
        elif (digest := sha256_file(file)) != promised:
            found.append(f"{name} has sha256 {digest[:12]}, {promised[:12]} was signed")
    if report not in subjects:
        found.append(f"does not sign {report}")
    elif not found:
        left_out = sorted(read_receipt(folder / REPORT_RECEIPT).outputs.keys() - subjects.keys())
        found += [f"does not sign {name}, which the report wrote" for name in left_out]
    return found
