"""Each message in docs/troubleshooting.md is one that the code, make or a runner says, under the kind that has it."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import re
from functools import cache
from pathlib import Path

import pytest

from gsf import errors
from tests.docs.pages import ROOT, tokens

PAGE = "docs/troubleshooting.md"
RUNNERS = ("dvc", "snakemake", "snakemake_interface_common")  # whose messages are quoted, too
SHELL = {"gsf: command not found"}  # what no file of ours says


def quoted() -> list[tuple[int, str]]:
    """Line and text of the messages: code that opens the first cell of a row."""
    found, read = [], tokens(PAGE)
    for before, token in itertools.pairwise(read):
        if before.type == "td_open" and token.children and token.children[0].type == "code_inline":
            row = [item for item in read if item.type == "tr_open" and item.map == token.map]
            if row and read[read.index(row[0]) + 2] is token:
                found.append(((token.map or [0])[0] + 1, token.children[0].content))
    return found


@cache
def said() -> str:
    """All texts of the package, with `...` in place of what is filled in; of make and of the runners as they stand."""
    texts = [said_by("."), (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(PYTHON)", "python3.11")]
    for name in RUNNERS:
        folder = Path(str(getattr(importlib.util.find_spec(name), "origin", None))).parent
        texts += [path.read_text(encoding="utf-8") for path in folder.rglob("*.py")]
    return "\n".join(texts)


@cache
def said_by(part: str) -> str:
    """All texts of a folder of the package."""
    files = (ROOT / "gsf" / part).rglob("*.py")
    return "\n".join(text for path in files for text in _texts(ast.parse(path.read_text("utf-8"))))


def _texts(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(v.value) if isinstance(v, ast.Constant) else "..." for v in node.values]
            found.append("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


def test_the_page_quotes_messages() -> None:
    assert len(quoted()) > 50


@pytest.mark.parametrize("message", [text for _, text in quoted()])
def test_a_quoted_message_is_one_that_is_said(message: str) -> None:
    if message not in SHELL and not message.startswith("mlflow "):
        assert message in said(), f"{PAGE} quotes {message!r}, which nothing says any more"


@pytest.mark.parametrize("part", ["app", "deploy", "predict", "serve", "stream", "video"])
def test_a_network_in_use_has_messages_of_all_its_parts(part: str) -> None:
    lines = (ROOT / PAGE).read_text(encoding="utf-8").splitlines()
    begin = lines.index("## A network in use")
    end = next(number for number, line in enumerate(lines) if number > begin and line.startswith("## "))
    assert [text for line, text in quoted() if begin < line <= end and text in said_by(part)]


def test_every_kind_of_error_has_a_section() -> None:
    headings = " ".join(re.findall(r"^## (.*)$", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE))
    kinds = [name for name in vars(errors) if name.endswith("Error") and name not in ("GsfError", "PreemptedError")]
    assert not [name for name in kinds if name not in headings]
