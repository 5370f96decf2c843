"""The commands of a block, held against the programs that they call: no verb, option or file that does not exist."""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.util
import io
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from gsf.cli import _parser
from tests.docs.pages import ROOT, Block

_PLAIN = {
    *("cat", "cd", "conda", "cp", "createdb", "curl", "echo", "ffmpeg", "git", "grep", "module"),
    *("sacctmgr", "scancel", "scontrol", "sed", "sinfo", "source", "ssh", "tmux", "uv"),
}


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command of a shell block; comments, redirections and assignments in front are left out."""
    for line in block.text.replace("\\\n", " ").splitlines():
        reader = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        reader.whitespace_split, reader.commenters = True, "#"
        words: list[str] = []
        for word in [*reader, ";"]:
            if set(word) <= set(";&|"):
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    del words[0]
                if words:
                    yield words
                words = []
            else:
                words.append(word)


def is_pattern(words: Sequence[str]) -> bool:
    """Whether something is left out, or a word in capitals stands for the reader's own."""
    return "..." in words or any(re.fullmatch(r"[A-Z][A-Z_-]+", word) for word in words)


def problems(words: Sequence[str]) -> str | None:
    """What is wrong with a command, or None."""
    program, *rest = words
    if program in _PLAIN:
        return None
    check = _CHECKS.get(program.rpartition("/")[2])
    if check is None:
        return f"no test knows the program {program!r}: add it to tests/docs/commands.py, or name the block's language"
    return check(rest)


def _gsf(words: Sequence[str]) -> str | None:
    parser = _parser()
    if "..." not in words and not {"NAME", "VERB"} & set(words):
        return _parsed(parser.parse_args, words)
    return shown_options(words)


def shown_options(words: Sequence[str]) -> str | None:
    """Whether verb and options exist, where the rest is left out."""
    parser = _parser()
    for word in words:
        name = word.split("=")[0]
        if word.startswith("-"):
            if name not in parser._option_string_actions:
                return f"{parser.prog} has no option {name}"
            continue
        subparsers = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
        if subparsers is not None:
            if word not in subparsers.choices:
                return f"{parser.prog} has no verb {word}"
            parser = subparsers.choices[word]
    return None


def _parsed(parse: Callable[[list[str]], object], words: Sequence[str]) -> str | None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parse(list(words))
    except SystemExit as ended:
        return said.getvalue().strip() if ended.code else None
    return None


def _dvc(words: Sequence[str]) -> str | None:
    from dvc.cli import parse_args
    from dvc.cli.parser import DvcParserError

    try:
        return _parsed(parse_args, words)
    except DvcParserError as error:
        return f"dvc {' '.join(words)}: {error}"


def _snakemake(words: Sequence[str]) -> str | None:
    from snakemake.cli import get_argument_parser

    missing = [word for word in words if word.startswith("workflow/") and not (ROOT / word).exists()]
    return f"{missing[0]} does not exist" if missing else _parsed(get_argument_parser().parse_args, words)


def _mlflow(words: Sequence[str]) -> str | None:
    import click
    from mlflow.cli import cli

    command: click.Command | None = cli
    rest = list(words)
    name = "mlflow"
    while isinstance(command, click.Group):
        word = rest.pop(0)
        command = command.get_command(click.Context(command), word)
        if command is None:
            return f"{name} has no command {word}"
        name = f"{name} {word}"
    known = {option for parameter in command.params for option in parameter.opts} if command else set()
    wrong = [word for word in rest if word.startswith("--") and word.split("=")[0] not in known]
    return f"{name} has no option {wrong[0]}" if wrong else None


def _make(words: Sequence[str]) -> str | None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    unknown = [word for word in words if "=" not in word and word not in targets]
    return f"the Makefile has no target {unknown[0]}" if unknown else None


def _python(words: Sequence[str]) -> str | None:
    if words[0] == "-c":
        ast.parse(words[1])
        return None
    if words[0] == "-m":
        return None if importlib.util.find_spec(words[1]) else f"python has no module {words[1]}"
    return _script(words)


def _script(words: Sequence[str]) -> str | None:
    path, *rest = words
    if not (ROOT / path).is_file():
        return f"{path} does not exist"
    text = (ROOT / path).read_text(encoding="utf-8")
    wrong = [word for word in rest if word.startswith("--") and f'"{word}"' not in text]
    return f"{path} has no option {wrong[0]}" if wrong else None


def _pytest(words: Sequence[str]) -> str | None:
    missing = [word for word in words if word.startswith("tests") and not (ROOT / word.split("::")[0]).exists()]
    if missing:
        return f"{missing[0]} does not exist"
    marks = [mark.split(":")[0] for mark in _pyproject()["tool"]["pytest"]["ini_options"]["markers"]]
    unknown = [words[i + 1] for i, word in enumerate(words) if word == "-m" and words[i + 1] not in marks]
    return f"no tests are marked {unknown[0]}" if unknown else None


def _pip(words: Sequence[str]) -> str | None:
    extras = _pyproject()["project"]["optional-dependencies"]
    for word in words:
        match = re.fullmatch(r"gsf-video\[(.*)\]", word)
        unknown = [name for name in match[1].split(",") if name not in extras] if match else []
        if unknown:
            return f"there is no extra {unknown[0]}"
    return None


def _job(words: Sequence[str]) -> str | None:
    """sbatch, srun, torchrun: a script of the project, and the command that it is to run."""
    scripts = [word for word in words if word.startswith("workflow/")]
    missing = [word for word in scripts if not (ROOT / word).is_file()]
    if missing:
        return f"{missing[0]} does not exist"
    return _gsf(words[words.index("gsf") + 1 :]) if "gsf" in words else None


def _export(words: Sequence[str]) -> str | None:
    name = words[0].split("=")[0]
    if name.startswith("GSF_") and not any(name in path.read_text() for path in (ROOT / "gsf").rglob("*.py")):
        return f"nothing reads {name}"
    return None


@cache
def _pyproject() -> dict[str, dict[str, dict[str, dict[str, list[str]]]]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))  # type: ignore[return-value]


_CHECKS: dict[str, Callable[[Sequence[str]], str | None]] = {
    "gsf": _gsf,
    "dvc": _dvc,
    "snakemake": _snakemake,
    "mlflow": _mlflow,
    "make": _make,
    "python": _python,
    "python3.11": _python,
    "pytest": _pytest,
    "pip": _pip,
    "sbatch": _job,
    "srun": _job,
    "torchrun": _job,
    "export": _export,
}
