"""The Triton programs: their results by Triton's interpreter, that they compile for a GPU, and when they are chosen."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gsf.nn import GSF, GSM
from gsf.nn.kernels import backend, set_backend

CASES = Path(__file__).with_name("kernel_cases.py")
ROOT = CASES.parents[2]


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("which", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_programs_compute_what_the_equations_say_under_the_interpreter(which: str) -> None:
    pytest.importorskip("triton")
    alone = ("-p", "no:cacheprovider", "-p", "no:xdist")
    done = python("-m", "pytest", "-q", "-x", *alone, "-m", which, str(CASES), TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout


class Recorder:
    """Stands for a program, and compiles it for sm_90 with the arguments that it is launched with."""

    def __init__(self, program: Any, compiled: dict[str, str]) -> None:
        self.program, self.compiled = program, compiled

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return self.launch

    def launch(self, *positional: Any, num_warps: int = 4, **named: Any) -> None:
        from triton import compile
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource

        types = {torch.float32: "*fp32", torch.bfloat16: "*bf16"}
        values = dict(zip(self.program.arg_names, positional, strict=False)) | named
        signature: dict[str, str] = {}
        constants: dict[tuple[int, ...], Any] = {}
        aligned: dict[tuple[int, ...], Any] = {}
        for place, parameter in enumerate(self.program.params):
            value = values[parameter.name]
            if parameter.is_constexpr or (isinstance(value, int) and value == 1):  # as Triton specialises
                signature[parameter.name] = "constexpr"
                constants[(place,)] = value
                continue
            kind = "fp32" if isinstance(value, float) else "i32"
            signature[parameter.name] = types[value.dtype] if isinstance(value, torch.Tensor) else kind
            if isinstance(value, torch.Tensor) or (isinstance(value, int) and value % 16 == 0):
                aligned[(place,)] = [["tt.divisibility", 16]]
        source = ASTSource(self.program, signature, constants, aligned)
        binary = compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": num_warps})
        self.compiled[self.program.__name__] = binary.asm["ptx"]


def test_programs_compile_for_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton")
    from triton.runtime.jit import JITFunction

    from gsf.nn.kernels import body, body_gradient, cuts, gate, gate_gradient, launch, launch_gradient

    helpers = {"product", "shifted_means", "load_mixed", "store_mixed", "copy_clip"} | {
        "spread_logits", "taps_back", "through_norm",
    }  # fmt: skip
    compiled: dict[str, str] = {}
    programs = set()
    for module in (body, body_gradient, gate, gate_gradient):
        for name, program in list(vars(module).items()):
            if isinstance(program, JITFunction) and name not in helpers:
                programs.add(name)
                monkeypatch.setattr(module, name, Recorder(program, compiled))
    options = cuts.Options(num_segments=2, processed=64, factor=1.0, mixed=True, gated=True, fused=True)
    x = torch.empty(4, 80, 8, 8, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    vector, kernel = torch.empty(64), torch.empty(2, 2, 3, 3)
    gates = (torch.empty(6, 32, 3, 3), torch.empty(2), vector, vector)
    out, kept = launch.forward(x, *gates, None, None, kernel, torch.empty(2), options=options, eps=1e-5)
    launch_gradient.backward(out, x, kept, kernel, options=options, batch=True)
    assert set(compiled) == programs
    assert len(programs) == 15
    for name in ("gate_taps", "weight_gradient", "write_gradient"):
        assert "mma" in compiled[name], f"{name} has no matrix instruction"
    assert "ld.global.v4" in compiled["write_output"]
    atomics = {name for name, text in compiled.items() if re.search(r"^\s*(@\S+ )?(atom|red)\.", text, re.MULTILINE)}
    assert not atomics, "their sums would be in another order from run to run"


def test_importing_the_networks_does_not_import_triton() -> None:
    # torch itself may know of triton: what counts is that the networks work where it cannot be imported
    script = (
        "import sys; sys.modules['triton'] = None\n"
        "import torch; from gsf.nn import GSF\n"
        "GSF(8, 2)(torch.zeros(2, 8, 3, 3)).sum().backward()\n"
        "sys.exit('launch is imported' if 'gsf.nn.kernels.launch' in sys.modules else 0)"
    )
    done = python("-c", script)
    assert done.returncode == 0, done.stderr


def test_environment_chooses_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "from gsf.nn import GSF; print(GSF(8, 2).backend)"
    assert python("-c", script, GSF_NN_BACKEND="eager").stdout.strip() == "eager"
    monkeypatch.setenv("GSF_NN_BACKEND", "cuda")
    spec = importlib.util.find_spec(backend.__name__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ValueError, match="GSF_NN_BACKEND is 'cuda', must be one of auto, eager, triton"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))  # another one, that nothing else sees


def test_backend_is_set_for_every_module_of_a_network() -> None:
    net = nn.Sequential(GSF(8, 2), nn.Sequential(GSM(8, 2), nn.ReLU()))
    set_backend(net, "eager")
    assert [module.backend for module in net.modules() if isinstance(module, GSF | GSM)] == ["eager"] * 2
    assert GSF(8, 2).backend == backend.DEFAULT
    with pytest.raises(ValueError, match="backend is 'fast', must be one of auto, eager, triton"):
        set_backend(net, "fast")  # type: ignore[arg-type]


@pytest.mark.parametrize("layer", [GSF(8, 2), GSM(8, 2)], ids=["gsf", "gsm"])
def test_asking_for_triton_where_it_cannot_run_is_an_error(layer: nn.Module) -> None:
    set_backend(layer, "triton")
    with pytest.raises(RuntimeError, match=r"backend is 'triton', but .* must be"):
        layer(torch.zeros(2, 8, 3, 3))


@pytest.mark.parametrize(
    ("norm", "dtype", "words"),
    [
        (nn.BatchNorm2d(8), torch.float32, None),
        (nn.BatchNorm2d(8), torch.bfloat16, None),
        (nn.BatchNorm2d(8), torch.float64, "float64"),
        (nn.SyncBatchNorm(8), torch.float32, "must be a BatchNorm2d"),
        (nn.BatchNorm2d(8, affine=False), torch.float32, "must be a BatchNorm2d"),
        (nn.BatchNorm2d(8, momentum=None), torch.float32, "must be a BatchNorm2d"),
        (nn.BatchNorm2d(8, track_running_stats=False), torch.float32, "must be a BatchNorm2d"),
    ],
)
def test_programs_are_for_plain_batch_norm_and_single_or_half_precision(
    norm: nn.Module, dtype: torch.dtype, words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "INTERPRETED", True)
    monkeypatch.setattr(backend, "HAS_TRITON", True)
    reason = backend.obstacle(torch.zeros(2, 8, 1, 1, dtype=dtype), norm)
    assert (reason is None) == (words is None)
    if words is not None:
        assert reason is not None
        assert words in reason


def test_receipts_can_tell_what_computes_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "HAS_TRITON", True)
    for default, on_cpu, on_gpu in (("auto", "eager", "triton"), ("eager", "eager", "eager")):
        monkeypatch.setattr(backend, "DEFAULT", default)
        assert backend.backend_on(torch.device("cpu")) == on_cpu
        assert backend.backend_on(torch.device("cuda", 0)) == on_gpu
    monkeypatch.setattr(backend, "DEFAULT", "auto")
    monkeypatch.setattr(backend, "HAS_TRITON", False)
    assert backend.backend_on(torch.device("cuda", 0)) == "eager"
