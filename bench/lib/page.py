"""Pages of docs/ whose tables come from bench/results: renewed, or compared with `--check`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def renew(page: Path, current: Callable[[str], str], *, description: str, script: str) -> None:
    """Write the page as `current` makes it of its text; with `--check`, exit code 1 where it is not so already."""
    parser = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    text = page.read_text(encoding="utf-8")
    now = current(text)
    if not parser.parse_args().check:
        page.write_text(now, encoding="utf-8")
    elif now != text:
        raise SystemExit(f"docs/{page.name}: its tables are not those of bench/results, must be: run python {script}")
