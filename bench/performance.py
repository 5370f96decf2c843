"""The tables of docs/performance.md: every case of bench/results, with its goal, its command and its machine.

python bench/performance.py            # renews the tables
python bench/performance.py --check    # exit code 1 where they are not those of bench/results
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.page import renew

ROOT = Path(__file__).resolve().parents[1]
PAGE, RESULTS = ROOT / "docs/performance.md", ROOT / "bench/results"
START, END = "<!-- performance -->", "<!-- /performance -->"


def main() -> None:
    renew(PAGE, current, description=__doc__ or "", script="bench/performance.py")


def current(text: str) -> str:
    """The page with the tables of today's results."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    measured = [(path, json.loads(path.read_text())) for path in sorted(RESULTS.glob("*.json"))]
    tables = "\n\n".join([overview(measured), *(section(path, rows) for path, rows in measured)])
    return f"{before}{START}\n\n{tables}\n\n{END}{after}"


def overview(measured: list[tuple[Path, list[dict[str, Any]]]]) -> str:
    """A row a script and machine: how many goals it meets."""
    lines = ["| what | machine | day | goals met | missed | not measured |", "|---|---|---|---:|---:|---:|"]
    for path, rows in measured:
        goals = [row for row in rows if row["goal"] is not None]
        verdicts = [row["met"] for row in goals]
        link = f"[{topic(path)}](#{path.stem})"
        counts = " | ".join(str(verdicts.count(verdict)) for verdict in (True, False, None))
        lines.append(f"| {link} | {rows[0]['device']} | {rows[0]['date']} | {counts} |")
    return "\n".join(lines)


def section(path: Path, rows: list[dict[str, Any]]) -> str:
    """The cases of one file."""
    said = (ast.get_docstring(ast.parse((ROOT / "bench" / f"{topic(path)}.py").read_text())) or "").split("\n\n")[0]
    lines = [f"### {path.stem}", "", " ".join(said.split()), ""]
    for command in dict.fromkeys(str(row["command"]) for row in rows):
        lines.append(f"`{command}`, {', '.join(versions(rows[0]['versions']))}.")
    lines += ["", "| case | measured | against | ratio | goal |", "|---|---:|---:|---:|---|"]
    return "\n".join([*lines, *(cells(row) for row in rows)])


def cells(row: dict[str, Any]) -> str:
    """One case as a row of a table."""
    case = f"{row['case']}: {row['metric']}".replace("|", "\\|")
    goal = "none" if row["goal"] is None else f"x{row['goal']:g}"
    if row["value"] is None:
        return f"| {case} | not measured | | | {goal} |"
    missed = ", **missed**" if row["met"] is False else ", met" if row["met"] else ""
    return (
        f"| {case} | {number(row['value'])} {row['unit']} | {number(row['baseline'])} {row['unit']} |"
        f" x{row['ratio']:.2f} | {goal}{missed} |"
    )


def number(value: float) -> str:
    """Three digits, more where they stand in front of the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def topic(path: Path) -> str:
    """`extract` of `extract-amd-epyc.json`."""
    return path.stem.split("-")[0]


def versions(found: dict[str, str]) -> list[str]:
    return [f"{name} {found[name]}" for name in ("python", "torch", "triton") if name in found]


if __name__ == "__main__":
    main()
