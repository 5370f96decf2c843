"""Which implementation a module runs: the eager one, or the Triton programs."""

from __future__ import annotations

import importlib.util
import os
from typing import Literal, get_args

import torch
from torch import Tensor, nn

Backend = Literal["auto", "eager", "triton"]
TYPES = (torch.float32, torch.bfloat16, torch.float16)


def _from_environment() -> Backend:
    choice = os.environ.get("GSF_NN_BACKEND", "auto")
    for known in get_args(Backend):
        if choice == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"GSF_NN_BACKEND is {choice!r}, must be one of {', '.join(get_args(Backend))}; or leave it unset")


DEFAULT: Backend = _from_environment()
HAS_TRITON = importlib.util.find_spec("triton") is not None
# Triton's own switch, read as Triton does, when its programs are defined: then they run on a CPU, slowly.
INTERPRETED = os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "true", "on", "y", "yes")


def set_backend(net: nn.Module, backend: Backend) -> None:
    """Choose for every GSF and GSM in `net`, itself included.

    "auto" takes the Triton programs where they can run, "eager" never, "triton" always: it is an error where they
    cannot. Without this call, the environment variable GSF_NN_BACKEND decides when gsf.nn is imported, else "auto".

    Raises:
        ValueError: an unknown choice.
    """
    if backend not in get_args(Backend):
        raise ValueError(f"backend is {backend!r}, must be one of {', '.join(get_args(Backend))}")
    for module in net.modules():
        if hasattr(module, "backend") and hasattr(module, "num_segments"):
            module.backend = backend  # type: ignore[assignment]


def backend_on(device: torch.device) -> Backend:
    """What "auto", or the environment's choice, comes to on a device."""
    usable = HAS_TRITON and device.type == "cuda"
    return "triton" if DEFAULT == "triton" or (DEFAULT == "auto" and usable) else "eager"


def obstacle(x: Tensor, norm: nn.Module | None) -> str | None:
    """Why the programs cannot run on x; None if they can."""
    if torch.compiler.is_exporting():
        return "the network is being exported, must run with the operators of PyTorch"
    if not HAS_TRITON:
        return "triton is not installed, must be"
    if not (x.is_cuda or INTERPRETED):
        return f"the input is on {x.device}, must be on a CUDA device (or TRITON_INTERPRET=1 be set, for tests)"
    if x.dtype not in TYPES:
        return f"the input is {x.dtype}, must be float32, bfloat16 or float16"
    if not x.numel():
        return f"the input has shape {tuple(x.shape)}, must not be empty"
    # SyncBatchNorm and other substitutes take sums over devices, or none: they run as they are, in eager mode.
    if norm is not None and not _is_plain(norm):
        return f"the norm is {norm}, must be a BatchNorm2d with weights, running statistics and a momentum"
    return None


def _is_plain(norm: nn.Module) -> bool:
    return (
        type(norm) is nn.BatchNorm2d
        and norm.affine
        and norm.track_running_stats
        and norm.running_mean is not None
        and norm.momentum is not None
    )


def chosen(layer: str, backend: Backend, x: Tensor, norm: nn.Module | None) -> bool:
    """Whether the Triton programs run.

    Raises:
        RuntimeError: the backend is "triton" and they cannot.
    """
    if backend == "eager":
        return False
    # The interpreter is for tests, and much slower than eager: only when asked for.
    if backend == "auto" and not x.is_cuda:
        return False
    reason = obstacle(x, norm)
    if reason is not None and backend == "triton":
        raise RuntimeError(f"{layer}: backend is 'triton', but {reason}; choose the backend 'auto' or 'eager'")
    return reason is None
