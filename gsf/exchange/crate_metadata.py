"""The metadata of a crate: an RO-Crate 1.1 of the profile Provenance Run Crate 0.5.

https://w3id.org/ro/crate/1.1, https://w3id.org/ro/wfrun/provenance/0.5. The same receipts in the same commit give the
same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gsf.errors import ParamsError, ProvenanceError
from gsf.exchange.committed import Recorded
from gsf.exchange.crate_files import LICENSE, README, WORKFLOW, CrateFile, Places
from gsf.exchange.crate_runs import Entity, Runs, ref, refs
from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT, Chain
from gsf.proof.results import Cell
from gsf.provenance.receipt import Receipt

METADATA = "ro-crate-metadata.json"
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_DVC = "https://dvc.org/"


@dataclass(frozen=True)
class Source:
    """What a crate is made of, besides its files."""

    study: str
    report: Receipt
    chain: Chain  # the receipts behind the report
    cells: tuple[Cell, ...]
    at: Recorded
    licence: str | None  # URL; None: the file LICENSE


def crate_metadata(project: Project, source: Source, files: Sequence[CrateFile]) -> tuple[bytes, int]:
    """The bytes of the metadata file, and how many files it names by their sha256 alone.

    Raises:
        ParamsError: no licence is known.
        ProvenanceError: the commit of the results has no graph.
    """
    from rocrate.rocrate import ROCrate

    paths = {file.path for file in files}
    if WORKFLOW not in paths:
        raise ProvenanceError(f"{WORKFLOW}: is not in the commit of the results, must be: it is the crate's workflow")
    if source.licence is None and LICENSE not in paths:
        raise ParamsError(f"{LICENSE}: is not in the commit of the results, must be there, or give --licence URL")
    places = Places(project, source.study, files)
    runs = _runs(project, source, places)
    run = _whole_run(source, places)
    absent = [_absent(*item) for item in places.absent()]

    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(_TERMS)
    for file in files:
        _add_file(crate, file, places.other_names(file), runs, source)
    for entity in [*absent, *runs.entities.values(), run]:
        crate.add_jsonld(dict(entity))
    _describe(crate, source, runs, results=f"results/{source.study}/results.json")
    content = crate.metadata.generate()
    content["@graph"] = [_compact(entity) for entity in sorted(content["@graph"], key=_rank)]
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(), len(absent)


def _runs(project: Project, source: Source, places: Places) -> Runs:
    """The runs behind the results, those that others rest on first."""
    own = project.relative(project.results(source.study))
    depth = _depths(source.chain)
    runs = Runs(places, source.cells)
    for receipt in sorted(source.chain.receipts.values(), key=lambda receipt: (depth[receipt.digest], receipt.stage)):
        runs.add(receipt, receipt_path=f"{own}/receipts/{receipt.digest}.json")
    runs.add(source.report, receipt_path=f"{own}/{REPORT_RECEIPT}")
    return runs


def _depths(chain: Chain) -> dict[str, int]:
    """How many runs in a row each receipt rests on.

    A receipt rests on those of its inputs, and on the one that lists itself as an output: the inventory's lists those
    of the plans.
    """
    writers = {digest: receipt for receipt in chain.receipts.values() for digest in receipt.outputs.values()}
    depth: dict[str, int] = {}
    waiting = sorted(chain.receipts)
    while waiting:
        receipt = chain.receipts[waiting[-1]]
        above = {parent.digest for parent in chain.parents(receipt)}
        if receipt.digest in writers:
            above.add(writers[receipt.digest].digest)
        missing = sorted(above - depth.keys())
        if missing:
            waiting += missing
            continue
        depth[waiting.pop()] = 1 + max((depth[digest] for digest in above), default=-1)
    return depth


def _whole_run(source: Source, places: Places) -> Entity:
    """The run of the graph as a whole: from what no stage wrote to the results, the table first."""
    table = f"results/{source.study}/results.json"
    everything = [*source.chain.receipts.values(), source.report]
    roots = {places.of(item.path, item.sha256) for one in everything for item in one.inputs if item.receipt is None}
    outputs = sorted(source.report.outputs.items(), key=lambda item: (item[0] != table, item[0]))
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Results of the study {source.study}",
        "description": source.report.content["command"],
        "instrument": ref(WORKFLOW),
        "object": refs(sorted(roots)),
        "result": refs(places.of(path, digest) for path, digest in outputs),
    }


def _absent(identifier: str, sha256: str, names: list[str]) -> Entity:
    """A file that is not in the crate. No `File`: those must be in the crate or on the web."""
    return {
        "@id": identifier,
        "@type": "CreativeWork",
        "name": names[0],
        "alternateName": names[1:],
        "description": "Not in the crate; its identifier is the sha256 of its bytes (RFC 6920).",
        "sha256": sha256,
    }


def _add_file(crate: Any, file: CrateFile, other_names: list[str], runs: Runs, source: Source) -> None:
    from rocrate.model.computerlanguage import ComputerLanguage

    properties: dict[str, Any] = {
        "name": file.path,
        "alternateName": other_names,
        "encodingFormat": file.format,
        "contentSize": str(file.size),
        "sha256": file.sha256,
    }
    if file.path == README:
        properties["about"] = ref("./")
    if file.path == LICENSE:
        properties["description"] = "The licence of the project. Videos have terms of their own."
    if file.path != WORKFLOW:
        crate.add_file(dest_path=file.path, properties=properties)
        return
    properties |= {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "description": f"The graph of all stages as it was in commit {source.at.commit}. Receipts do not name it.",
        "version": source.at.commit,
        "hasPart": refs(runs.tools),
        "step": refs(runs.steps),
    }
    language = crate.add(ComputerLanguage(crate, _DVC, properties={"name": "DVC pipeline", "url": ref(_DVC)}))
    crate.add_workflow(None, file.path, properties=properties, main=True, lang=language)


def _describe(crate: Any, source: Source, runs: Runs, *, results: str) -> None:
    """The root of the crate, and what it conforms to."""
    for identifier, (name, version) in _PROFILES.items():
        crate.add_jsonld({"@id": identifier, "@type": "CreativeWork", "name": name, "version": version})
    if source.licence is not None:
        crate.add_jsonld({"@id": source.licence, "@type": "CreativeWork", "name": source.licence})
    root = crate.root_dataset
    root["conformsTo"] = refs(_PROFILES)
    root["name"] = f"Results of the study {source.study}"
    root["description"] = (
        f"{len(runs.cells)} numbers of video action recognition ({results}), and the runs behind them, one a receipt,"
        " down to the sha256 of every video (evidence/*/inventory.csv). Files that are not in the crate are named by"
        f" their sha256. The date is that of the git commit that recorded the results, {source.at.commit}."
    )
    root["version"] = source.at.commit
    root["datePublished"] = source.at.time
    root["license"] = ref(source.licence or LICENSE)
    root["mentions"] = refs(["#run", *runs.actions, *runs.controls])
    root["variableMeasured"] = refs(runs.cells)


def _compact(entity: Entity) -> Entity:
    """An entity as RO-Crate recommends: one value without a list around it, and no empty lists."""
    plain = {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in entity.items()}
    return {key: value for key, value in plain.items() if value != []}


def _rank(entity: Entity) -> tuple[int, str]:
    """The order of entities: descriptor, root, workflow and its run first, then by identifier."""
    first = {METADATA: 0, "./": 1, WORKFLOW: 2, "#run": 3}
    return first.get(entity["@id"], len(first)), entity["@id"]
