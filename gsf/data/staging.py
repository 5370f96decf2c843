"""Copies of shards on a node's own disk, for trainings and evaluations whose project lies on a shared file system.

`GSF_STAGE=FOLDER` asks for them; `$NAMES` in it are filled in on the node. A copy lies in `FOLDER/gsf-shards` under the
sha256 of its shard, so that one of another version is never read. All processes of a node share it: one copies, the
others wait. It stays when they end. Nothing of this changes a result or stands in a receipt.

A copying first removes what earlier ones that were killed left behind, and copies that nobody has used for `KEEP_DAYS`.
Where there still is too little room, copies that no process uses go, the longest unused first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsf.errors import ParamsError, ShardError
from gsf.provenance.hashing import replacing

VARIABLE = "GSF_STAGE"
HOME = "gsf-shards"
KEEP_DAYS = 7
_COPY = re.compile(r"[0-9a-f]{64}\.lmdb")
_LEFTOVER = re.compile(r"\.[0-9a-f]{64}\.lmdb\.\d+\.tmp")  # of `replacing`
_BLOCK = 8 << 20  # bytes
_INSTEAD = f"name another folder, or unset {VARIABLE} to read the shards where they are"

# A shared lock on each copy that this process uses: whoever makes room leaves it alone. Held until the process ends.
_held: dict[Path, int] = {}


@dataclass(frozen=True)
class Shard:
    """A shard as the project stores it."""

    path: Path
    sha256: str  # as its receipt has it

    @property
    def size(self) -> int:
        """Bytes."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            raise ShardError(f"{self.path}: no such shard; run its extract stage, or `dvc pull`") from None


def staging_folder() -> Path | None:
    """The folder that GSF_STAGE names, with `$NAMES` and `~` filled in; None where it is unset or empty.

    Raises:
        ParamsError: it names a variable that is not set on this node.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return None
    filled = os.path.expandvars(given)
    if "$" in filled:
        raise ParamsError(f"{VARIABLE} is {given!r}, must be a folder: on this node that is {filled!r}; {_INSTEAD}")
    return Path(filled).expanduser().absolute()


def staged(shards: Mapping[str, Shard], folder: Path) -> dict[str, Path]:
    """The copies of shards in `folder`, by name, made where they are not there; they stay while this process lives.

    A copy is hashed while it is written and must be what the receipt says; one that is there already must have
    its size.

    Raises:
        ShardError: the folder cannot be used or has too little room; a copy's bytes are not those of the receipt.
    """
    home = _home(folder)
    places = {name: home / f"{shard.sha256}.lmdb" for name, shard in shards.items()}
    there = [_hold(places[name], shard) for name, shard in shards.items()]
    if not all(there):
        with _alone(home), _explained(home):
            _clean(home)
            lacking = [(places[name], shard) for name, shard in shards.items() if not _hold(places[name], shard)]
            _make_room(home, sum(shard.size for _, shard in lacking))
            _copy_all(lacking, title=f"copy shards to {folder}")
    return places


def release() -> None:
    """Let go of all copies that this process uses."""
    while _held:
        os.close(_held.popitem()[1])


def _home(folder: Path) -> Path:
    """The folder of copies; this user's alone, since what lies there is trusted."""
    home = folder / HOME
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        owner = home.stat().st_uid
        writable = os.access(home, os.W_OK | os.X_OK)
    except OSError as error:
        raise ShardError(f"{VARIABLE}: {home} cannot be made ({error.strerror}); {_INSTEAD}") from error
    if owner != os.getuid() or not writable:
        raise ShardError(
            f"{VARIABLE}: {home} belongs to another user or cannot be written, must be yours; use a folder of your own,"
            f" such as {folder}/$USER, or unset {VARIABLE} to read the shards where they are"
        )
    return home


def _hold(place: Path, shard: Shard) -> bool:
    """Keep a copy from being removed; False where there is none, or one that is not as long as its shard."""
    if place not in _held:
        try:
            opened = os.open(place, os.O_RDONLY)
        except FileNotFoundError:
            return False
        fcntl.flock(opened, fcntl.LOCK_SH)
        if not _is(place, opened):  # removed before the lock was there
            os.close(opened)
            return False
        _held[place] = opened
        os.utime(opened)  # last used
    if place.is_file() and place.stat().st_size == shard.size:
        return True
    os.close(_held.pop(place))
    return False


def _is(place: Path, opened: int) -> bool:
    try:
        return os.path.samestat(place.stat(), os.fstat(opened))
    except FileNotFoundError:
        return False


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process of this node at a time."""
    with (home / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tqdm.write(f"{home}: another process copies shards, waiting", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """The system's errors in words that say what to do."""
    try:
        yield
    except OSError as error:
        raise ShardError(f"{VARIABLE}: shards cannot be copied to {home}: {error}; {_INSTEAD}") from error


def _clean(home: Path) -> None:
    """Remove half-written files, whose writers are dead since we are alone, and copies that are out of use."""
    for path in home.iterdir():
        if _LEFTOVER.fullmatch(path.name):
            path.unlink()
    _remove_unused(home, lambda copy: copy.stat().st_mtime < time.time() - KEEP_DAYS * 24 * 3600)


def _make_room(home: Path, needed: int) -> None:
    """Remove unused copies, the longest unused first, until `needed` bytes are free; none where that is not enough."""
    free = shutil.disk_usage(home).free
    if free >= needed:
        return
    removable = sum(copy.stat().st_size for copy in _copies(home) if _unused(copy))
    if free + removable < needed:
        raise ShardError(
            f"{VARIABLE}: {home} has room for {(free + removable) / 1e9:.2f} GB, must have {needed / 1e9:.2f} GB for"
            f" the shards that are not there yet; {_INSTEAD}"
        )
    _remove_unused(home, lambda copy: shutil.disk_usage(home).free < needed)


def _copies(home: Path) -> list[Path]:
    """The copies, the longest unused first."""
    return sorted(
        (path for path in home.iterdir() if _COPY.fullmatch(path.name)), key=lambda path: path.stat().st_mtime
    )


def _unused(copy: Path) -> bool:
    with copy.open("rb") as file:
        return _locked_alone(file.fileno())


def _remove_unused(home: Path, wanted: Callable[[Path], bool]) -> None:
    for copy in _copies(home):
        if wanted(copy):
            with copy.open("rb") as file:
                if _locked_alone(file.fileno()):
                    copy.unlink()


def _locked_alone(opened: int) -> bool:
    """Whether no process holds the file; none can begin to before it is closed."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _copy_all(lacking: list[tuple[Path, Shard]], *, title: str) -> None:
    total = sum(shard.size for _, shard in lacking)
    with tqdm(total=total, desc=title, unit="B", unit_scale=True, mininterval=1) as bar, ThreadPoolExecutor(1) as pool:
        for place, shard in lacking:
            if not _hold(place, shard):  # two names may have the same bytes
                _copy(place, shard, bar=bar, pool=pool)
                _hold(place, shard)


def _copy(place: Path, shard: Shard, *, bar: tqdm[Any], pool: ThreadPoolExecutor) -> None:
    """Copy one shard, hashing each block while it is written."""
    digest = hashlib.sha256()
    with shard.path.open("rb") as source, replacing(place) as file:
        while block := source.read(_BLOCK):
            hashed = pool.submit(digest.update, block)
            file.write(block)
            hashed.result()
            bar.update(len(block))
        if digest.hexdigest() != shard.sha256:
            raise ShardError(
                f"{shard.path}: the bytes that were copied have sha256 {digest.hexdigest()[:12]}, its receipt says"
                f" {shard.sha256[:12]}; run `gsf verify --deep {shard.path}`"
            )
        os.fchmod(file.fileno(), 0o444)
