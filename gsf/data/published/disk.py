"""Finding published videos on a disk: by the stem of their name, in whatever folder and with whatever suffix.

People unpack these benchmarks flat, in class folders or by participant, and re-encode them to other containers; the
names themselves stay. Where a video lies is read off the listing of the folder, which the graph already has and which
both runners renew: so the path of a row follows from the published files and the listing alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from gsf.data.listing import SUFFIXES
from gsf.errors import DataError


@dataclass(frozen=True)
class Places:
    """Where published videos lie."""

    paths: dict[str, str]  # by published path; as published where the video is missing
    missing: tuple[str, ...]  # published paths that are not there, each once, in the order asked for


def stem(path: str) -> str:
    """The last part of a path without the suffix of a video; other dots belong to the name."""
    name = path.rpartition("/")[2]
    base, dot, suffix = name.rpartition(".")
    return base if base and dot + suffix.lower() in SUFFIXES else name


def find(published: Iterable[str], listed: Collection[str], *, any_case: bool = False, where: str) -> Places:
    """Where each published path lies among the paths `listed`.

    The published path itself comes first, then the only file of that stem; `any_case` then takes the only one that
    differs in case. DataError where several files have the stem: which is meant cannot be known.
    """
    exact = set(listed)
    by_stem = _by(stem, listed)
    by_folded = _by(lambda path: stem(path).casefold(), listed) if any_case else {}
    paths: dict[str, str] = {}
    missing = []
    for path in dict.fromkeys(published):
        name = stem(path)
        found = [path] if path in exact else by_stem.get(name) or by_folded.get(name.casefold(), [])
        if len(found) > 1:
            raise DataError(
                f"{where}: {len(found)} files may be {path}: {', '.join(sorted(found)[:3])}; must be one: remove or"
                " move the others"
            )
        if not found:
            missing.append(path)
        paths[path] = found[0] if found else path
    return Places(paths=paths, missing=tuple(missing))


def _by(key: Callable[[str], str], listed: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in listed:
        found.setdefault(key(path), []).append(path)
    return found
