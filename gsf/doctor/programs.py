"""Programs and packages: torch and its GPU, ffmpeg, LMDB, git, Slurm, and what the extras of the package bring."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from typing import Any

from gsf.doctor.finding import Finding, absent, missing, ok
from gsf.errors import GsfError

_LOCK = "`make setup` installs what the lock lists"
_SECONDS = 3  # that a program may take to tell its version
_EXTRA = re.compile(r"""^([A-Za-z0-9._-]+).*;.*extra == ['"]([a-z0-9-]+)['"]""")
_USES = {
    "app": "gsf app",
    "docs": "the pages as a site",
    "timm": "backbones timm:NAME",
    "s3": "DVC remotes in buckets",
    "postgres": "MLflow on PostgreSQL",
    "export": "gsf export --format onnx",
    "exchange": "gsf export-crate, gsf sign",
}
_FOR_DEVELOPERS = frozenset({"dev"})


def torch_and_gpu(device: str | None = None) -> Iterator[Finding]:
    """torch, and the GPUs that it sees; `device` is what GSF_DEVICE asks for unless given."""
    wanted = os.environ.get("GSF_DEVICE", "auto") if device is None else device
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: one of its libraries
        yield missing("torch", f"cannot be imported: {_line(error)}", _LOCK)
        return
    yield ok("torch", f"{torch.__version__}, {torch.get_num_threads()} threads")
    yield _gpu(torch, wanted)


def _gpu(torch: Any, wanted: str) -> Finding:
    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
        names = ", ".join(f"{gpu.name} ({gpu.total_memory / (1 << 30):.0f} GiB)" for gpu in found)
        return ok("GPU", f"{names}, CUDA {torch.version.cuda}")
    if torch.version.cuda is None:
        why, remedy = "torch is a build without CUDA", "with a GPU, take the default build: docs/install.md"
    elif os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        why, remedy = "CUDA_VISIBLE_DEVICES hides all", "unset it"
    elif shutil.which("nvidia-smi") is None:
        why, remedy = (
            "no driver of NVIDIA's is here",
            "with a GPU, install it; in a container, start it with --gpus all",
        )
    else:
        why = "torch sees none although a driver is here"
        remedy = f"`nvidia-smi` must list it, with a driver for CUDA {torch.version.cuda}"
    if wanted.startswith("cuda"):
        return missing("GPU", f"GSF_DEVICE is {wanted}, but {why}", f"{remedy}; or unset GSF_DEVICE")
    return absent("GPU", f"none, trainings run on the CPU: {why}", remedy)


def ffmpeg() -> Finding:
    """ffmpeg in use, by its build line."""
    from gsf.video.ffmpeg import build_line, executable

    try:
        line = build_line()
        where = f" ({executable()})" if os.environ.get("GSF_FFMPEG") else ""
        return ok("ffmpeg", f"{line.removeprefix('ffmpeg version ')}{where}")
    except (GsfError, ImportError, OSError, RuntimeError) as error:  # RuntimeError: the wheel has none for this machine
        return missing("ffmpeg", _line(error), f"{_LOCK}, ffmpeg too; or GSF_FFMPEG names one")


def lmdb(load: Callable[[], Any] | None = None) -> Finding:
    """py-lmdb and its library."""
    try:
        module = load() if load else _import_lmdb()
    except (ImportError, OSError) as error:
        return missing("LMDB", f"cannot be imported: {_line(error)}", _LOCK)
    return ok("LMDB", f"py-lmdb {module.__version__}, liblmdb {'.'.join(map(str, module.version()))}")


def _import_lmdb() -> Any:
    import lmdb as module

    return module


def git() -> Finding:
    """git, which DVC needs."""
    text = printed("git", "--version")
    if text is None:
        return missing("git", "not found", "install it: DVC and `gsf report` need it")
    return ok("git", text.removeprefix("git version "))


def slurm() -> Finding:
    """Slurm's commands; whether its controller answers."""
    if shutil.which("sbatch") is None:
        return absent("Slurm", "not here", "only a cluster has it: docs/cluster.md")
    text = printed("sinfo", "--noheader", "--format=%P %a")
    if text is None:
        return absent("Slurm", "sbatch is here, but no controller answers", "`sinfo` says why")
    partitions = ", ".join(line.split()[0] for line in text.splitlines() if line.strip())
    return ok("Slurm", f"partitions {partitions or 'none'}")


def extras(requires: Iterable[str] | None = None, *, installed: Callable[[str], object] = metadata.version) -> Finding:
    """The extras of the package: which are whole."""
    if requires is None:
        try:
            requires = metadata.requires("gsf-video") or ()
        except metadata.PackageNotFoundError:
            return absent(
                "extras", "unknown: gsf-video is not installed", "`pip install --no-deps -e .` in the project"
            )
    lacking: dict[str, list[str]] = {}
    for line in requires:
        found = _EXTRA.match(line)
        if found is None or found[2] in _FOR_DEVELOPERS:
            continue
        names = lacking.setdefault(found[2], [])
        try:
            installed(found[1])
        except metadata.PackageNotFoundError:
            names.append(found[1])
    whole = ", ".join(sorted(name for name, names in lacking.items() if not names)) or "none"
    partly = sorted(name for name, names in lacking.items() if names)
    if not partly:
        return ok("extras", whole)
    told = "; ".join(
        f"{name} lacks {', '.join(lacking[name])} ({_USES.get(name, 'docs/install.md')})" for name in partly
    )
    return absent("extras", f"{whole}; {told}", f"`pip install 'gsf-video[{','.join(partly)}]'`")


def printed(*command: str) -> str | None:
    """What a program prints; None where it is not there, fails or hangs."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
