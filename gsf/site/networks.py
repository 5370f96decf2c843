"""What a network is and costs, as the receipt of its training says it: not as parameter files say it today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gsf.errors import GsfError
from gsf.params.base import validate
from gsf.params.imported import Imported
from gsf.params.model import Model
from gsf.provenance.hashing import canonical_json
from gsf.provenance.receipt import Receipt
from gsf.site.speed import Speeds

MAKERS = ("train", "convert")  # verbs whose stages write a network


@dataclass(frozen=True)
class Network:
    """One network; costs are None where this program cannot build it."""

    run: str
    model: Model
    imported: bool
    parameters: int | None
    macs: int | None  # multiply-adds of one clip
    clips_per_second: float | None  # as `gsf speed` measured it; None where it did not

    @property
    def temporal(self) -> str:
        return self.model.temporal

    def words(self) -> str:
        """The network in a line."""
        module = {"none": "no temporal module (TSN)"}.get(self.temporal, self.temporal.upper())
        module = f"causal {module}" if self.model.causal else module
        frames = f"{self.model.num_segments} frames of {self.model.input_size} px"
        return f"{self.model.backbone}, {module}, {frames}" + (", imported" if self.imported else "")


def network_of(run: str, receipt: Receipt, *, num_classes: int, speeds: Speeds | None) -> Network | None:
    """The network that a training or an import wrote; None where its receipt names no model."""
    model, imported = _model(receipt.content["params"])
    if model is None:
        return None
    parameters, macs = _cost(canonical_json(model.model_dump()), num_classes) if num_classes else (None, None)
    rate = speeds.clips_per_second.get(receipt.digest) if speeds is not None else None
    return Network(run, model, imported, parameters, macs, rate)


def _model(params: Mapping[str, Any]) -> tuple[Model | None, bool]:
    for path, values in params.items():
        try:
            if path.startswith("params/models/"):
                return validate(Model, values, where=path), False
            if path.startswith("params/imports/"):
                known = {"checkpoint": "elsewhere", **values}  # where the file lay is in no receipt
                return validate(Imported, known, where=path).model(), True
        except GsfError:
            continue  # written by another version of the schema
    return None, False


@cache
def _cost(model: bytes, num_classes: int) -> tuple[int | None, int | None]:
    """Parameters and multiply-adds; a network that cannot be built here, such as one of timm's, has none."""
    import json

    from gsf.nn.cost import count_macs, count_parameters
    from gsf.nn.shapes import ShapesOnly
    from gsf.train.checkpoint import build_model

    params = Model(**json.loads(model))
    try:
        with ShapesOnly():
            network = build_model(params, num_classes=num_classes)
        return count_parameters(network), count_macs(network, size=params.input_size)
    except (GsfError, ValueError, ImportError, RuntimeError):
        return None, None
