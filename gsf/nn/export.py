"""A video model as one file for other programs: a `torch.export` program or ONNX, checked against the model.

The batch is free, everything else fixed: `(batch, T, 3, size, size)`, normalised, to `(batch, num_classes)` logits. The
file says of itself what its input wants to look like, as JSON under the key `gsf`.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from .model import VideoModel

Format = Literal["torch", "onnx"]
SUFFIXES: dict[str, str] = {"torch": ".pt2", "onnx": ".onnx"}
TOLERANCE = 1e-4  # relative error, norm(file - model) / norm(model)
METADATA = "gsf"  # a file of this name in a .pt2, a metadata property of this name in ONNX
_BATCHES = (1, 3)  # neither is the batch that was traced
_TRACED = 2


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how far its outputs are from those of the model."""

    path: Path
    format: Format
    error: float | None  # the largest relative error; None: nothing here could run the file
    metadata: dict[str, Any]


def export_model(
    model: VideoModel,
    path: str | Path,
    *,
    format: Format,
    size: int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Exported:
    """Write `model` in evaluation mode to `path` and compare what the file computes with the model.

    Args:
        model: left as it is.
        path: ends in `.pt2` (torch) or `.onnx`; replaced if it exists, once the new file has been checked.
        format: "torch" or "onnx"; ONNX needs onnx and onnxscript to be written, and onnxruntime to be checked.
        size: side of the square input in px; the one of the preprocessing unless told.
        metadata: what the file shall hold besides input, output and preprocessing.

    Raises:
        ValueError: another format or suffix, a package that is absent, or a file that disagrees with the model by more
            than `TOLERANCE`, which is deleted.
    """
    path = Path(path)
    _check_choices(path, format)
    model = copy.deepcopy(model).cpu().eval()
    size = model.preprocessing.size if size is None else size
    text = json.dumps(_describe(model, size) | dict(metadata or {}), sort_keys=True)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        with torch.no_grad():
            _write(model, _clips(model, _TRACED, size), temporary, format, text)
            run = _loaded(temporary, format)
            error = None if run is None else max(_error(model, run, batch, size) for batch in _BATCHES)
        if error is not None and not error < TOLERANCE:  # also where it is not a number
            raise ValueError(
                f"{path}: outputs differ from the model's by {error:.2g} (relative), must be under {TOLERANCE:g}; "
                "the file was deleted: export from the other format, or with another version of torch"
            )
        os.replace(temporary, path)  # noqa: PTH105
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(path, format, error, json.loads(text))


def _check_choices(path: Path, format: str) -> None:
    if format not in SUFFIXES:
        raise ValueError(f"format is {format!r}, must be one of {', '.join(SUFFIXES)}")
    if path.suffix != SUFFIXES[format]:
        raise ValueError(f"{path}: ends in {path.suffix!r}, must be {SUFFIXES[format]!r} for format {format}")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the folder {path.parent} does not exist, must exist; create it")
    absent = [name for name in ("onnx", "onnxscript") if format == "onnx" and not importlib.util.find_spec(name)]
    if absent:
        raise ValueError(
            f"format is 'onnx', must be 'torch' without the packages {', '.join(absent)}; "
            "install them: pip install 'gsf-video[export]'"
        )


def _describe(model: VideoModel, size: int) -> dict[str, Any]:
    preprocessing = asdict(model.preprocessing)
    if size != preprocessing["size"]:  # the same proportion of the frame
        short_side = round(preprocessing["short_side"] * size / preprocessing["size"])
        preprocessing |= {"size": size, "short_side": short_side}
    return {
        "format": 1,
        "input": {"name": "clips", "shape": ["batch", model.num_segments, 3, size, size], "dtype": "float32"},
        "output": {"name": "logits", "shape": ["batch", model.classifier.out_features], "dtype": "float32"},
        "num_segments": model.num_segments,
        "preprocessing": preprocessing,  # (pixel / scale - mean) / std, pixels 0..255
    }


def _clips(model: VideoModel, batch: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(batch)
    return torch.randn(batch, model.num_segments, 3, size, size, generator=generator)


def _write(model: VideoModel, clips: Tensor, path: Path, format: Format, metadata: str) -> None:
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    program = torch.export.export(model, (clips,), dynamic_shapes=shapes)
    if format == "torch":
        torch.export.save(program, path, extra_files={METADATA: metadata})
        return
    written = torch.onnx.export(program, input_names=["clips"], output_names=["logits"], dynamo=True, verbose=False)
    assert written is not None
    written.model.metadata_props[METADATA] = metadata
    written.save(path)


def _loaded(path: Path, format: Format) -> Callable[[Tensor], Tensor] | None:
    """What runs the file, read back from disk; None where no ONNX runtime is installed."""
    if format == "torch":
        call: Callable[[Tensor], Tensor] = torch.export.load(path).module()
        return call
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda clips: torch.from_numpy(session.run(["logits"], {"clips": clips.numpy()})[0])


def _error(model: VideoModel, run: Callable[[Tensor], Tensor], batch: int, size: int) -> float:
    clips = _clips(model, batch, size)
    expected = model(clips)
    return float((run(clips) - expected).norm() / expected.norm())
