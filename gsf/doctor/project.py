"""The project: its folders, how DVC's cache gives files to it, and what is here of the active study."""

from __future__ import annotations

import configparser
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from gsf.doctor.finding import Finding, absent, missing, ok
from gsf.errors import GsfError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.params.study import Plan
from gsf.project import Project

_FICLONE = 0x40049409  # Linux's request to share the blocks of a file
_DEFAULT = "reflink,copy"  # DVC's own, where nothing is set


def active_study(project: Project) -> Iterator[Finding]:
    """The study, and what is here of its data and runs."""
    try:
        plan = load(Plan, project.plan_file)
    except (GsfError, OSError, ValueError) as error:
        yield missing(
            "study", str(error).splitlines()[0], "`gsf study NAME` makes one of params/studies the active one"
        )
        return
    yield ok("study", f"{plan.study} in {project.root}")
    for name in plan.benchmarks:
        shards = [item.shard for item in plan.shards.values() if item.benchmark == name]
        yield _data(project, plan, name, shards)
    yield _runs(project, plan)


def _data(project: Project, plan: Plan, name: str, shards: list[str]) -> Finding:
    here = sum(project.shard(name, shard).is_file() for shard in shards)
    text = (
        f"{name}: {here} of {len(shards)} shards, manifest {'here' if project.manifest(name).is_file() else 'absent'}"
    )
    if here == len(shards) and project.manifest(name).is_file():
        return ok("data", text)
    if name in plan.rendered:
        return absent("data", text, "`dvc repro` renders and extracts the rest")
    try:
        params = load(Benchmark, project.params_file("benchmarks", name))
    except GsfError as error:
        return missing("data", f"{text}; {str(error).splitlines()[0]}", "restore the file, or `gsf init` it again")
    folder = project.root / params.videos
    if not folder.is_dir():
        remedy = (
            f"put them there, or correct `videos` in params/benchmarks/{name}.yaml; or `dvc pull`, which needs none"
        )
        return missing("data", f"{text}; its videos are not in {folder}", remedy)
    if params.published is not None and not (project.root / params.published.files).is_dir():
        remedy = f"correct `published.files` in params/benchmarks/{name}.yaml"
        return missing("data", f"{text}; its annotations are not in {params.published.files}", remedy)
    return absent("data", text, "`dvc repro` extracts the rest, or `dvc pull` brings it")


def _runs(project: Project, plan: Plan) -> Finding:
    runs = list(plan.runs())
    here = sum(project.checkpoint(plan.study, run).is_file() for run in runs)
    table = (project.results(plan.study) / "results.json").is_file()
    text = f"{here} of {len(runs)} networks, results {'here' if table else 'absent'}"
    if here == len(runs) and table:
        return ok("runs", text)
    return absent("runs", text, "`dvc repro` or `snakemake --cores` makes the rest, or `dvc pull` brings it")


def writable(project: Project) -> Finding:
    """The folders that stages write to."""
    closed = []
    for folder in (project.root, *(project.root / name for name in ("data", "runs", "results", ".work", ".dvc"))):
        if folder.is_dir() and not _takes_files(folder):
            closed.append(folder.name if folder != project.root else ".")
    if closed:
        return missing(
            "folders",
            f"{', '.join(closed)} in {project.root}: not writable for this account",
            "`chown` or `chmod` them; in a project that others own, work in a clone of your own: docs/storage.md",
        )
    return ok("folders", f"all writable in {project.root}")


def _takes_files(folder: Path) -> bool:
    """Tried, not asked: a full or read-only file system has the same rights as any."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
        return True
    except OSError:
        return False


def dvc_cache(project: Project) -> Finding:
    """How files of DVC's cache come into the project: tried with an empty file, in the order that is set."""
    config = _dvc_config(project)
    types = [item.strip() for item in config.get("type", _DEFAULT).split(",")]
    cache = Path(os.path.join(project.root / ".dvc", config.get("dir", "cache")))  # noqa: PTH118  (absolute or not)
    place = next((folder for folder in (cache, *cache.parents) if folder.is_dir()), project.root)
    links: dict[str, Callable[[Path, Path], object]] = {"reflink": _reflink, "hardlink": os.link, "symlink": os.symlink}
    for kind in types:
        if kind == "copy":
            break
        if kind in links and _works(links[kind], place, project.root):
            return ok("DVC cache", f"{kind}s from {cache}")
    return absent(
        "DVC cache",
        f"copies from {cache}: every file is stored twice (cache.type is {','.join(types)})",
        "`dvc config cache.type reflink,hardlink,symlink`, and a cache on the file system of the project",
    )


def _dvc_config(project: Project) -> dict[str, str]:
    """Section `cache` of DVC's files, the local one last."""
    found: dict[str, str] = {}
    for name in ("config", "config.local"):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(project.root / ".dvc" / name, encoding="utf-8")
        except configparser.Error:
            continue  # DVC itself says so
        if parser.has_section("cache"):
            found |= {key: value.strip('"') for key, value in parser.items("cache")}
    return found


def _works(link: Callable[[Path, Path], object], source: Path, target: Path) -> bool:
    try:
        with tempfile.NamedTemporaryFile(dir=source) as file, tempfile.TemporaryDirectory(dir=target) as folder:
            file.write(b"x")
            file.flush()
            link(Path(file.name), Path(folder, "link"))
            return Path(folder, "link").read_bytes() == b"x"
    except OSError:
        return False


def _reflink(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
