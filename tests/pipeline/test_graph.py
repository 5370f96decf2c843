from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gsf.errors import ParamsError, PipelineError
from gsf.params.study import NO_ADDITIONS, NO_SUBSETS
from gsf.pipeline import dvc_repo, graph, study
from gsf.pipeline.graph import Graph
from gsf.pipeline.rules import Rules
from gsf.project import Project
from tests.pipeline.tiny import BENCHMARK, IMPORTED, PUBLISHED, ROOT, ToyClone


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> ToyClone:
    """A clone with a rendered benchmark, one of own videos, one published, an imported network and an ensemble."""
    clone = ToyClone(tmp_path_factory.mktemp("graph") / "clone")
    (clone.root / "videos").mkdir()
    (clone.root / "videos" / "a.mp4").write_bytes(b"a")
    (clone.root / "labels.csv").write_text("path,label,split\na.mp4,left,train\n")
    own = BENCHMARK.format(name="own", videos="videos", render="").replace("data/own/annotations.csv", "labels.csv")
    (clone.root / "params/benchmarks/own.yaml").write_text(own)
    clone.edit("params/studies/tiny.yaml", "gsf: {benchmark: mini", "gsf: {benchmark: own")
    pub = BENCHMARK.format(name="pub", videos="videos", render=PUBLISHED)
    (clone.root / "params/benchmarks/pub.yaml").write_text(pub.replace("pub/annotations", "pub/annotated/annotations"))
    (clone.root / "params/imports").mkdir()
    (clone.root / "params/imports/gsf-elsewhere.yaml").write_text(IMPORTED)
    with (clone.root / "params/studies/tiny.yaml").open("a") as file:
        file.write("  gsf-elsewhere: {benchmark: mini, imported: gsf-elsewhere}\n")
        file.write("  tsn-pub: {benchmark: pub, model: tsn-tiny, recipe: tiny}\n")
        file.write("ensembles:\n  both: {members: {tsn: {protocol: 2x1x1}, gsf-elsewhere: {protocol: 2x2x1}}}\n")
    study.activate(clone.project, "tiny")
    return clone.start()


def jobs(text: str) -> list[dict[str, list[str]]]:
    """Inputs and outputs of every job that `snakemake -n` prints.

    An input that depends on a checkpoint yet to run is `<TBD>`, to be determined.
    """
    found: list[dict[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith(("rule ", "localrule ", "checkpoint ")):
            found.append({"rule": [line.split()[1].rstrip(":")], "input": [], "output": []})
        for field in ("input", "output"):
            if line.startswith(f"    {field}: "):
                found[-1][field] = [path.removesuffix(" (ancient)") for path in line.split(": ", 1)[1].split(", ")]
    return found


def test_both_runners_have_the_same_stages_and_edges(clone: ToyClone) -> None:
    with dvc_repo.opened(clone.project, purpose="give its graph") as repo:
        edges = {(before.name, stage.name) for stage, before in repo.index.graph.edges}
        names = {stage.name for stage in repo.index.stages}
    scans = {name for name in names if name.startswith("scan@")}
    assert scans == {"scan@own", "scan@pub"}
    assert {("scan@own", "inventory@own"), ("scan@pub", "annotate@pub"), ("annotate@pub", "inventory@pub")} <= edges

    writer = graph.load(clone.project).writer
    said = clone.snakemake("-n", "--forceall")
    assert "Using workflow specific profile profiles/default for setting" in said  # `profiles` is a link
    first = jobs(said)
    waiting = {writer[path].name for job in first if "<TBD>" in job["input"] for path in job["output"]}
    assert waiting == {name for name in names if name.startswith("extract@")}
    plans = [f"data/{benchmark}/plan" for benchmark in ("mini", "own", "pub")]
    clone.snakemake(*plans)  # after its checkpoint a job tells what it waits for
    second = jobs(clone.snakemake("-n"))
    planned = [job for job in first + second if job["rule"] != ["all"]]
    stages = {tuple(job["output"]): {writer[path].name for path in job["output"]} for job in planned}
    assert all(len(found) == 1 for found in stages.values())
    snakemake_names = {name for found in stages.values() for name in found}
    snakemake_edges = {
        (writer[path].name, name)
        for job in planned
        for name in stages[tuple(job["output"])]
        for path in job["input"]
        if path in writer and writer[path].name not in scans
    }
    assert snakemake_names == names - scans
    assert {"convert@tiny-gsf-elsewhere", "train@tiny-gsf-s0", "ensemble@tiny-both-s0"} <= snakemake_names
    assert snakemake_edges == {edge for edge in edges if edge[0] not in scans}
    assert len(snakemake_edges) > 20


def test_the_bridge_has_the_edges_of_dvc(clone: ToyClone) -> None:
    with dvc_repo.opened(clone.project, purpose="give its graph") as repo:
        edges = {(before.name, stage.name) for stage, before in repo.index.graph.edges}
    assert graph.load(clone.project).edges() == edges


def test_a_stage_has_what_dvc_yaml_says(clone: ToyClone) -> None:
    stage = graph.load(clone.project).by_name["train@tiny-gsf-s0"]
    assert stage.cmd == "gsf train own --study tiny --run gsf-s0 --model gsf-tiny --recipe tiny --seed 0 --threads 1"
    assert stage.params["params/models/gsf-tiny.yaml"]["temporal"] == "gsf"
    assert stage.receipt == "runs/tiny/train/gsf-s0/receipt.json"
    assert (stage.meta["threads"], stage.meta["gpu"]) == (1, 1)


def test_a_job_of_several_processes_asks_for_what_all_of_them_need(clone: ToyClone) -> None:
    stage = graph.load(clone.project).by_name["train@tiny-gsf-s0"]
    several = replace(stage, meta={**stage.meta, "processes": 4})
    resources = Rules(clone.project, Graph(stages=(several,), templates={"train": (stage.outs[0].path,)}))
    needed = {name: resources.resource("train", name)({}) for name in ("threads", "gpu", "runtime")}
    assert needed == {"threads": 4, "gpu": 4, "runtime": 1440}
    assert resources.memory("train")({}, 2) == 2 * 4 * 6000


def test_an_import_is_a_stage_that_its_evaluations_and_the_report_wait_for(clone: ToyClone) -> None:
    resolved = graph.load(clone.project)
    stage = resolved.by_name["convert@tiny-gsf-elsewhere"]
    assert stage.cmd == "gsf convert mini --study tiny --run gsf-elsewhere --imported gsf-elsewhere"
    assert stage.params["params/imports/gsf-elsewhere.yaml"]["backbone"] == "resnet18"
    assert [other.name for other in resolved.upstream(stage)] == ["manifest@mini"]
    after = {name for before, name in resolved.edges() if before == stage.name}
    assert after == {"evaluate@tiny-gsf-elsewhere-2x1x1", "evaluate@tiny-gsf-elsewhere-2x2x1", "report"}


def test_an_ensemble_waits_for_the_evaluations_and_the_report_for_it(clone: ToyClone) -> None:
    resolved = graph.load(clone.project)
    stage = resolved.by_name["ensemble@tiny-both-s0"]
    members = "--members tsn-s0/2x1x1:1,gsf-elsewhere/2x2x1:1 --average probabilities"
    assert stage.cmd == f"gsf ensemble mini --study tiny --run both-s0 {members} --subsets {NO_SUBSETS}"
    assert stage.receipt == "runs/tiny/ensemble/both-s0/receipt.json"
    before = {name for name, after in resolved.edges() if after == stage.name}
    assert before == {"manifest@mini", *(item.name for item in resolved.group("evaluate"))}
    assert {after for name, after in resolved.edges() if name == stage.name} == {"report"}
    assert "runs/tiny/ensemble/both-s0/metrics.json" in resolved.inputs(resolved.by_name["report"])


def test_evaluations_on_a_published_benchmark_wait_for_its_subsets(clone: ToyClone) -> None:
    resolved = graph.load(clone.project)
    inputs = resolved.inputs(resolved.by_name["evaluate@tiny-tsn-pub-s0-2x1x1"])
    assert {"data/pub/annotated/subsets.csv", "data/pub/annotated/receipt.json"} <= set(inputs)
    assert resolved.sources(resolved.by_name["evaluate@tiny-gsf-s0-2x1x1"]) == [NO_SUBSETS]


def test_the_inventory_of_a_published_benchmark_waits_for_the_receipt_of_its_annotations(clone: ToyClone) -> None:
    resolved = graph.load(clone.project)
    inputs = resolved.inputs(resolved.by_name["inventory@pub"])
    assert {"data/pub/annotated/receipt.json", "data/pub/annotated/annotations.csv"} <= set(inputs)
    stage = resolved.by_name["annotate@pub"]
    assert (stage.cmd, stage.receipt) == ("gsf annotate pub", "data/pub/annotated/receipt.json")
    assert resolved.sources(stage) == []


def test_a_folder_of_outputs_stands_for_them_and_a_file_in_an_output_for_that(clone: ToyClone) -> None:
    resolved = graph.load(clone.project)
    assert "data/mini/plan" in resolved.inputs(resolved.by_name["extract@mini-00"])
    inputs = resolved.inputs(resolved.by_name["train@tiny-tsn-s0"])
    assert {"data/mini/shards/00.lmdb", "data/mini/shards/01.lmdb"} <= set(inputs)
    assert resolved.sources(resolved.by_name["inventory@own"]) == ["labels.csv", NO_ADDITIONS]


def test_jobs_never_call_dvc(clone: ToyClone) -> None:
    graph.load(clone.project)
    code = (
        "import sys; sys.modules['dvc'] = None\n"
        "from pathlib import Path; from gsf.pipeline import graph; from gsf.project import Project\n"
        f"print(len(graph.load(Project(Path({str(clone.root)!r}))).stages))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(graph.load(clone.project).stages)


def test_a_changed_parameter_file_resolves_the_graph_again(clone: ToyClone) -> None:
    before = graph.load(clone.project).by_name["train@tiny-gsf-s0"].params
    clone.edit("params/recipes/tiny.yaml", "lr: 0.01", "lr: 0.02")
    after = graph.load(clone.project).by_name["train@tiny-gsf-s0"].params
    clone.edit("params/recipes/tiny.yaml", "lr: 0.02", "lr: 0.01")
    assert before["params/recipes/tiny.yaml"]["optimizer"]["lr"] == 0.01
    assert after["params/recipes/tiny.yaml"]["optimizer"]["lr"] == 0.02


def test_a_damaged_store_of_the_graph_is_replaced(clone: ToyClone) -> None:
    expected = graph.load(clone.project)
    clone.project.work("graph.json").write_text("{")
    assert graph.load(clone.project) == expected


def test_a_parameter_that_dvc_yaml_lists_must_be_in_its_file(clone: ToyClone) -> None:
    clone.edit("params/benchmarks/own.yaml", "on_unreadable: stop\n", "")
    try:
        with pytest.raises(ParamsError, match=r"params/benchmarks/own.yaml: on_unreadable is missing, must be given"):
            graph.load(clone.project)
    finally:
        clone.edit("params/benchmarks/own.yaml", "shards: 2\n", "shards: 2\non_unreadable: stop\n")


def test_a_graph_that_dvc_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "params").mkdir()
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages:\n  a:\n    cmd: x\n    command: y\n")
    with pytest.raises(PipelineError, match=r"dvc.yaml: DVC cannot resolve its stages"):
        graph.load(Project(tmp_path))


def test_a_file_that_no_stage_writes_is_named(clone: ToyClone) -> None:
    text = clone.snakemake("-n", "data/other/manifest.csv", fails=True)
    assert "data/other/inventory" in text or "no stage of the active study writes it" in text


def test_snakemake_lints_the_workflow(clone: ToyClone) -> None:
    assert "your workflow is in a good condition" in clone.snakemake("--lint")


def test_the_rules_are_formatted() -> None:
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow/rules"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
