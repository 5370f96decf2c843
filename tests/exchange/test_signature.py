from __future__ import annotations

import base64
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from gsf.cli import main
from gsf.errors import ProvenanceError
from gsf.exchange.keys import new_key_pair
from gsf.exchange.signature import SIGNATURE, check_signature, sign
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_file
from gsf.provenance.receipt import read_receipt
from tests.proof.finished import git


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "mine"
    new_key_pair(path)
    return path


def public(key: Path) -> Path:
    return key.with_name("mine.pub")


@pytest.fixture(scope="session")
def signed_once(finished: Project, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(Path(shutil.copytree(finished.root, tmp_path_factory.mktemp("signed") / "project")))
    sign(project, "demo", key)
    return project


@pytest.fixture
def signed(signed_once: Project, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(signed_once.root, tmp_path / "signed")))


def envelope(project: Project) -> Path:
    return project.results("demo") / SIGNATURE


def test_signed_results_hold_without_data_and_the_same_again_are_the_same_bytes(signed: Project, key: Path) -> None:
    before = envelope(signed).read_bytes()
    assert sign(signed, "demo", key).read_bytes() == before
    for folder in ("data", "runs"):
        shutil.rmtree(signed.root / folder)
    outcome = check_signature(signed, "demo", public(key))
    report = read_receipt(signed.results("demo") / "report.receipt.json")
    assert outcome.files == len(report.outputs) + 1


def test_others_read_the_statement(signed: Project) -> None:
    content = json.loads(envelope(signed).read_bytes())
    assert content["payloadType"] == "application/vnd.in-toto+json"
    message = json_format.Parse(base64.standard_b64decode(content["payload"]), statement_pb2.Statement())
    Statement.copy_from_pb(message).validate()
    subjects = {item.name: item.digest["sha256"] for item in message.subject}
    assert subjects == {name: sha256_file(signed.root / name) for name in subjects}
    assert {"results/demo/results.json", "results/demo/report.receipt.json"} <= subjects.keys()
    predicate = json_format.MessageToDict(message.predicate)
    receipts = {path.stem for path in (signed.results("demo") / "receipts").iterdir()}
    assert {item["digest"]["sha256"] for item in predicate["receipts"]} == receipts


@pytest.mark.parametrize(
    "name", ["results.json", "README.md", "report.receipt.json", "evidence/gsf-s0/2x1x1/metrics.json"]
)
def test_a_changed_byte_is_named(signed: Project, key: Path, name: str) -> None:
    path = signed.results("demo") / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ProvenanceError, match=f"results/demo/{name} has sha256 .* was signed"):
        check_signature(signed, "demo", public(key))


def test_every_changed_or_missing_file_is_named(signed: Project, key: Path) -> None:
    (signed.results("demo") / "README.md").write_bytes(b"other\n")
    (signed.results("demo") / "results.json").unlink()
    with pytest.raises(ProvenanceError) as error:
        check_signature(signed, "demo", public(key))
    assert "README.md has sha256" in str(error.value)
    assert "results.json is missing" in str(error.value)


def test_the_signature_is_over_type_and_payload_as_dsse_says(signed: Project, key: Path) -> None:
    content = json.loads(envelope(signed).read_bytes())
    kind, payload = content["payloadType"].encode(), base64.standard_b64decode(content["payload"])
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    (signature,) = content["signatures"]
    verifier = load_pem_public_key(public(key).read_bytes())
    assert isinstance(verifier, Ed25519PublicKey)
    verifier.verify(base64.standard_b64decode(signature["sig"]), message)


def test_whatever_is_done_to_an_envelope_it_holds_as_it_was_or_is_refused_by_name(signed: Project, key: Path) -> None:
    whole = envelope(signed).read_bytes()
    payload = json.loads(whole)["payload"]
    draw = random.Random(7)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 1, 3))):
            data[draw.randrange(len(data))] = draw.randrange(256)
        envelope(signed).write_bytes(data)
        try:
            check_signature(signed, "demo", public(key))
        except ProvenanceError:
            continue
        assert json.loads(data)["payload"] == payload


@pytest.mark.parametrize("value", [None, 1, "", [], {}, [None], [1], ["a"], [{}], [{"keyid": None, "sig": ""}]])
@pytest.mark.parametrize("part", ["payload", "payloadType", "signatures"])
def test_an_envelope_with_a_part_of_another_kind_is_refused(signed: Project, key: Path, part: str, value: Any) -> None:
    content = json.loads(envelope(signed).read_bytes()) | {part: value}
    envelope(signed).write_bytes(canonical_json(content))
    with pytest.raises(ProvenanceError):
        check_signature(signed, "demo", public(key))


@pytest.mark.parametrize("data", [b"[]", b"null", b"1", b'"text"', b"[" * 100_000])
def test_what_is_json_and_no_envelope_is_refused(signed: Project, key: Path, data: bytes) -> None:
    envelope(signed).write_bytes(data)
    with pytest.raises(ProvenanceError, match="is cut or damaged"):
        check_signature(signed, "demo", public(key))


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_keys_of_other_kinds_sign_too(signed: Project, tmp_path: Path, kind: str) -> None:
    private = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "key").chmod(0o600)
    data = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pub").write_bytes(data)
    sign(signed, "demo", tmp_path / "key")
    assert check_signature(signed, "demo", tmp_path / "key.pub").files


def test_another_key_is_named(signed: Project, tmp_path: Path) -> None:
    other, keyid = new_key_pair(tmp_path / "other")
    with pytest.raises(ProvenanceError, match=f"is signed by .*, must be signed by {keyid[:12]}"):
        check_signature(signed, "demo", other)


def test_the_signature_of_another_key_under_the_name_of_this_one_does_not_hold(
    signed: Project, key: Path, tmp_path: Path
) -> None:
    mine = json.loads(envelope(signed).read_bytes())
    new_key_pair(tmp_path / "other")
    sign(signed, "demo", tmp_path / "other")
    forged = json.loads(envelope(signed).read_bytes())
    forged["signatures"][0]["keyid"] = mine["signatures"][0]["keyid"]
    envelope(signed).write_bytes(canonical_json(forged))
    with pytest.raises(ProvenanceError, match="does not fit what it signs"):
        check_signature(signed, "demo", public(key))


def test_a_changed_payload_does_not_hold(signed: Project, key: Path) -> None:
    content = json.loads(envelope(signed).read_bytes())
    payload = base64.standard_b64decode(content["payload"]).replace(b'"cells"', b'"cellz"')
    content["payload"] = base64.standard_b64encode(payload).decode()
    envelope(signed).write_bytes(canonical_json(content))
    with pytest.raises(ProvenanceError, match="does not fit what it signs"):
        check_signature(signed, "demo", public(key))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_cut_envelope_is_named(signed: Project, key: Path, share: float) -> None:
    data = envelope(signed).read_bytes()
    envelope(signed).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ProvenanceError, match="is cut or damaged, must be a DSSE envelope"):
        check_signature(signed, "demo", public(key))


@pytest.mark.parametrize("missing", ["payload", "payloadType", "signatures"])
def test_an_envelope_that_lacks_a_part_is_named(signed: Project, key: Path, missing: str) -> None:
    content = json.loads(envelope(signed).read_bytes())
    del content[missing]
    envelope(signed).write_bytes(canonical_json(content))
    with pytest.raises(ProvenanceError, match=f"is cut or damaged.*{missing}"):
        check_signature(signed, "demo", public(key))


def test_an_envelope_without_signatures_is_named(signed: Project, key: Path) -> None:
    content = json.loads(envelope(signed).read_bytes()) | {"signatures": []}
    envelope(signed).write_bytes(canonical_json(content))
    with pytest.raises(ProvenanceError, match="is signed by nobody"):
        check_signature(signed, "demo", public(key))


def test_no_envelope_is_named(finished: Project, key: Path) -> None:
    with pytest.raises(ProvenanceError, match="`gsf sign` writes it"):
        check_signature(finished, "demo", public(key))


def test_a_payload_of_another_type_is_named(signed: Project, key: Path) -> None:
    content = json.loads(envelope(signed).read_bytes()) | {"payloadType": "text/plain"}
    envelope(signed).write_bytes(canonical_json(content))
    with pytest.raises(ProvenanceError, match="holds 'text/plain'"):
        check_signature(signed, "demo", public(key))


def test_the_signature_of_another_study_is_named(signed: Project, key: Path) -> None:
    shutil.copytree(signed.results("demo"), signed.results("copy"))
    with pytest.raises(ProvenanceError, match="is the signature of study 'demo', must be that of 'copy'"):
        check_signature(signed, "copy", public(key))


def test_broken_results_are_not_signed(finished_copy: Callable[[], Project], key: Path) -> None:
    project = finished_copy()
    path = project.results("demo") / "results.json"
    path.write_bytes(path.read_bytes().replace(b"0.75", b"0.95"))
    with pytest.raises(ProvenanceError, match="must hold before it is signed"):
        sign(project, "demo", key)
    assert not envelope(project).exists()


def test_the_chain_holds_with_a_signature_beside_it(
    signed: Project, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git(signed, "add", "results")
    git(signed, "commit", "--quiet", "-m", "signed")
    monkeypatch.chdir(signed.root)
    assert main(["verify", "demo"]) == 0
    assert "uncommitted" not in capsys.readouterr().out
    assert main(["verify-signature", "demo", "--key", str(public(key))]) == 0
    assert "not checked: whose key it is" in capsys.readouterr().out
    assert main(["sign", "demo"]) == 1
    assert "ParamsError: gsf sign: must come with" in capsys.readouterr().err
