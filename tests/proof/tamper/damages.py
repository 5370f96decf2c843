"""What may happen to a file, done to one kind of artefact; every change goes through a sandbox, which undoes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import read_receipt
from tests.proof.finished import rewrite, write_lock
from tests.proof.sandbox import Sandbox
from tests.proof.tamper.exchanged import relist, sign_as_another
from tests.proof.tamper.kinds import RESULTS, Artefact
from tests.proof.tamper.versions import changed_number, other_version, rewritten


def apply(sandbox: Sandbox, artefact: Artefact, damage: str) -> bool:
    """Do the damage; False where there is no such damage to this kind."""
    return DAMAGES[damage](sandbox, artefact)


def renamed(path: str) -> str:
    """The name that a renamed file gets."""
    place = Path(path)
    return place.with_name(f"{place.stem}-renamed{place.suffix}").as_posix()


def _flip(sandbox: Sandbox, artefact: Artefact) -> bool:
    """One bit: of a number where the file has numbers that count, else in the middle."""
    path = sandbox.path(artefact.path)
    data = bytearray(path.read_bytes())
    if artefact.key is not None:
        path.write_bytes(changed_number(bytes(data), artefact.key, lambda number: number ^ 1))
        return True
    at = len(data) // 2
    if artefact.path.endswith(f"{RESULTS}/results.json"):
        at = data.index(b'"value": ') + 9
    elif artefact.path == "dvc.lock":
        # A digit of a digest that another digest may have: `a` would become no digit, and the file no YAML.
        pattern = rb"train@demo-gsf-s0:.*?md5: '?[0-9a-f]*?([0-9bcde])"
        at = re.search(pattern, bytes(data), re.DOTALL).start(1)  # type: ignore[union-attr]
    elif artefact.path.endswith(".zip"):
        at = data.index(b"results/demo/results.json[") + 100  # in its bytes, which follow its name
    elif artefact.group == "drawn" and artefact.receipt is None:
        at = data.index(b'"sha256": "') + 11
    elif artefact.group == "shown":
        at = max(found.start() for found in re.finditer(rb"\d", bytes(data[: data.rindex(b"|")])))
    data[at] ^= 1
    path.write_bytes(data)
    return True


def _other(sandbox: Sandbox, artefact: Artefact) -> bool:
    path = sandbox.path(artefact.path)
    if artefact.group == "signature":
        path.write_bytes((sandbox.project.root.parent / "earlier.dsse.json").read_bytes())
    else:
        path.write_bytes(other_version(path.read_bytes(), artefact.path, key=artefact.key))
    return True


def _write(change: Callable[[bytes, Artefact], bytes | None]) -> Callable[[Sandbox, Artefact], bool]:
    def damage(sandbox: Sandbox, artefact: Artefact) -> bool:
        path = sandbox.path(artefact.path)
        changed = change(path.read_bytes(), artefact)
        if changed is not None:
            path.write_bytes(changed)
        return changed is not None

    return damage


def _cut(data: bytes, artefact: Artefact) -> bytes:
    """The first half; of dvc.lock the first stages, so that it stays one."""
    return data[: data.index(b"  train@demo-gsf-s0:") if artefact.path == "dvc.lock" else len(data) // 2]


def _delete(sandbox: Sandbox, artefact: Artefact) -> bool:
    sandbox.path(artefact.path).unlink()
    return True


def _rename(sandbox: Sandbox, artefact: Artefact) -> bool:
    path, new = sandbox.path(artefact.path), sandbox.path(renamed(artefact.path))
    new.write_bytes(path.read_bytes())
    path.unlink()
    return True


def _swap(sandbox: Sandbox, artefact: Artefact) -> bool:
    if artefact.sibling is not None:
        sandbox.swap(artefact.path, artefact.sibling)
    return artefact.sibling is not None


def _forge(sandbox: Sandbox, artefact: Artefact) -> bool:
    """A number is changed, and the digest that the next link has of it is made to agree."""
    path = artefact.path
    match artefact.group:
        case "output":
            assert artefact.receipt is not None
            _make_other(sandbox, artefact)
            listed = path
            if path.endswith(".mp4"):  # its digest stands in the annotations
                listed = "data/arrow/annotations.csv"
                table, old = sandbox.path(listed), sandbox.before(path)
                table.write_text(table.read_text().replace(old, sha256_file(sandbox.path(path))))
            _relist(sandbox, artefact.receipt, listed)
        case "receipt":
            facts = read_receipt(sandbox.path(path)).facts
            rewrite(sandbox.path(path), facts={**facts, "videos": 1000})
        case "kept":
            facts = read_receipt(sandbox.path(path)).facts
            rewrite(sandbox.path(path), facts={**facts, "videos": 1000})
            sandbox.rename_by_digest(path)
            sandbox.forge_report()
        case "evidence":
            _make_other(sandbox, artefact)
            kept = sandbox.kept(str(artefact.stage))
            outputs = read_receipt(sandbox.path(kept)).outputs
            name = next(item for item in outputs if item.endswith("/" + Path(path).name))
            rewrite(sandbox.path(kept), outputs={**outputs, name: sha256_file(sandbox.path(path))})
            sandbox.rename_by_digest(kept)
            sandbox.forge_report()
        case "result" | "signed" if path.endswith("report.receipt.json"):
            rewrite(sandbox.path(path), facts={"cells": 1000})
            sandbox.path("dvc.lock")
            write_lock(sandbox.project)
        case "result" | "signed":
            _make_other(sandbox, artefact)
            sandbox.forge_report()
        case "drawn" if artefact.receipt is not None:
            old = sha256_file(sandbox.path(path))
            _make_other(sandbox, artefact)
            index = sandbox.path(artefact.receipt)
            index.write_text(index.read_text().replace(old, sha256_file(sandbox.path(path))))
        case "signature":
            table = sandbox.path(f"{RESULTS}/results.json")
            table.write_bytes(other_version(table.read_bytes(), table.name, key=None))
            sandbox.forge_report()
            sign_as_another(sandbox.project, sandbox.path(path))
        case "crate" | "croissant" if relist(sandbox.path, artefact):
            pass
        case _:
            return False  # no digest beside it that could be made to agree
    return True


def _make_other(sandbox: Sandbox, artefact: Artefact) -> None:
    path = sandbox.path(artefact.path)
    path.write_bytes(other_version(path.read_bytes(), artefact.path, key=artefact.key))


def _relist(sandbox: Sandbox, receipt: str, name: str) -> None:
    outputs = read_receipt(sandbox.path(receipt)).outputs
    rewrite(sandbox.path(receipt), outputs={**outputs, name: sha256_file(sandbox.path(name))})


DAMAGES: dict[str, Callable[[Sandbox, Artefact], bool]] = {
    "bit flipped": _flip,
    "cut short": _write(_cut),
    "emptied": _write(lambda data, _: b""),
    "deleted": _delete,
    "renamed": _rename,
    "swapped": _swap,
    "other version": _other,
    "forged": _forge,
    "rewritten": _write(lambda data, artefact: rewritten(data, artefact.path)),
}
