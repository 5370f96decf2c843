"""Results of the speed scripts: one JSON file a topic and machine, `bench/results/<topic>-<machine>.json`.

Each case is `{case, metric, value, unit, baseline, ratio, goal, met, command, device, versions, date, load}`; `ratio`
is ours against the baseline of the same run, higher is better. A goal that is not met stays in the list, with
`met: false`. `load` is how many processes wanted a core in the five minutes before the results were written, as a mean:
more than the script itself starts means that other work took its share.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"
PACKAGES = (
    "torch",
    "torchvision",
    "triton",
    "numpy",
    "pyarrow",
    "lmdb",
    "av",
    "imageio-ffmpeg",
    "pillow",
    "simplejpeg",
    "torchcodec",
)


def machine() -> str:
    """Name of this machine's processor, fit for a file name; not the host's name."""
    cpu = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", cpu.read_text(), re.MULTILINE) if cpu.is_file() else None
    model = found[1] if found else platform.processor() or platform.machine()
    return file_name(model)


def file_name(device: str) -> str:
    """Name of a device, fit for a file name."""
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-") or "unknown"


def versions() -> dict[str, str]:
    """Python and those of `PACKAGES` that are installed here."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def case(
    name: str,
    metric: str,
    value: float,
    unit: str,
    *,
    baseline: float,
    ratio: float,
    goal: float | None = None,
) -> dict[str, Any]:
    """One case; `goal` is the ratio to reach, None where there is none (`met` is then None too)."""
    return {
        "case": name,
        "metric": metric,
        "value": round(value, 6),
        "unit": unit,
        "baseline": round(baseline, 6),
        "ratio": round(ratio, 3),
        "goal": goal,
        "met": None if goal is None else ratio >= goal,
    }


def unmeasured(name: str, metric: str, unit: str, *, reason: str, goal: float | None = None) -> dict[str, Any]:
    """A case that could not be measured here, and why; its goal is neither met nor missed."""
    nothing = dict.fromkeys(("value", "baseline", "ratio"))
    return {"case": name, "metric": metric, "unit": unit, **nothing, "goal": goal, "met": None, "reason": reason}


def line(topic: str, row: dict[str, Any]) -> str:
    """One case in words."""
    if row["value"] is None:
        return f"{topic}: {row['case']}: {row['metric']} not measured: {row['reason']}"
    verdict = {True: "goal met", False: f"below the goal of {row.get('goal')}", None: ""}[row.get("met")]
    return f"{topic}: {row['case']}: {row['value']:g} {row['unit']}, x{row['ratio']:g} {verdict}".rstrip()


def write(
    topic: str,
    cases: list[dict[str, Any]],
    *,
    device: str | None = None,
    group: Callable[[dict[str, Any]], str] | None = None,
) -> Path:
    """Write the cases of one run, print one line for each, and return the file.

    What a case does not say itself of command, device, versions and date is filled in. The device is this machine's
    processor, or the one that is given. Cases of an earlier run go, or stay where `group` gives for them what it gives
    for no case of this run.
    """
    device = machine() if device is None else file_name(device)
    # Folders by their last name: where they lie is nobody else's.
    given = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    command = " ".join(["python", f"bench/{Path(sys.argv[0]).name}", *given])
    common = {
        "command": command,
        "device": device,
        "versions": versions(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "load": round(os.getloadavg()[1], 1),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{topic}-{device}.json"
    rows = [{**common, **row} for row in cases]
    if group is not None and path.is_file():
        measured = {group(row) for row in rows}
        rows += [row for row in json.loads(path.read_text()) if group(row) not in measured]
    path.write_text(json.dumps(rows, indent=1) + "\n")
    for row in cases:
        print(line(topic, row))
    return path
