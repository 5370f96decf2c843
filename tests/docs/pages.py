"""The pages of the documentation as GitHub reads them: code blocks with their marks, links, headings.

An indented block is for a shell; a fenced one names its language. Without a mark it is run by a test. A comment in
front of it says why it is not:

    <!-- needs: data -->      what no checkout has; see `NEEDS`
    <!-- long -->             runs for minutes or hours

A command with `...`, or with a word in capitals for one of the reader's own, is a pattern and not run. What is
not run still has verbs and options that exist (test_commands.py).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")))
NEEDS = {
    "data": "videos, annotations, weights or keys that do not come with the project",
    "gpu": "a CUDA device",
    "network": "the internet",
    "remote": "another place that keeps data",
    "root": "the rights to install packages of the system",
    "server": "a server, or a program that runs until it is stopped",
    "slurm": "a cluster",
}
LANGUAGES = ("sh", "python", "yaml", "text")
_MARK = re.compile(r"\s*<!-- (?:needs: (?P<needs>[a-z, ]+)|(?P<long>long)) -->\s*")


@dataclass(frozen=True)
class Block:
    """A code block; `marks` are what it needs, or `long`."""

    page: str
    line: int  # of its first line, from 1
    language: str
    text: str
    marks: tuple[str, ...]

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def tokens(page: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text(encoding="utf-8"))


def blocks(page: str) -> list[Block]:
    """Every code block of a page, in order."""
    found: list[Block] = []
    before: Token | None = None
    for token in tokens(page):
        if token.type in ("code_block", "fence"):
            assert token.map is not None
            fenced = token.type == "fence"
            marks = _marks(before)
            line = token.map[0] + (2 if fenced else 1)
            found.append(Block(page, line, token.info.strip() if fenced else "sh", token.content, marks))
        before = token
    return found


def _marks(token: Token | None) -> tuple[str, ...]:
    match = _MARK.fullmatch(token.content) if token is not None and token.type == "html_block" else None
    if match is None:
        return ()
    return ("long",) if match["long"] else tuple(re.split(r",\s*", match["needs"]))


def inline_code(page: str) -> Iterator[tuple[int, str]]:
    """Line and text of every `code` in the running text and the tables of a page."""
    for token in tokens(page):
        for child in token.children or ():
            if child.type == "code_inline":
                yield (token.map or [0])[0] + 1, child.content


def links(page: str) -> Iterator[tuple[int, str]]:
    """Line and target of every link and image of a page."""
    for token in tokens(page):
        for child in token.children or ():
            if child.type in ("link_open", "image"):
                target = child.attrGet("href" if child.type == "link_open" else "src")
                yield (token.map or [0])[0] + 1, str(target)


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site name them."""
    found: set[str] = set()
    read = tokens(page)
    for heading, inline in itertools.pairwise(read):
        if heading.type == "heading_open":
            words = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            found.add(re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", words.strip().lower())))
    return found
