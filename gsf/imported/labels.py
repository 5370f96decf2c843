"""The names of a checkpoint's classes, in the order of its logits."""

from __future__ import annotations

import json
from pathlib import Path

from gsf.errors import ParamsError

_FORMS = "one name a line, a JSON list of names, or a JSON object of names and their numbers from 0 on"


def read_labels(path: Path) -> list[str]:
    """The names in a labels file: one a line, or JSON: a list, or `{name: number}` as Something-Something has it.

    Raises:
        ParamsError: no such file, another form, or a name twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: cannot be read ({error}), must be a file with {_FORMS}") from error
    if path.suffix == ".json":
        labels = _from_json(path, text)
    else:
        labels = [line.strip() for line in text.splitlines() if line.strip()]
    if not labels:
        raise ParamsError(f"{path}: names no class, must have {_FORMS}")
    twice = sorted({name for name in labels if labels.count(name) > 1})
    if twice:
        raise ParamsError(f"{path}: {twice[0]!r} is there twice, must be once")
    return labels


def _from_json(path: Path, text: str) -> list[str]:
    try:
        content = json.loads(text)
        if isinstance(content, dict):
            numbers = {name: int(number) for name, number in content.items()}
            content = sorted(numbers, key=numbers.__getitem__)
            if [numbers[name] for name in content] != list(range(len(content))):
                raise ValueError("its numbers are not 0, 1, 2, ...")
        if not isinstance(content, list) or not all(isinstance(name, str) for name in content):
            raise ValueError("it holds something else")
    except (ValueError, TypeError) as error:
        raise ParamsError(f"{path}: is no list of classes ({error}), must have {_FORMS}") from error
    return content
