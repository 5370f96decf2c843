"""Reading a parameter file into its schema, with errors that name file, key, value and rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from gsf.errors import ParamsError


class Strict(BaseModel):
    """Base of every schema: unknown keys are errors, values are never silently converted, records are frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


SchemaT = TypeVar("SchemaT", bound=Strict)


class _UniqueKeyLoader(yaml.SafeLoader):
    """Safe YAML in which a key given twice is an error instead of a silent replacement."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise ParamsError(
                    f"{self.name}: {key} is given twice (line {key_node.start_mark.line + 1}), must be once"
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; anything else in it is a ParamsError."""
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise ParamsError(f"{_shown(path)}: no such file; {path.parent.name} here: {known}")
    loader = _UniqueKeyLoader(path.read_text(encoding="utf-8"))
    loader.name = _shown(path)
    try:
        value = loader.get_single_data()
    except yaml.YAMLError as error:
        raise ParamsError(f"{_shown(path)}: not valid YAML: {error}") from error
    finally:
        loader.dispose()
    if not isinstance(value, dict):
        raise ParamsError(f"{_shown(path)}: holds {type(value).__name__}, must be a mapping of keys to values")
    return value


def load(schema: type[SchemaT], path: Path) -> SchemaT:
    """Validate one parameter file."""
    return validate(schema, read_yaml(path), where=_shown(path))


def validate(schema: type[SchemaT], value: dict[str, Any], *, where: str) -> SchemaT:
    """Validate a mapping; every broken rule is listed, one a line."""
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise ParamsError("\n".join(_line(where, item) for item in error.errors())) from error


def _line(where: str, item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "the file"
    if item["type"] == "missing":
        return f"{where}: {key} is missing, must be given"
    if item["type"] == "extra_forbidden":
        return f"{where}: {key} is {item['input']!r}, must not be there: no such key"
    rule = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{where}: {key} is {item['input']!r}, must be {rule}"


def _shown(path: Path) -> str:
    """The path from `params/` on, as people name these files."""
    parts = path.parts
    return "/".join(parts[len(parts) - 1 - parts[::-1].index("params") :]) if "params" in parts else str(path)
