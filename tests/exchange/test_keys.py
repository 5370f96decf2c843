from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from gsf.errors import ParamsError
from gsf.exchange.keys import new_key_pair, read_private_key, read_public_key


def test_a_new_pair_belongs_together_and_the_private_key_to_its_owner_alone(tmp_path: Path) -> None:
    public, keyid = new_key_pair(tmp_path / "keys" / "mine")
    assert public == tmp_path / "keys" / "mine.pub"
    assert stat.S_IMODE((tmp_path / "keys" / "mine").stat().st_mode) == 0o600
    assert read_private_key(tmp_path / "keys" / "mine").public_key.keyid == read_public_key(public).keyid == keyid


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    new_key_pair(tmp_path / "mine")
    before = (tmp_path / "mine").read_bytes()
    with pytest.raises(ParamsError, match="never overwritten"):
        new_key_pair(tmp_path / "mine")
    (tmp_path / "other.pub").write_text("mine", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"other\.pub: is there already"):
        new_key_pair(tmp_path / "other")
    assert (tmp_path / "mine").read_bytes() == before
    assert not (tmp_path / "other").exists()


def test_a_private_key_goes_into_a_work_tree_only_where_git_ignores_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("/secret/\n", encoding="utf-8")
    for place in ("key", "docs/deep/key"):
        with pytest.raises(ParamsError, match="one `git add` would publish it"):
            new_key_pair(tmp_path / place)
        assert not (tmp_path / place).exists()
    (tmp_path.parent / f"{tmp_path.name}-link").symlink_to(tmp_path)
    with pytest.raises(ParamsError, match="is a private key in a work tree"):
        new_key_pair(tmp_path.parent / f"{tmp_path.name}-link" / "key")
    new_key_pair(tmp_path / "secret" / "key")
    read_private_key(tmp_path / "secret" / "key")
    (tmp_path / "secret" / "key").rename(tmp_path / "key")
    with pytest.raises(ParamsError, match="one `git add` would publish it"):
        read_private_key(tmp_path / "key")


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    new_key_pair(tmp_path / "mine")
    (tmp_path / "mine").chmod(0o640)
    with pytest.raises(ParamsError, match="has mode 640, must be readable by you alone: chmod 600"):
        read_private_key(tmp_path / "mine")


def test_what_is_no_key_is_named(tmp_path: Path) -> None:
    new_key_pair(tmp_path / "mine")
    with pytest.raises(ParamsError, match="is a private key, must be the public one"):
        read_public_key(tmp_path / "mine")
    (tmp_path / "text").write_text("no key", encoding="utf-8")
    (tmp_path / "text").chmod(0o600)
    for read in (read_private_key, read_public_key):
        with pytest.raises(ParamsError, match=r"text: must be a .* key in PEM"):
            read(tmp_path / "text")
        with pytest.raises(ParamsError, match="nowhere: cannot be read"):
            read(tmp_path / "nowhere")


def test_an_encrypted_key_is_named(tmp_path: Path) -> None:
    encrypted = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )
    (tmp_path / "mine").write_bytes(encrypted)
    (tmp_path / "mine").chmod(0o600)
    with pytest.raises(ParamsError, match="is encrypted"):
        read_private_key(tmp_path / "mine")
