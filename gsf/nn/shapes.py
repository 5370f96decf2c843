"""Networks without memory: what they consist of, before anybody pays for their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_FACTORIES = (torch.empty, torch.ones, torch.zeros)


class ShapesOnly(TorchFunctionMode):
    """Within it, networks are built with weights on the meta device: shapes, no memory, no draws.

        with ShapesOnly():
            model = create_model("regnet_y_128gf", "gsf", 174, 8)

    As `with torch.device("meta")`, which networks that calculate their widths with tensors (RegNet) cannot be built
    under: here only what weights and running statistics are made by is redirected.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _FACTORIES:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)
