"""What is handed to others: a signature, crates and a described data set; how each is made, forged and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from securesystemslib.dsse import Envelope

from gsf.errors import GsfError
from gsf.exchange.crate import export_crate
from gsf.exchange.crate_check import check_crate
from gsf.exchange.croissant import export_croissant
from gsf.exchange.croissant_check import check_croissant
from gsf.exchange.keys import new_key_pair, read_private_key
from gsf.exchange.signature import PAYLOAD_TYPE, check_signature, sign
from gsf.exchange.statement import results_statement
from gsf.project import Project
from gsf.proof.findings import Finding, Verdict
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from tests.proof.finished import STUDY, commit
from tests.proof.tamper.kinds import Artefact
from tests.proof.tamper.versions import other_version

LICENCE = "https://example.org/licence"


def hand_over(project: Project) -> None:
    """Sign the results, and write crates and a described data set beside the project."""
    beside = project.root.parent
    for name in ("key", "other"):
        new_key_pair(beside / name)
    signed = sign(project, STUDY, beside / "key").read_bytes()
    commit(project)
    sign_as_another(project, beside / "other.dsse.json")
    statement = json.loads(Envelope.from_dict(json.loads(signed)).payload)
    for subject in statement["subject"]:
        if subject["name"].endswith("/results.json"):
            subject["digest"]["sha256"] = sha256_bytes(b"of an earlier table")
    _sign(canonical_json(statement), beside / "key", beside / "earlier.dsse.json")
    export_crate(project, STUDY, beside / "crate", licence=LICENCE)
    export_crate(project, STUDY, beside / "crate.zip", licence=LICENCE)
    export_croissant(project, "arrow", beside / "croissant")


def sign_as_another(project: Project, path: Path) -> None:
    """The results as they are, signed by somebody else."""
    _sign(results_statement(project, STUDY), project.root.parent / "other", path)


def _sign(statement: bytes, key: Path, path: Path) -> None:
    envelope = Envelope(statement, PAYLOAD_TYPE, {})
    envelope.sign(read_private_key(key))
    path.write_bytes(canonical_json(envelope.to_dict()))


def relist(path: Callable[[str], Path], artefact: Artefact) -> bool:
    """Change a number in a file of a crate, and let the metadata agree; False where nothing lists it."""
    name = "ro-crate-metadata.json" if artefact.group == "crate" else "croissant.json"
    file = Path(artefact.path)
    folder = next((place for place in file.parents if (place / name).is_file()), None)
    if folder is None or file.name == name:
        return False
    own = file.relative_to(folder).as_posix()
    before = sha256_file(file)
    path(artefact.path).write_bytes(other_version(file.read_bytes(), artefact.path, key=artefact.key))
    metadata = path(str(folder / name))
    content = json.loads(metadata.read_bytes())
    for entity in content.get("@graph", content.get("distribution")):
        if entity["@id"] == own and entity["sha256"] == before:
            entity["sha256"] = sha256_file(file)
            if artefact.group == "crate":
                entity["contentSize"] = str(file.stat().st_size)
    sort = artefact.group == "crate"
    metadata.write_text(json.dumps(content, indent=1, sort_keys=sort, ensure_ascii=False) + "\n", encoding="utf-8")
    return True


def checked(project: Project, artefact: Artefact) -> Verdict:
    """What the verb that checks such a file says; an error names what it is about."""
    beside = project.root.parent
    try:
        match artefact.group:
            case "crate":
                packed = artefact.path.endswith(".zip")
                return check_crate(beside / ("crate.zip" if packed else "crate"))
            case "croissant":
                return check_croissant(project, "arrow", beside / "croissant")
            case _:
                check_signature(project, STUDY, beside / "key.pub")
                return Verdict(STUDY, True, {}, (), ())
    except GsfError as error:
        named = re.findall(r"results/demo/[\w./-]*\w", str(error)) or [Path(artefact.path).name]
        findings = tuple(Finding("broken", name, str(error), "") for name in dict.fromkeys(named))
        return Verdict(STUDY, True, {}, findings, ())
