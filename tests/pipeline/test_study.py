from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gsf.errors import ParamsError, PipelineError
from gsf.params.base import load
from gsf.params.study import Plan
from gsf.pipeline import study
from gsf.project import Project
from tests.pipeline.tiny import BENCHMARK, PUBLISHED, ROOT, write_params


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_params(tmp_path)
    return Project(tmp_path)


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / "params" / f"{name}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_every_stage_of_a_study_gets_its_key(project: Project) -> None:
    plan = study.resolve(project, "tiny")
    assert plan.rendered == ["mini"]
    assert plan.scanned == []
    assert list(plan.shards) == ["mini-00", "mini-01"]
    assert list(plan.experiments) == ["tiny-tsn-s0", "tiny-gsf-s0"]
    assert plan.experiments["tiny-gsf-s0"].run == "gsf-s0"
    assert list(plan.evaluations) == [f"tiny-{run}-s0-{view}" for run in ("tsn", "gsf") for view in ("2x1x1", "2x2x1")]


def test_every_seed_is_a_training_of_its_own(project: Project) -> None:
    edit(project, "studies/tiny", "seeds: [0]", "seeds: [0, 7]")
    plan = study.resolve(project, "tiny")
    assert [(item.run, item.seed) for item in plan.experiments.values() if item.experiment == "gsf"] == [
        ("gsf-s0", 0),
        ("gsf-s7", 7),
    ]


def test_several_devices_are_an_option_of_every_training_and_one_is_none(project: Project) -> None:
    assert study.resolve(project, "tiny").train_options == {"threads": 1}
    edit(project, "studies/tiny", "threads: 1", "threads: 1\ndevices: 4")
    plan = study.activate(project, "tiny")
    assert (plan.devices, plan.train_options) == (4, {"threads": 1, "devices": 4})
    assert load(Plan, project.plan_file) == plan


def test_a_benchmark_without_render_is_scanned_and_waits_for_its_listing(project: Project) -> None:
    own = BENCHMARK.format(name="own", videos="/mnt/videos", render="")
    (project.root / "params/benchmarks/own.yaml").write_text(own)
    edit(project, "studies/tiny", "gsf: {benchmark: mini", "gsf: {benchmark: own")
    plan = study.resolve(project, "tiny")
    assert (plan.rendered, plan.scanned) == (["mini"], ["own"])
    assert plan.benchmarks["mini"].origin == "data/mini/render.receipt.json"
    assert plan.benchmarks["own"].origin == "data/own/listing.csv"


def test_a_published_benchmark_is_annotated_and_its_inventory_depends_on_all_that_this_writes(project: Project) -> None:
    pub = BENCHMARK.format(name="pub", videos="/mnt/videos", render=PUBLISHED)
    pub = pub.replace("pub/annotations", "pub/annotated/annotations")
    (project.root / "params/benchmarks/pub.yaml").write_text(pub)
    edit(project, "studies/tiny", "gsf: {benchmark: mini", "gsf: {benchmark: pub")
    plan = study.resolve(project, "tiny")
    assert (plan.scanned, plan.annotated) == (["pub"], ["pub"])
    assert plan.benchmarks["pub"].annotations == "data/pub/annotated"
    assert plan.benchmarks["mini"].annotations == "data/mini/annotations.csv"


def test_the_written_plan_reads_back_equal_and_explains_itself(project: Project) -> None:
    plan = study.activate(project, "tiny")
    text = project.plan_file.read_text()
    assert load(Plan, project.plan_file) == plan == study.check_current(project)
    assert "written by `gsf study tiny` from params/studies/tiny.yaml" in text
    assert yaml.safe_load(text)["shards"]["mini-00"]["shard"] == "00"


@pytest.mark.parametrize("text", ["8x1x1", "00", "1e3", "yes", "null", "0x10", "1_000", "12:30:45", "a b", "é", "on"])
def test_a_name_stays_text_in_the_plan_for_both_yaml_versions(text: str) -> None:
    from ruamel.yaml import YAML

    written = f"a: {study._scalar(text)}"
    assert yaml.safe_load(written) == {"a": text}
    assert YAML(typ="safe").load(written) == {"a": text}


def test_the_active_study_is_renewed_where_its_benchmark_has_other_shards(project: Project) -> None:
    assert study.renew(project, "mini") is None  # no study is active
    study.activate(project, "tiny")
    assert study.renew(project, "mini") is None  # nothing is new
    (project.root / "params/benchmarks/mini.additions.csv").write_text("path,batch\nleft/new.mp4,1\n")
    edit(project, "benchmarks/mini", "shards: 2\n", "shards: 2\nadditions: params/benchmarks/mini.additions.csv\n")
    assert study.renew(project, "other") is None
    assert study.renew(project, "mini") == "tiny"
    assert list(study.check_current(project).shards) == ["mini-00", "mini-01", "mini-a01"]


def test_a_plan_that_its_study_no_longer_gives_is_named(project: Project) -> None:
    study.activate(project, "tiny")
    edit(project, "studies/tiny", "seeds: [0]", "seeds: [1]")
    with pytest.raises(PipelineError, match=r"params/plan.yaml: .*run `gsf study tiny`"):
        study.check_current(project)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("studies/tiny", "study: tiny", "study: other", r"studies/tiny.yaml: study is 'other', must be .*'tiny'"),
        ("studies/tiny", "seeds: [0]", "seeds: [0, 0]", r"studies/tiny.yaml: .*must be without repetition: seeds"),
        ("studies/tiny", "seeds: [0]", "seeds: [-1]", r"studies/tiny.yaml: seeds.0 is -1, must be greater"),
        ("studies/tiny", "threads: 1", "threads: 1\nthread: 2", r"studies/tiny.yaml: thread is 2, must not be there"),
        ("studies/tiny", "gsf: {benchmark: mini", "gsf: {benchmark: nope", r"benchmarks/nope.yaml: no such file"),
        ("studies/tiny", "model: gsf-tiny", "model: nope", r"models/nope.yaml: no such file; models here: gsf-tiny"),
        ("studies/tiny", "recipe: tiny", "recipe: nope", r"params/recipes/nope.yaml: no such file"),
        ("studies/tiny", "[2x1x1, 2x2x1]", "[9x9x1]", r"params/protocols/9x9x1.yaml: no such file"),
        ("studies/tiny", "model: gsf-tiny", "model: ../x", r"'../x' is not a valid name, must be"),
        ("studies/tiny", "  gsf: {", "  'gsf net': {", r"experiments.gsf net is not a valid name, must be"),
        ("studies/tiny", "  gsf: {", "  shifted: {", r"'shifted', must contain 'gsf'.*temporal gsf"),
        ("studies/tiny", "  tsn: {", "  plain: {", r"the name 'plain', must contain 'tsn'.*temporal none"),
        ("models/gsf-tiny", "name: gsf-tiny", "name: gsf", r"gsf-tiny.yaml: name is 'gsf', must be .*'gsf-tiny'"),
        ("models/gsf-tiny", "num_segments: 2", "num_segments: 4", r"protocols/2x1x1.yaml: frames is 2, must be .* 4"),
        ("recipes/tiny", "lr: 0.01", "lr: -0.01", r"tiny.yaml: optimizer.lr is -0.01, must be greater than 0"),
    ],
)
def test_a_broken_rule_is_named_with_file_key_value_and_rule(
    project: Project, file: str, old: str, new: str, message: str
) -> None:
    edit(project, file, old, new)
    with pytest.raises(ParamsError, match=message):
        study.resolve(project, "tiny")


def test_two_stages_with_one_name_are_an_error(project: Project) -> None:
    # tiny-gsf-s0 under protocol s0-2x1x1, and tiny-gsf-s0-s0 under 2x1x1
    protocol = (project.root / "params/protocols/2x1x1.yaml").read_text()
    (project.root / "params/protocols/s0-2x1x1.yaml").write_text(protocol.replace("name: 2x1x1", "name: s0-2x1x1"))
    edit(project, "studies/tiny", "[2x1x1, 2x2x1]", "[2x1x1, s0-2x1x1]")
    tsn = "  tsn: {benchmark: mini, model: tsn-tiny"
    edit(project, "studies/tiny", tsn, tsn.replace("  tsn:", "  gsf-s0:").replace("tsn-tiny", "gsf-tiny"))
    with pytest.raises(ParamsError, match="two stages have the name 'tiny-gsf-s0-s0-2x1x1'"):
        study.resolve(project, "tiny")


def test_the_committed_plan_is_what_its_study_resolves_to() -> None:
    project = Project(ROOT)
    plan = study.check_current(project)
    assert project.plan_file.read_text() == study.plan_text(plan)
