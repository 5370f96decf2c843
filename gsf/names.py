"""Names that others chose, such as classes, videos and experiments: as parts of file names, and for people to read."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from markupsafe import Markup, escape

from gsf.provenance.hashing import sha256_bytes

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


def slug(name: str) -> str:
    """A part of a path: the name where it is plain, else letters and digits that follow from it."""
    return name if _PLAIN.fullmatch(name) else "x" + sha256_bytes(name.encode("utf-8", "surrogatepass"))[:16]


def visible(name: str) -> str:
    """The name with characters that show nothing, or turn the direction of writing, spelled out: `[U+202E]`."""
    return "".join(map(_spelled, name))


def _spelled(character: str) -> str:
    if character in "\n\t":
        return " "
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")
    return f"[U+{ord(character):04X}]" if hidden else character


def shown(name: object) -> Markup:
    """The name as HTML: escaped, and isolated, so that its direction of writing stays its own."""
    return Markup("<bdi>") + escape(visible(str(name))) + Markup("</bdi>")


def link(path: str) -> str:
    """A path within the site as the value of an `href`."""
    return quote(path)
