"""Receipts as a Provenance Run Crate: each is one CreateAction, with its tool, its parameters and its files.

https://w3id.org/ro/wfrun/provenance/0.5. What receipts do not hold is left out: when a stage ran, who started it, and
whether DVC or Snakemake did.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from gsf.exchange.crate_files import WORKFLOW, Places
from gsf.proof.chain import Command, code_digest
from gsf.proof.results import Cell
from gsf.provenance.hashing import canonical_json, sha256_bytes
from gsf.provenance.receipt import Receipt

Entity = dict[str, Any]
_HOMES = {"python": "https://www.python.org/", "ffmpeg": "https://ffmpeg.org/"}
_VERSION = re.compile(r"[0-9][0-9A-Za-z.!+-]*")


class Runs:
    """The entities that receipts become, by identifier; every one is made once."""

    def __init__(self, places: Places, cells: Iterable[Cell]) -> None:
        self.entities: dict[str, Entity] = {}
        self.actions: list[str] = []  # one a receipt
        self.controls: list[str] = []  # one a receipt: that a step of the graph ran it
        self.tools: list[str] = []
        self.steps: list[str] = []
        self.cells: list[str] = []
        self._places = places
        self._cells: dict[str, list[Cell]] = {}
        for cell in cells:
            self._cells.setdefault(cell.receipt, []).append(cell)

    def add(self, receipt: Receipt, *, receipt_path: str) -> None:
        """Add the run that a receipt is of; call in the order in which stages run."""
        tool, step = self._tool(receipt)
        action, control = f"#{receipt.digest}", f"#step-{receipt.digest}"
        inputs = [self._places.of(item.path, item.sha256) for item in receipt.inputs]
        outputs = [self._places.of(path, digest) for path, digest in sorted(receipt.outputs.items())]
        cells = [self._cell(cell) for cell in self._cells.get(receipt.digest, [])]
        self.cells += cells
        self.entities[action] = {
            "@id": action,
            "@type": "CreateAction",
            "name": receipt.stage,
            "description": receipt.content["command"],
            "instrument": ref(tool),
            "object": refs([*inputs, *self._values(receipt)]),
            "result": refs([*outputs, *self._facts(receipt), *cells]),
            "subjectOf": ref(quote(receipt_path)),
        }
        self.entities[control] = {
            "@id": control,
            "@type": "ControlAction",
            "name": f"{WORKFLOW} runs {receipt.stage}",
            "instrument": ref(step),
            "object": ref(action),
        }
        self.actions.append(action)
        self.controls.append(control)

    def _tool(self, receipt: Receipt) -> tuple[str, str]:
        """The command that ran, in the version of its code and tools, and the step of the graph that calls it."""
        verb, code = Command.of(receipt).verb or receipt.stage.split("@")[0], code_digest(receipt)
        needs = [self._package(name, str(version)) for name, version in sorted(receipt.content["tools"].items())]
        version = sha256_bytes(canonical_json([code, needs]))[:12]
        tool, step = f"#gsf-{verb}-{version}", f"{WORKFLOW}#{verb}-{version}"
        if tool not in self.entities:
            self.entities[tool] = {
                "@id": tool,
                "@type": "SoftwareApplication",
                "name": f"gsf {verb}",
                "softwareVersion": code,
                "description": f"The version is the sha256 over its {len(receipt.content['code'])} modules, which the"
                " receipts list each with its own.",
                "softwareRequirements": refs(needs),
            }
            self.entities[step] = {
                "@id": step,
                "@type": "HowToStep",
                "name": verb,
                "position": len(self.steps),
                "workExample": ref(tool),
            }
            self.tools.append(tool)
            self.steps.append(step)
        return tool, step

    def _package(self, name: str, version: str) -> str:
        """A tool that a stage used: a Python package by its page, a program by its name and build."""
        home = _HOMES.get(name)
        if home is None and _VERSION.fullmatch(version):
            identifier = home = f"https://pypi.org/project/{name}/{version}/"
        else:
            identifier = f"#{quote(name)}-{sha256_bytes(version.encode())[:12]}"
        self.entities[identifier] = {
            "@id": identifier,
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": version,
            **({"url": home} if home else {}),
        }
        return identifier

    def _values(self, receipt: Receipt) -> Iterator[str]:
        """Parameters, one a value, and the seed."""
        for path, values in sorted(receipt.content["params"].items()):
            for key, value in _flat(values):
                yield self._value(f"{path}: {key}", value)
        if receipt.content["seed"] is not None:
            yield self._value("seed", receipt.content["seed"])

    def _facts(self, receipt: Receipt) -> Iterator[str]:
        """What a stage found and no file holds: counts, digests of contents, the device."""
        for key, value in _flat(receipt.facts):
            yield self._value(f"{receipt.stage}: {key}", value)

    def _cell(self, cell: Cell) -> str:
        of = f"of {cell.n} videos"
        if cell.low is not None:
            of += f"; 95 % interval {cell.low} to {cell.high}"
        return self._value(cell.name, cell.value, description=f"{cell.metric} {of}")

    def _value(self, name: str, value: Any, **more: str) -> str:
        shown = value if isinstance(value, str | int | float) else canonical_json(value).decode().strip()
        digest = sha256_bytes(canonical_json([name, shown, more]))[:12]
        identifier = f"#{quote(name, safe='/')}-{digest}"
        self.entities[identifier] = {"@id": identifier, "@type": "PropertyValue", "name": name, "value": shown, **more}
        return identifier


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values of nested mappings, as `optimizer.lr`; a list is one value."""
    for key, value in sorted(values.items()):
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def ref(identifier: str) -> Entity:
    """A reference to an entity."""
    return {"@id": identifier}


def refs(identifiers: Iterable[str]) -> list[Entity]:
    """References to entities, each once, in the order given."""
    return [ref(identifier) for identifier in dict.fromkeys(identifiers)]
