from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsf.errors import ProvenanceError
from gsf.provenance.hashing import HashCache, canonical_json, sha256_file, write_atomically

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert canonical_json(value) == canonical_json(dict(reversed(list(value.items()))))


def test_canonical_json_is_compact_sorted_utf8_with_one_final_newline() -> None:
    assert canonical_json({"b": [1, 2.5], "a": "ü"}) == '{"a":"ü","b":[1,2.5]}\n'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_canonical_json_refuses_what_json_cannot_say(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"x": value})


def test_hash_cache_hashes_again_after_a_change_of_equal_size(tmp_path: Path) -> None:
    cache, file = HashCache(tmp_path / "cache"), tmp_path / "file"
    file.write_bytes(b"one")
    assert cache.sha256(file) == hashlib.sha256(b"one").hexdigest()
    before = file.stat().st_mtime_ns
    file.write_bytes(b"two")
    os.utime(file, ns=(before + 1, before + 1))
    assert cache.sha256(file) == hashlib.sha256(b"two").hexdigest()


def test_damaged_entry_of_the_hash_cache_is_no_answer(tmp_path: Path) -> None:
    cache, file = HashCache(tmp_path / "cache"), tmp_path / "file"
    file.write_bytes(b"one")
    right = cache.sha256(file)
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(entry.read_bytes()[:20])
    assert cache.sha256(file) == right


def test_hash_of_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match=r"gone\.bin: no such file"):
        HashCache(tmp_path).sha256(tmp_path / "gone.bin")


def test_failed_atomic_write_leaves_the_old_bytes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    write_atomically(file, b"old")

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("gsf.provenance.hashing.os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert sha256_file(file) == hashlib.sha256(b"old").hexdigest()
    assert list(tmp_path.iterdir()) == [file]
