"""GSF and GSM as Triton programs for CUDA devices, behind one registered operator.

    backend.py         which implementation runs
    operator.py        the operator as PyTorch knows it
    module.py          calls it with the weights of a layer
    cuts.py            how the work is cut
    launch.py          runs gate.py and body.py, the programs forward
    launch_gradient.py runs body_gradient.py and gate_gradient.py, the programs backward

Triton is imported when the operator first runs. `gsf.nn` works without it.
"""

from __future__ import annotations

from . import backend
from .backend import Backend, chosen, set_backend
from .module import run

__all__ = ["Backend", "backend", "chosen", "run", "set_backend"]
