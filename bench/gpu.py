"""Speed and memory of GSF on a GPU: the module against the memory, ResNet-50 against TSN.

    python bench/gpu.py [--rounds 9] [--minutes 8] [--quick]

One call, torch and torchvision alone, about five minutes on an H100. Without a CUDA device it says so, in the results
too. `--quick` goes through everything once on tiny shapes, on a CPU as well, prints, and writes nothing.

    copy        bandwidth of copying a large tensor, bytes read and written: what the module is held against
    module      passes over the map that the floor counts (forward 5, 4 in evaluation; backward 8) over the time
    network     training step and evaluation of ResNet-50, bf16, channels_last, 32 clips of 8 frames at 224 px;
                all variants in turn, round by round, medians; `ratio` is TSN's time against the variant's
    memory      peak of a training step, with the variant's own weights
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.lib.record import case, line, unmeasured, write
from gsf.nn import GSF, create_model
from gsf.nn.kernels import set_backend
from tests.nn.transcription import PlainGSF

FLOOR = {"evaluation": 4, "training forward": 5, "training backward": 8}  # passes over the map
GOAL_BANDWIDTH = 0.70  # of copying
GOAL_STEP, GOAL_MEMORY = 0.9091, 0.8696  # at most 1.10 and 1.15 times TSN's
STAGES = ((256, 56), (512, 28), (1024, 14), (2048, 7))  # channels and side in ResNet-50 at 224 px
FLUSH = 4 << 30  # bytes written before a module is timed: they empty the cache, and hide the launches behind them
Cases = list[dict[str, Any]]


@dataclass(frozen=True)
class Setting:
    """What is measured, and where."""

    device: str
    clips: int
    time: int
    size: int
    backbone: str
    stages: tuple[tuple[int, int], ...]  # channels, side of the feature map
    rounds: int
    warm_up: int
    copy_bytes: int
    until: float  # on time.monotonic: nothing is begun after it
    compiler: str  # backend of torch.compile


@dataclass(frozen=True)
class Variant:
    """A network to measure beside TSN."""

    name: str
    temporal: str
    ratio: float = 1.0
    backend: str = "triton"  # or "eager", "transcription"
    compiled: bool = False
    goal: bool = False


VARIANTS = (
    Variant("TSN", "none"),
    Variant("TSM", "tsm"),
    Variant("GSM, Triton", "gsm"),
    Variant("GSF, Triton", "gsf", goal=True),
    Variant("GSF ratio 1/4, Triton", "gsf", 0.25),
    Variant("GSF, eager", "gsf", backend="eager"),
    Variant("GSF, transcription", "gsf", backend="transcription"),
    Variant("TSN, compiled", "none", compiled=True),
    Variant("GSF, Triton, compiled", "gsf", compiled=True),
    Variant("GSF, compiled without Triton", "gsf", backend="eager", compiled=True),
)


QUICK = ("TSN", "GSF, Triton", "GSF, transcription", "TSN, compiled")


def seconds(setting: Setting, step: Callable[[], object], flush: Tensor | None) -> float:
    """Time of one call on the device, `flush` being written before."""
    if setting.device == "cpu":
        begin = time.perf_counter()
        step()
        return time.perf_counter() - begin
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    if flush is not None:
        flush.zero_()
    start.record()
    step()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def medians(setting: Setting, steps: list[Callable[[], object]], flush: Tensor | None = None) -> list[float]:
    """Median time of each step, in turn, round by round."""
    spent: list[list[float]] = [[] for _ in steps]
    for number in range(setting.warm_up + setting.rounds):
        for times, step in zip(spent, steps, strict=True):
            once = seconds(setting, step, flush)
            if number >= setting.warm_up:
                times.append(once)
    return [statistics.median(times) for times in spent]


def copy_bandwidth(setting: Setting) -> float:
    """GB/s of copying a tensor larger than every cache, read and written."""
    source = torch.randn(setting.copy_bytes // 4, device=setting.device)
    target = torch.empty_like(source)
    (spent,) = medians(setting, [lambda: target.copy_(source)])
    return 2 * setting.copy_bytes / spent / 1e9


def module_cases(setting: Setting, bandwidth: float) -> Cases:
    """Bandwidth of the module alone at every stage; eager beside it."""
    cases = []
    flush = torch.empty(FLUSH, dtype=torch.uint8, device="cuda") if setting.device == "cuda" else None
    for channels, side in setting.stages:
        x = torch.randn(setting.clips * setting.time, channels, side, side, device=setting.device)
        x = x.bfloat16().to(memory_format=torch.channels_last).requires_grad_()
        grad = torch.randn_like(x)
        size = x.numel() * x.element_size()
        for backend in ("triton", "eager"):
            layer = GSF(channels, setting.time).to(setting.device)
            set_backend(layer, _here(setting, backend))
            steps = _module_steps(layer, x, grad)
            times = dict(zip(steps, medians(setting, list(steps.values()), flush), strict=True))
            for mode, passes in FLOOR.items():
                achieved = passes * size / times[mode] / 1e9
                name = f"module {channels}x{side}x{side}, {backend}, {mode} ({passes} passes)"
                goal = GOAL_BANDWIDTH if backend == "triton" else None
                cases.append(
                    case(name, "bandwidth", achieved, "GB/s", baseline=bandwidth, ratio=achieved / bandwidth, goal=goal)
                )
    return cases


def _module_steps(layer: nn.Module, x: Tensor, grad: Tensor) -> dict[str, Callable[[], object]]:
    def evaluate() -> None:
        layer.eval()
        with torch.inference_mode(), torch.autocast(x.device.type, dtype=torch.bfloat16):
            layer(x)

    def forward() -> Tensor:
        layer.train()
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            out: Tensor = layer(x)
        return out

    out = forward()
    wanted = (x, *layer.parameters())
    return {
        "evaluation": evaluate,
        "training forward": forward,
        "training backward": lambda: torch.autograd.grad(out, wanted, grad, retain_graph=True),
    }


def _here(setting: Setting, backend: str) -> Any:
    """On a CPU the programs run under Triton's interpreter, if anywhere: automatic."""
    return "auto" if backend == "triton" and setting.device == "cpu" else backend


class Runner:
    """A network with an optimizer and a batch, ready to be timed."""

    def __init__(self, setting: Setting, variant: Variant, clips: Tensor, labels: Tensor) -> None:
        self.setting, self.variant, self.clips, self.labels = setting, variant, clips, labels
        torch.manual_seed(0)
        temporal: Any = variant.temporal
        net = create_model(setting.backbone, temporal, 174, setting.time, ratio=variant.ratio).to(setting.device)
        net = net.to(memory_format=torch.channels_last)
        if variant.backend == "transcription":
            for place in list(net.modules()):
                if isinstance(getattr(place, "temporal", None), GSF):
                    place.temporal = PlainGSF(place.temporal.channels, setting.time).to(setting.device)
        else:
            set_backend(net, _here(setting, variant.backend))
        self.net = net
        self.optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
        self.call: Callable[[Tensor], Tensor] = (
            torch.compile(net, backend=setting.compiler) if variant.compiled else net
        )

    def train(self) -> None:
        """One step: forward, backward, weights."""
        self.net.train()
        self.optimizer.zero_grad()
        with torch.autocast(self.setting.device, dtype=torch.bfloat16):
            logits = self.call(self.clips)
        functional.cross_entropy(logits.float(), self.labels).backward()
        self.optimizer.step()

    def evaluate(self) -> None:
        """Logits of the batch."""
        self.net.eval()
        with torch.no_grad(), torch.autocast(self.setting.device, dtype=torch.bfloat16):
            self.call(self.clips)

    def peak(self) -> float | None:
        """GB of a training step, the weights, their gradients and momentum included; None on a CPU."""
        if self.setting.device == "cpu":
            return None
        self.train()
        self.optimizer.zero_grad()
        own = sum(value.numel() * value.element_size() for value in self.net.state_dict().values())
        own += sum(value.numel() * value.element_size() for value in self.net.parameters())  # momentum
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        self.train()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before + own) / 1e9


def network_cases(setting: Setting) -> Cases:
    """Training step, evaluation and memory of every variant against TSN's."""
    clips = torch.randn(setting.clips, setting.time, 3, setting.size, setting.size, device=setting.device)
    labels = torch.randint(174, (setting.clips,), device=setting.device)
    cases: Cases = []
    runners: list[Runner] = []
    for variant in VARIANTS:
        if setting.rounds == 1 and variant.name not in QUICK:
            continue
        try:
            if time.monotonic() > setting.until:
                raise TimeoutError("the time of this call was spent; give more --minutes")
            runner = Runner(setting, variant, clips, labels)
            runner.train()
            runner.evaluate()
        except (RuntimeError, TimeoutError, ValueError) as error:  # out of memory, or a compiler that is not there
            if variant.name == "TSN":
                raise
            reason = str(error).strip().splitlines()[0]
            print(f"gpu: {variant.name}: {reason}", file=sys.stderr)
            for metric, unit in (("training step", "ms"), ("evaluation", "clips/s"), ("peak memory", "GB")):
                goal = {"training step": GOAL_STEP, "peak memory": GOAL_MEMORY}.get(metric) if variant.goal else None
                cases.append(unmeasured(f"{setting.backbone}, {variant.name}", metric, unit, reason=reason, goal=goal))
            continue
        runners.append(runner)
    training = medians(setting, [runner.train for runner in runners])
    evaluation = medians(setting, [runner.evaluate for runner in runners])
    memory = [runner.peak() for runner in runners]
    for runner, step, forward, peak in zip(runners, training, evaluation, memory, strict=True):
        name, goal = f"{setting.backbone}, {runner.variant.name}", runner.variant.goal
        ms, tsn_ms = step * 1e3, training[0] * 1e3
        cases.append(
            case(
                f"{name}, training step",
                "time",
                ms,
                "ms",
                baseline=tsn_ms,
                ratio=tsn_ms / ms,
                goal=GOAL_STEP if goal else None,
            )
        )
        rate, tsn_rate = setting.clips / forward, setting.clips / evaluation[0]
        cases.append(case(f"{name}, evaluation", "speed", rate, "clips/s", baseline=tsn_rate, ratio=rate / tsn_rate))
        if peak is not None and memory[0] is not None:
            cases.append(
                case(
                    f"{name}, peak memory",
                    "peak of a training step",
                    peak,
                    "GB",
                    baseline=memory[0],
                    ratio=memory[0] / peak,
                    goal=GOAL_MEMORY if goal else None,
                )
            )
    return cases


def not_here() -> Cases:
    """The goals, none of them measured."""
    reason = "no CUDA device is at hand"
    cases = [
        unmeasured(
            f"module {channels}x{side}x{side}, triton, {mode}", "bandwidth", "GB/s", reason=reason, goal=GOAL_BANDWIDTH
        )
        for channels, side in STAGES
        for mode in FLOOR
    ]
    step = unmeasured("resnet50, GSF, Triton, training step", "time", "ms", reason=reason, goal=GOAL_STEP)
    peak = unmeasured(
        "resnet50, GSF, Triton, peak memory",
        "peak of a training step",
        "GB",
        reason=reason,
        goal=GOAL_MEMORY,
    )
    return [*cases, step, peak]


def main() -> None:
    """Measure everything on the first CUDA device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--minutes", type=float, default=8.0, help="no further variant is begun after two thirds of it")
    parser.add_argument("--quick", action="store_true", help="tiny shapes, once; also on a CPU; writes nothing")
    options = parser.parse_args()
    there = torch.cuda.is_available()
    if not there and not options.quick:
        print("gpu: no CUDA device is at hand: nothing is measured, which the results say", file=sys.stderr)
        write("gpu", not_here(), device="none")
        return
    until = time.monotonic() + options.minutes * 40
    device = "cuda" if there else "cpu"
    if options.quick:
        if not there:
            print("gpu: on a CPU the Triton programs do not run: their rows show the eager layer", file=sys.stderr)
        setting = Setting(device, 1, 2, 32, "resnet18", ((16, 4),), 1, 0, 1 << 20, until, "eager")
    else:
        setting = Setting(device, 32, 8, 224, "resnet50", STAGES, max(2, options.rounds), 3, 1 << 30, until, "inductor")
    torch._dynamo.config.recompile_limit = 64  # several networks of one class, in two modes
    bandwidth = copy_bandwidth(setting)
    cases = [case("copy", "bandwidth", bandwidth, "GB/s", baseline=bandwidth, ratio=1.0)]
    cases += module_cases(setting, bandwidth)
    cases += network_cases(setting)
    if options.quick:
        print("\n".join(line("gpu", row) for row in cases))
    else:
        write("gpu", cases, device=torch.cuda.get_device_name())


if __name__ == "__main__":
    main()
