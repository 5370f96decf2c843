"""What to do when a step does not fit into memory, in numbers."""

from __future__ import annotations

import torch

from gsf.errors import TrainError
from gsf.params.recipe import Recipe

_SIGNS = ("out of memory", "can't allocate memory")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device, or the machine, had no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error).lower() for sign in _SIGNS)


def out_of_memory(
    recipe: Recipe, *, piece: int, processes: int, shape: tuple[int, ...], device: torch.device
) -> TrainError:
    """The error, with the settings that make the next try smaller.

    Args:
        recipe: of the training.
        piece: clips of one forward pass.
        processes: that share a step.
        shape: of one clip, `(T, 3, H, W)`.
        device: where memory ended.
    """
    frames, _, height, width = shape
    remedies = []
    if piece > 1:
        accumulate = recipe.accumulate * 2
        half = -(-recipe.batch_size // (processes * accumulate))
        remedies.append(f"accumulate: {accumulate} (parts of {half} clips, the same step)")
    if not recipe.checkpoint_activations:
        remedies.append("checkpoint_activations: true (about a third slower)")
    if recipe.precision == "float32":
        remedies.append("precision: bfloat16" if device.type == "cpu" else "precision: auto")
    remedies.append("a model with fewer or smaller frames")
    return TrainError(
        f"out of memory on {device}{_use(device)} with {piece} clips of {frames} x {height} x {width} px in a forward"
        f" pass; set in recipe {recipe.name}: {', or '.join(remedies)}"
    )


def peak_gib(device: torch.device) -> float:
    """Memory that was taken at most: on a GPU by tensors, on a CPU by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux


def _use(device: torch.device) -> str:
    if device.type != "cuda":
        return ""
    total = torch.cuda.get_device_properties(device).total_memory / 2**30
    return f" ({peak_gib(device):.1f} of {total:.1f} GiB)"
