"""Tables of docs/ from bench/results: in performance.md every case with its goal, its command and its machine; in
stream.md those of bench/stream.py, in loading.md the decoders of bench/decode.py, in frames.md what the standard
benchmarks take by bench/storage.py.

python bench/performance.py            # renews the tables
python bench/performance.py --check    # exit code 1 where they are not those of bench/results
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.lib import sizes
from bench.lib.page import renew

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results"
START, END = "<!-- performance -->", "<!-- /performance -->"
Measured = list[tuple[Path, list[dict[str, Any]]]]


def main() -> None:
    for page, tables in PAGES.items():
        renew(page, partial(current, tables=tables), description=__doc__ or "", script="bench/performance.py")


def current(text: str, tables: Callable[[Measured], list[str]]) -> str:
    """A page with the tables of today's results."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    measured = [(path, json.loads(path.read_text())) for path in sorted(RESULTS.glob("*.json"))]
    return "\n\n".join([f"{before}{START}", *tables(measured), f"{END}{after}"])


def everything(measured: Measured) -> list[str]:
    """All cases of all scripts."""
    return [overview(measured), *(section(path, rows) for path, rows in measured)]


def overview(measured: Measured) -> str:
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
    if row["value"] is None:
        return f"| {case} | not measured | | | {verdict(row)} |"
    return (
        f"| {case} | {number(row['value'])} {row['unit']} | {number(row['baseline'])} {row['unit']} |"
        f" x{row['ratio']:.2f} | {verdict(row)} |"
    )


def verdict(row: dict[str, Any]) -> str:
    """The goal of a case, and whether it is met."""
    if row["goal"] is None:
        return "none"
    return f"x{row['goal']:g}{', **missed**' if row['met'] is False else ', met' if row['met'] else ''}"


def streams(measured: Measured) -> list[str]:
    """What bench/stream.py measured: throughput and latency in a table, the CPU time of a frame in one beside it."""
    found = []
    for path, rows in measured:
        if topic(path) == "stream":
            by = {(row["case"], row["metric"]): row for row in rows if row["value"] is not None}
            found += [f"`{rows[0]['command']}`, {rows[0]['device']}, {rows[0]['date']}:", _rates(by), *_cpu_times(by)]
    return found


def _rates(rows: dict[tuple[str, str], dict[str, Any]]) -> str:
    lines = [
        "| network, source | frames/s: window | ours | | goal | latency, ms: window, p50 | ours, p50 | p95 | p99 |",
        "|---|---:|---:|---:|---|---:|---:|---:|---:|",
    ]
    for (case, metric), row in rows.items():
        if metric == "throughput":
            latencies = [rows[f"{case}, p{share}", "latency"] for share in (50, 95, 99)]
            rates = f"{number(row['baseline'])} | {number(row['value'])} | x{row['ratio']:.2f} | {verdict(row)}"
            figures = [latencies[0]["baseline"], *(latency["value"] for latency in latencies)]
            lines.append(f"| {case} | {rates} | {' | '.join(map(number, figures))} |")
    return "\n".join(lines)


def _cpu_times(rows: dict[tuple[str, str], dict[str, Any]]) -> list[str]:
    times = {case: row for (case, metric), row in rows.items() if metric == "CPU time of a frame"}
    if not times:
        return []
    lines = ["| network | CPU time of a frame, ms: window | ours | | goal |", "|---|---:|---:|---:|---|"]
    for case, row in times.items():
        figures = f"{number(row['baseline'])} | {number(row['value'])} | x{row['ratio']:.2f}"
        lines.append(f"| {case} | {figures} | {verdict(row)} |")
    return ["\n".join(lines)]


def decoders(measured: Measured) -> list[str]:
    """What bench/decode.py measured: a row a decoder, ours first."""
    found = []
    for path, rows in measured:
        if topic(path) == "decode":
            absent = [row for row in rows if row["value"] is None]
            lines = [
                f"| decoder | {rows[0]['metric']}, ms | | same pixels | damaged data in the middle of a frame |",
                "|---|---:|---:|---|---|",
                *_decoders([row for row in rows if row["value"] is not None]),
                *(f"| {row['decoder']} | not measured: {row['reason']} | | | |" for row in absent),
            ]
            found += [f"`{rows[0]['command']}`, {rows[0]['device']}, {rows[0]['date']}:", "\n".join(lines)]
    return found


def _decoders(rows: list[dict[str, Any]]) -> list[str]:
    ours = rows[0]
    lines = [f"| **{_version('simplejpeg', ours)}** | **{number(ours['value'])}** | | | {ours['damage_ours']} |"]
    for row in sorted(rows, key=lambda row: float(row["baseline"])):
        figures = f"{number(row['baseline'])} | x{row['ratio']:.2f} | yes"
        lines.append(f"| {_version(row['decoder'], row)} | {figures} | {row['damage']} |")
    return lines


def _version(decoder: str, row: dict[str, Any]) -> str:
    return f"{decoder} {row['versions'][decoder.lower()]}"


def storage(measured: Measured) -> list[str]:
    """What bench/storage.py measured, times the frames of the standard benchmarks."""
    found = [
        part
        for path, rows in measured
        if topic(path) == "storage"
        for part in (f"`{rows[0]['command']}`, {rows[0]['date']}, in GB (10^9 bytes):", "\n".join(sizes.table(rows)))
    ]
    return [*found, sizes.unchanged()]


def number(value: float) -> str:
    """Three digits, more where they stand in front of the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def topic(path: Path) -> str:
    """`extract` of `extract-amd-epyc.json`."""
    return path.stem.split("-")[0]


def versions(found: dict[str, str]) -> list[str]:
    return [f"{name} {found[name]}" for name in ("python", "torch", "triton") if name in found]


PAGES: dict[Path, Callable[[Measured], list[str]]] = {
    ROOT / "docs/performance.md": everything,
    ROOT / "docs/stream.md": streams,
    ROOT / "docs/loading.md": decoders,
    ROOT / "docs/frames.md": storage,
}

if __name__ == "__main__":
    main()
