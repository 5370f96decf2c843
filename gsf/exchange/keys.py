"""Keys for signing: a private key that only its owner reads, a public one for everybody else.

Both are PEM files (PKCS#8 and SubjectPublicKeyInfo), as openssl and other programs write them. New keys are Ed25519:
the same statement signed twice by one gives the same bytes.
"""

from __future__ import annotations

import os
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gsf.errors import ParamsError
from gsf.provenance.hashing import write_atomically

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey


def new_key_pair(path: Path) -> tuple[Path, str]:
    """Write a new private key to `path`, for its owner alone, and the public one beside it, `.pub`.

    Returns:
        The file of the public key, and its key id.

    Raises:
        ParamsError: a file is there already, or git could take the private key into a repository.
    """
    _check_installed()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    public = path.with_name(path.name + ".pub")
    for file in (path, public):
        if file.exists() or file.is_symlink():
            raise ParamsError(f"{file}: is there already, must be a new file: a key is never overwritten")
    check_outside_git(path)
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as key:
        key.write(secret)
    write_atomically(public, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public, str(read_public_key(public).keyid)


def read_private_key(path: Path) -> CryptoSigner:
    """The signer of a private key; ParamsError where it is none, or where others can read it."""
    _check_installed()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner

    data = _read(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ParamsError(f"{path}: has mode {mode:o}, must be readable by you alone: chmod 600 {path}")
    check_outside_git(path)
    try:
        return CryptoSigner(load_pem_private_key(data, password=None))
    except TypeError:
        raise ParamsError(f"{path}: is encrypted, must be a private key without a password") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ParamsError(
            f"{path}: must be a private key in PEM (PKCS#8), such as `gsf sign --new-key` writes: {error}"
        ) from None


def read_public_key(path: Path) -> SSlibKey:
    """A public key; ParamsError where it is none."""
    _check_installed()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey

    data = _read(path)
    if b"PRIVATE KEY" in data:
        raise ParamsError(f"{path}: is a private key, must be the public one: {path.name}.pub")
    try:
        key: SSlibKey = SSlibKey.from_crypto(load_pem_public_key(data))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ParamsError(
            f"{path}: must be a public key in PEM, such as `gsf sign --new-key` writes: {error}"
        ) from None
    return key


def check_outside_git(path: Path) -> None:
    """Raise ParamsError unless `path` lies in no work tree of git, or where git ignores it."""
    place = path.parent.resolve() / path.name
    folder = next((parent for parent in place.parents if parent.is_dir()), Path("/"))
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return
    rule = "must lie outside of the repository, or where git ignores it: one `git add` would publish it"
    try:
        command = ["git", "-C", str(folder), "check-ignore", "--quiet", "--", str(place)]
        ignored = subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.SubprocessError) as error:
        raise ParamsError(
            f"{path}: is a private key in a work tree and git does not answer ({error}), {rule}"
        ) from None
    if not ignored:
        raise ParamsError(f"{path}: is a private key in a work tree of git, {rule}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read, must be a key file: {error.strerror}") from None


def _check_installed() -> None:
    if find_spec("securesystemslib") is None:
        raise ParamsError("signing: needs securesystemslib, not installed: pip install 'gsf-video[exchange]'")
