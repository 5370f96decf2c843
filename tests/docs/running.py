"""Runs the blocks of a page in order, as a reader would: those for a shell and those for Python."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gsf.cli import main
from tests.docs.commands import commands, is_pattern
from tests.docs.pages import Block

# Programs that take long to start, or that need a project with a whole graph: they run in the tests of the pipeline.
ENGINES = frozenset({"dvc", "snakemake", "mlflow", "make"})
Call = Callable[[list[str]], None]


def runs_engines(block: Block) -> bool:
    return block.language == "sh" and any(words[0] in ENGINES for words in commands(block))


def to_run(blocks: Sequence[Block]) -> list[Block]:
    """The blocks that nothing stands against."""
    return [block for block in blocks if not block.marks and block.language in ("sh", "python")]


def run(blocks: Sequence[Block], call: Call) -> None:
    """Run the blocks in the current folder; `call` runs one command, and blocks of Python share their names."""
    names: dict[str, Any] = {"__name__": "documentation"}
    for block in blocks:
        if block.language == "python":
            exec(compile(block.text, block.where, "exec"), names)
            continue
        for words in commands(block):
            if is_pattern(words):
                continue
            try:
                call([_expanded(word) for word in words])
            except (AssertionError, SystemExit) as error:
                raise AssertionError(f"{block.where}: {' '.join(words)}: {error}") from error


def _expanded(word: str) -> str:
    """As a shell does it with a home and with variables."""
    return os.path.expandvars(Path(word).expanduser() if word.startswith("~/") else word)


def shell_word(words: list[str]) -> bool:
    """Do what a shell does itself; False where it is a program's word."""
    program, *rest = words
    if program == "export":
        name, value = rest[0].split("=", 1)
        os.environ[name] = value
    elif program == "cd":
        os.chdir(rest[0])
    elif program == "cat":
        assert all(Path(name).is_file() for name in rest), f"{rest} must be files"
    else:
        return program == "source" and bool(re.fullmatch(r"\.venv/bin/activate", rest[0]))
    return True


def call_here(words: list[str]) -> None:
    """Run `gsf` in this process."""
    if shell_word(words):
        return
    program, *rest = words
    assert program == "gsf", f"{program} is no program of a quick test: mark the block, or say `long`"
    code = main(rest)
    assert code == 0, f"exit code {code}"


@contextlib.contextmanager
def in_folder(root: Path, **variables: str):  # type: ignore[no-untyped-def]
    """The current folder and environment for as long as a page runs."""
    folder, environment = Path.cwd(), dict(os.environ)
    os.chdir(root)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
