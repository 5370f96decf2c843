"""Other bytes of the same content are told from other content, and only where that can be proven."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from gsf.proof.content import canonical_form, same_content, same_content_of
from gsf.provenance.hashing import canonical_json, sha256_bytes
from gsf.provenance.records import readable_json
from gsf.tables import table_bytes

VALUE = {"b": [1, 2.5, None], "a": {"é": "x"}}
RECORDS = [{"b": 1, "a": 0.1}, {"b": 2, "a": 1e-7}]
TABLE = table_bytes(("id", "label"), [("a,b", "x"), ("c", 'say "y"'), ("d", "two\nlines")])
TENSORS = save({"w": np.ones((2, 3), np.float32), "n": np.zeros(2, np.int64)}, metadata={"gsf": "{}"})


def padded(data: bytes) -> bytes:
    """The same tensors behind a header with more spaces at its end."""
    size = int.from_bytes(data[:8], "little")
    return (size + 8).to_bytes(8, "little") + data[8 : 8 + size] + b" " * 8 + data[8 + size :]


@pytest.mark.parametrize(
    ("name", "promised", "found"),
    [
        ("x.json", canonical_json(VALUE), json.dumps(VALUE, indent=4).encode()),
        ("x.json", canonical_json(VALUE), canonical_json(VALUE).replace(b"\n", b"\r\n")),
        ("x.json", (json.dumps(VALUE, indent=2) + "\n").encode(), json.dumps(VALUE).encode()),
        ("x.json", (json.dumps(VALUE, indent=2, ensure_ascii=False) + "\n").encode(), json.dumps(VALUE).encode()),
        ("x.json", readable_json(RECORDS), json.dumps(RECORDS).encode()),
        ("x.csv", TABLE, TABLE.replace(b"\n", b"\r\n")),
        ("x.csv", TABLE, b"\xef\xbb\xbf" + TABLE),
        ("x.csv", TABLE, TABLE.replace(b"c,", b'"c",')),
        ("x.csv", TABLE.replace(b"\n", b"\r\n"), TABLE),
        ("x.md", b"one\ntwo\n", b"one\r\ntwo\r\n"),
        ("x.safetensors", TENSORS, padded(TENSORS)),
    ],
)
def test_another_writing_is_the_same_content(name: str, promised: bytes, found: bytes) -> None:
    assert promised != found
    assert same_content(found, name, sha256_bytes(promised))


@pytest.mark.parametrize(
    ("name", "promised", "found"),
    [
        ("x.json", canonical_json(VALUE), canonical_json({**VALUE, "b": [1, 2.5, 0]})),
        ("x.json", canonical_json({"a": 2}), b'{"a": 1, "a": 2}'),
        ("x.json", canonical_json({"a": 2}), b'{"a": 2'),
        ("x.json", canonical_json({"a": 2}), b'{"a": NaN}'),
        ("x.csv", TABLE, TABLE.replace(b"x", b"y")),
        ("x.csv", TABLE, TABLE + b"\n"),
        ("x.csv", TABLE, b"\xff\xfe"),
        ("x.md", b"one\ntwo\n", b"one\n\ntwo\n"),
        ("x.safetensors", TENSORS, TENSORS[:-1] + b"\x01"),
        ("x.safetensors", TENSORS, b""),
        ("x.png", b"a\n", b"a\r\n"),
    ],
)
def test_other_content_is_not(name: str, promised: bytes, found: bytes) -> None:
    assert same_content(found, name, sha256_bytes(promised)) is None


def test_deep_nesting_is_no_crash() -> None:
    assert same_content(b"[" * 100_000, "x.json", "0" * 64) is None


def test_a_file_that_cannot_be_read_is_not_the_same(tmp_path: Path) -> None:
    assert same_content_of(tmp_path / "absent.json", "absent.json", sha256_bytes(b"")) is None


def test_the_canonical_form_refuses_a_key_that_is_said_twice() -> None:
    with pytest.raises(ValueError, match="one key twice"):
        canonical_form(b'{"a": 1, "a": 1}')
