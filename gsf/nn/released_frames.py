"""The number of frames a released checkpoint was trained with, where its file tells.

The released format has no field for it: weights do not depend on it. People tell it in what lies around them, looked at
in this order: a field `num_segments` (or the like) of the checkpoint or of the options saved in it, its `arch`, its
file's name, its folder's name. Texts tell it as `segment16`, `16_frames`, `8f`, `seg8`; a text that tells two
numbers tells none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_FIELDS = ("num_segments", "segments", "num_frames")
_TEXT = re.compile(
    r"(?:segments?|seg|frames?)[-_ ]?(?P<after>\d{1,3})(?![\d.]*\d)"
    r"|(?<![a-z\d.])(?P<before>\d{1,3})[-_ ]?(?:segments?|seg|frames?|f)(?![a-z\d])",
    re.IGNORECASE,
)


def trained_frames(facts: Mapping[str, Any], path: Path | None) -> tuple[int | None, str | None]:
    """Frames of a clip in training and where it is told, or None twice.

    Args:
        facts: what the checkpoint holds beside its state dict.
        path: its file, if it was one.
    """
    for frames, told_by in _told(facts, path):
        if frames is not None and frames > 0:
            return frames, told_by
    return None, None


def _told(facts: Mapping[str, Any], path: Path | None) -> Iterator[tuple[int | None, str]]:
    options = [(f"{name}.", value) for name, value in facts.items() if isinstance(value, Mapping)]
    for prefix, fields in [("", facts), *options]:
        for name in _FIELDS:
            yield _number(fields.get(name)), f"its field {prefix}{name}"
    yield _in_text(str(facts.get("arch", ""))), "its field arch"
    if path is not None:
        path = path.absolute()
        yield _in_text(path.name), "the name of the file"
        yield _in_text(path.parent.name), "the name of its folder"


def _number(value: Any) -> int | None:
    """A whole number, also as the text that a safetensors file holds."""
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _in_text(text: str) -> int | None:
    numbers = {int(match["after"] or match["before"]) for match in _TEXT.finditer(text)}
    return numbers.pop() if len(numbers) == 1 else None
