"""What a network costs, from the parameters in its receipt: nothing is computed but shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from gsf.params.base import validate
from gsf.params.imported import Imported
from gsf.params.model import Model

MULTIPLY_ADDS, PARAMETERS = "cost.multiply_adds_g", "cost.parameters_m"
COSTS = (MULTIPLY_ADDS, PARAMETERS)


def cost_of(params: Mapping[str, Any], *, num_classes: int) -> dict[str, float]:
    """Multiply-adds of a clip in 10^9 and parameters in 10^6, by the name of their metric.

    Args:
        params: of a receipt, by file; one of them describes the network. Empty where none does.
        num_classes: width of the logits.

    Raises:
        ParamsError: the description is none of today's.
    """
    for file, values in sorted(params.items()):
        if file.startswith(("params/models/", "params/imports/")):
            return dict(_cost(file, json.dumps(values, sort_keys=True), num_classes))
    return {}


@cache
def _cost(file: str, text: str, num_classes: int) -> tuple[tuple[str, float], ...]:
    """As pairs; the runs of a study share their networks, and describing one takes a second."""
    from gsf.nn.describe import describe
    from gsf.nn.shapes import ShapesOnly
    from gsf.train.checkpoint import build_model

    values = json.loads(text)
    if file.startswith("params/imports/"):  # whose receipts do not say where the checkpoint lies
        model = validate(Imported, {"checkpoint": "", **values}, where=file).model()
    else:
        model = validate(Model, values, where=file)
    with ShapesOnly():
        network = build_model(model, num_classes=num_classes)
    found = describe(network, size=model.input_size)
    return ((MULTIPLY_ADDS, round(found.macs / 1e9, 4)), (PARAMETERS, round(found.parameters / 1e6, 4)))
