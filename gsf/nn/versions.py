"""State dicts from files of plain tensors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import nn


def with_versions(module: nn.Module, state: Mapping[str, Any]) -> OrderedDict[str, Any]:
    """`state` with the versions of the parts of `module`, unless it has versions of its own.

    torch writes them beside the tensors, safetensors has no room for them, and some networks (MNASNet) load nothing
    without.
    """
    versioned: Any = OrderedDict(state)
    versioned._metadata = getattr(state, "_metadata", None) or module.state_dict()._metadata  # type: ignore[attr-defined]
    return versioned  # type: ignore[no-any-return]
