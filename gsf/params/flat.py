"""Nested parameters as flat `section.key` names with plain values, as tracking tools show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def flatten(prefix: str, value: Any) -> dict[str, str | float | int]:
    """`{"optimizer": {"lr": 0.1}}` under `recipe` is `{"recipe.optimizer.lr": 0.1}`; other values as JSON text."""
    if isinstance(value, Mapping):
        flat: dict[str, str | float | int] = {}
        for key, item in value.items():
            flat |= flatten(f"{prefix}.{key}", item)
        return flat
    if isinstance(value, str | float | int) and not isinstance(value, bool):
        return {prefix: value}
    return {prefix: json.dumps(value, ensure_ascii=False)}
