"""GSF and GSM as Triton programs for CUDA devices, behind one registered operator.

    backend.py         which implementation runs
    operator.py        the operator as PyTorch knows it
    launch.py          allocations, cuts and order of the programs
    gate.py, body.py   programs forward
    body_gradient.py, gate_gradient.py   programs backward

Triton is imported when the operator first runs. `gsf.nn` works without it.
"""

from __future__ import annotations

from . import backend
from .backend import Backend, chosen, set_backend
from .module import run

__all__ = ["Backend", "backend", "chosen", "run", "set_backend"]
