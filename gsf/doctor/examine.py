"""All that the doctor looks at, measured here and judged there."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from gsf.doctor import machine, programs, watching
from gsf.doctor.finding import Finding, missing
from gsf.errors import GsfError, ParamsError
from gsf.machine import usable_cores
from gsf.project import Project


def examine() -> list[Finding]:
    """The findings, of the machine first; what fails unexpectedly is a finding itself."""
    with ThreadPoolExecutor(1) as beside:
        heavy = beside.submit(lambda: list(programs.torch_and_gpu()))  # a second or two, while others wait
        before, after = list(_machine()), [*_programs(), *_project()]
        return [*before, *heavy.result(), *after]


def _machine() -> Iterator[Finding]:
    here = Path.cwd()
    yield machine.python()
    yield machine.cores(usable_cores(), os.cpu_count() or 1)
    now = psutil.virtual_memory()
    yield machine.memory(now.total, now.available, machine.memory_limit())
    yield machine.disk(shutil.disk_usage(here).free, str(here))
    shm = Path("/dev/shm")
    yield machine.shared_memory(shutil.disk_usage(shm).total if shm.is_dir() else None)
    yield machine.open_files(*resource.getrlimit(resource.RLIMIT_NOFILE))
    yield machine.file_names(sys.getfilesystemencoding(), here)


def _programs() -> Iterator[Finding]:
    yield programs.ffmpeg()
    yield programs.lmdb()
    yield programs.git()
    yield programs.slurm()
    yield programs.extras()
    yield watching.cameras()
    yield watching.window()


def _project() -> Iterator[Finding]:
    from gsf.doctor.mlflow import mlflow
    from gsf.doctor.project import active_study, dvc_cache, writable

    try:
        project = Project.here()
    except ParamsError as error:
        yield missing("project", str(error), "`cd` into the clone, or `git clone` one")
        return
    yield writable(project)
    yield dvc_cache(project)
    yield mlflow(project)
    try:
        yield from active_study(project)
    except (GsfError, OSError) as error:
        yield missing("study", str(error).splitlines()[0], "`gsf study NAME` writes params/plan.yaml anew")
