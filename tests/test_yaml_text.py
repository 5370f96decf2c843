from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gsf.yaml_text import flow_list, scalar

ODD = [
    "", " ", " x", "x ", "-", "- x", "?", "#", "a #b", "a: b", "a:", "a,b", "[a]", "{a}", "*a", "&a", "!a", "%a", "@a",
    "1e3", "0o7", "0x1F", "1_000", "12:30:45", ".5", ".inf", ".nan", "-1", "+1", "00", "2026-11-27", "~", "null",
    "Null", "yes", "No", "on", "OFF", "y", "n", "true", "=", "<<", "...", "---", "..", "../1e3", "'", '"', "\\", "a\nb",
    "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "\uffff", "é", "\U0001f600", "8x1x1", "a.", "a/", "a-",
]  # fmt: skip
texts = st.one_of(st.text(st.characters(exclude_categories=("Cs",)), max_size=12), st.sampled_from(ODD))


def _read_twice(text: str) -> tuple[object, object]:
    """As PyYAML (1.1) and as ruamel (1.2), with which DVC reads, understand it."""
    return yaml.safe_load(text), YAML(typ="safe", pure=True).load(text)


def _stays(text: str) -> None:
    for written, read in (
        (f"key: {scalar(text)}  # comment\n", {"key": text}),
        (f"- {scalar(text)}\n- b\n", [text, "b"]),
        (f"pair: {flow_list([text, 'b'])}\n", {"pair": [text, "b"]}),
        (f"run: {{key: {scalar(text)}, b: c}}\n", {"run": {"key": text, "b": "c"}}),
        (f"  {scalar(text)}: {{b: c}}\n", {text: {"b": "c"}}),
    ):
        assert _read_twice(written) == (read, read)


@settings(max_examples=200, deadline=None)
@given(texts)
@example("1e3")
@example("0o7")
def test_a_text_is_read_as_itself_by_both_versions_of_yaml_wherever_it_stands(text: str) -> None:
    _stays(text)


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_are_read_as_themselves_too(text: str) -> None:
    _stays(text)


@pytest.mark.parametrize("text", ["wave", "../films/a b", "data/mine/x.csv", "/disk/films", "Turn left", "gsf-s0"])
def test_what_nobody_misreads_stays_plain(text: str) -> None:
    assert scalar(text) == text
