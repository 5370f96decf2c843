"""The processes that share a training: one for each GPU, or several on a CPU.

`torchrun --nproc-per-node N -m gsf train ...` and `gsf train --devices N ...` start them; they find each other through
the environment variables of torchrun. Alone, a process talks to nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from gsf.errors import TrainError

SILENCE = timedelta(minutes=30)  # of another process, after which this one gives up
_GONE = ("Connection closed", "Connection reset", "Broken pipe", "gloo/transport", "NCCL")


@dataclass(frozen=True)
class Processes:
    """Which of them this one is."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0  # on its machine

    @property
    def first(self) -> bool:
        """Whether this one writes: the others only compute."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """`auto` and `cuda` with the GPU of this process."""
        if self.count == 1 or name not in ("auto", "cuda") or not torch.cuda.is_available():
            return name
        if self.local_rank >= torch.cuda.device_count():
            raise TrainError(
                f"process {self.local_rank} of this machine has no GPU: there are {torch.cuda.device_count()},"
                " must be one for each process; start fewer"
            )
        return f"cuda:{self.local_rank}"

    def sum(self, values: Sequence[float], *, device: torch.device) -> list[float]:
        """The sum of each value over all processes."""
        if self.count == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.all_reduce(total)
        return [float(value) for value in total.tolist()]

    def any(self, value: bool, *, device: torch.device) -> bool:
        """Whether it is so in any process."""
        return value if self.count == 1 else self.sum([float(value)], device=device)[0] > 0

    def share(self, tensors: Iterable[torch.Tensor]) -> None:
        """Give all processes the tensors of the first."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, src=0)

    def explained(self, error: RuntimeError) -> Exception:
        """An error of this process in other words, where it means that another one ended."""
        if self.count > 1 and any(sign in str(error) for sign in _GONE):
            return TrainError(f"process {self.rank} lost the others: one of them ended; its message says why")
        return error

    def wait(self) -> None:
        """Go on when all are here."""
        if self.count > 1:
            distributed.barrier()

    def joined(self, model: nn.Module, *, device: torch.device) -> nn.Module:
        """The network with gradients that are the mean over all processes."""
        if self.count == 1:
            return model
        return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """Join the other processes of a training, if it was started with any.

    Args:
        device: as the user named it; on GPUs they talk through NCCL, else through Gloo.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    found = Processes(
        rank=int(os.environ["RANK"]), count=count, local_rank=int(os.environ.get("LOCAL_RANK", os.environ["RANK"]))
    )
    on_gpus = torch.cuda.is_available() and device != "cpu"
    if on_gpus:
        torch.cuda.set_device(torch.device(found.device("cuda")))
    distributed.init_process_group("nccl" if on_gpus else "gloo", timeout=SILENCE)
    try:
        yield found
    finally:
        distributed.destroy_process_group()
