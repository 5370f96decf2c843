"""Text as YAML that people read: plain where every reader takes it for the same text, else quoted.

PyYAML, which reads parameters, has the types of YAML 1.1; DVC, which reads the plan, those of 1.2. What one of them
takes for text (`1e3`, `0o7`) is a number to the other, so all that begins like a number is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import yaml

_PLAIN = re.compile(r"(\.\./)*[A-Za-z/]([A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # which JSON leaves as they are


def scalar(text: str) -> str:
    """A scalar that YAML 1.1 and 1.2 both read as this text, as a value, a key or an item of a list."""
    if _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def flow_list(texts: Sequence[str]) -> str:
    """A list in one line."""
    return f"[{', '.join(map(scalar, texts))}]"
