"""The code files in `dvc.yaml`: each stage depends on the modules that it really imports, and on no others.

They stand between two comments in the `deps:` of a stage, `# code: gsf.train.stage` and `# end of code`. A package
whose modules are all imported is listed as one folder.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from gsf.errors import PipelineError
from gsf.project import Project
from gsf.provenance.code import PACKAGE, module_files
from gsf.provenance.hashing import write_atomically

_BEGIN = re.compile(r"(?P<indent> *)# code: (?P<entry>[\w.]+)")
_END = "# end of code"


def write(project: Project) -> str:
    """Renew the code files of every stage in dvc.yaml; says whether that changed it."""
    path = project.root / "dvc.yaml"
    text = path.read_text(encoding="utf-8")
    renewed = renew(text)
    if renewed == text:
        return "dvc.yaml already lists what the stages import"
    write_atomically(path, renewed.encode("utf-8"))
    return "dvc.yaml renewed: what the stages import has changed"


def check(project: Project) -> list[str]:
    """Where dvc.yaml lists other code than the stages import, one line a difference."""
    text = (project.root / "dvc.yaml").read_text(encoding="utf-8")
    have, need = listed(text), listed(renew(text))
    return [
        f"{entry}: {verb} {path}; run `gsf deps --write`"
        for entry in need
        for verb, paths in (("lacks", need[entry] - have[entry]), ("must not list", have[entry] - need[entry]))
        for path in sorted(paths)
    ]


def renew(text: str) -> str:
    """dvc.yaml with the code files between the comments replaced by those that the stages import now."""
    lines: list[str] = []
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        begin = _BEGIN.fullmatch(line)
        if begin and not inside:
            inside = True
            lines.append(line)
            lines += [f"{begin['indent']}- {path}" for path in code_paths(begin["entry"])]
        elif line.strip() == _END and inside:
            inside = False
            lines.append(line)
        elif begin or line.strip() == _END:
            raise PipelineError(f"dvc.yaml: line {number}: `{line.strip()}` has no partner, must begin or end one list")
        elif not inside:
            lines.append(line)
    if inside:
        raise PipelineError(f"dvc.yaml: a list of code has no end, must be closed by `{_END}`")
    return "\n".join(lines) + "\n"


def listed(text: str) -> dict[str, set[str]]:
    """What dvc.yaml lists between the comments, by the module of the stage."""
    found: dict[str, set[str]] = {}
    entry = ""
    for line in text.splitlines():
        begin = _BEGIN.fullmatch(line)
        if begin:
            entry = begin["entry"]
            found[entry] = set()
        elif line.strip() == _END:
            entry = ""
        elif entry:
            found[entry].add(line.strip().removeprefix("- "))
    return found


def code_paths(entry: str) -> list[str]:
    """The files that a module imports, with a folder in place of a package of which none is left out."""
    files = module_files(entry)
    own = PurePosixPath(*entry.split(".")).with_suffix(".py")
    if str(own) not in files:
        raise PipelineError(f"dvc.yaml: `# code: {entry}`: there is no {own}, must be the module of a stage")
    return _collapse(set(files))


def _collapse(files: set[str]) -> list[str]:
    root = PACKAGE.parent
    folders = sorted({path.parent for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE})
    for folder in folders:  # outer ones first
        inside = {path.relative_to(root).as_posix() for path in folder.rglob("*.py")}
        if inside <= files and len(inside) > 1:
            files = (files - inside) | {folder.relative_to(root).as_posix()}
    return sorted(files)


def expand(project: Project, paths: tuple[str, ...]) -> list[Path]:
    """The Python files of a list that `code_paths` made, below a project."""
    found: set[Path] = set()
    for name in paths:
        path = project.root / name
        found.update(path.rglob("*.py") if path.is_dir() else [path])
    return sorted(found)
