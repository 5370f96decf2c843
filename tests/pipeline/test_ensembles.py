from __future__ import annotations

from pathlib import Path

import pytest

from gsf.errors import ParamsError
from gsf.params.ensemble import Weighted
from gsf.params.study import NO_SUBSETS
from gsf.pipeline import study
from gsf.project import Project
from tests.pipeline.tiny import IMPORTED, MODEL, PROTOCOL, write_params


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A study with networks of two and of four frames, two seeds, and an imported one."""
    write_params(tmp_path)
    found = Project(tmp_path)
    for kind, name, text in (
        ("models", "gsf-four", MODEL.format(name="gsf-four", temporal="gsf").replace("ments: 2", "ments: 4")),
        ("protocols", "4x1x1", PROTOCOL.format(frames=4, clips=1)),
        (
            "protocols",
            "2x1x1-p",
            PROTOCOL.format(frames=2, clips=1).replace("2x1x1", "2x1x1-p") + "average: probabilities\n",
        ),
        ("imports", "gsf-elsewhere", IMPORTED),
    ):
        path = found.params_file(kind, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "params/studies/tiny.yaml").write_text(
        """\
study: tiny
threads: 1
seeds: [0, 1]
protocols: [2x1x1, 2x2x1]
experiments:
  tsn: {benchmark: mini, model: tsn-tiny, recipe: tiny}
  gsf-4: {benchmark: mini, model: gsf-four, recipe: tiny, protocols: [4x1x1]}
  gsf-p: {benchmark: mini, model: gsf-tiny, recipe: tiny, protocols: [2x1x1-p]}
  gsf-elsewhere: {benchmark: mini, imported: gsf-elsewhere}
ensembles:
"""
    )
    return found


def resolve(project: Project, ensembles: str) -> dict[str, str]:
    """The members of each ensemble by the name of its stage."""
    path = project.params_file("studies", "tiny")
    path.write_text(path.read_text().split("ensembles:")[0] + f"ensembles:\n  {ensembles}\n")
    plan = study.activate(project, "tiny")
    assert study.check_current(project) == plan
    return {key: item.members for key, item in plan.ensembles.items()}


def test_an_experiment_may_be_evaluated_by_protocols_of_its_own(project: Project) -> None:
    resolve(project, "all: {members: {gsf-4: 1, gsf-p: 1}}")
    evaluations = study.read_plan(project).evaluations
    own = [item.protocol for item in evaluations.values() if item.run == "gsf-4-s1"]
    assert own == ["4x1x1"]
    assert [item.protocol for item in evaluations.values() if item.run == "tsn-s0"] == ["2x1x1", "2x2x1"]


def test_there_is_an_ensemble_a_seed_with_imports_in_each(project: Project) -> None:
    members = "{tsn: {protocol: 2x2x1, weight: 0.5}, gsf-4: 2, gsf-elsewhere: {protocol: 2x1x1}}"
    assert resolve(project, f"all: {{members: {members}}}") == {
        f"tiny-all-s{seed}": f"tsn-s{seed}/2x2x1:0.5,gsf-4-s{seed}/4x1x1:2,gsf-elsewhere/2x1x1:1" for seed in (0, 1)
    }
    item = study.read_plan(project).ensembles["tiny-all-s1"]
    assert item.weighted()[0] == Weighted("tsn-s1", "2x2x1", 0.5)
    assert (item.run, item.experiment, item.benchmark) == ("all-s1", "all", "mini")
    assert (item.average, item.subsets) == ("probabilities", NO_SUBSETS)


def test_of_all_seeds_there_is_one_and_seeds_share_a_weight(project: Project) -> None:
    found = resolve(project, "all: {seeds: all, members: {gsf-4: 1, gsf-elsewhere: {protocol: 2x1x1}}}")
    assert found == {"tiny-all": "gsf-4-s0/4x1x1:0.5,gsf-4-s1/4x1x1:0.5,gsf-elsewhere/2x1x1:1"}
    assert resolve(project, "all: {seeds: all, members: {gsf-4: 1}}") == {
        "tiny-all": "gsf-4-s0/4x1x1:0.5,gsf-4-s1/4x1x1:0.5"
    }


@pytest.mark.parametrize(
    ("ensembles", "message"),
    [
        ("all: {members: {gsf-4: 1}}", "ensembles.all.members names one network, must name two or more"),
        ("all: {members: {gsf-4: 1, nope: 1}}", "ensembles.all.members has 'nope', must be experiments of the study"),
        ("all: {members: {gsf-4: 1, tsn: 1}}", "members.tsn: protocol is not given, must be one of .*2x1x1, 2x2x1"),
        ("all: {members: {gsf-4: 1, tsn: {protocol: 4x1x1}}}", "members.tsn: protocol is '4x1x1', must be one of"),
        ("all: {members: {gsf-4: 0, gsf-p: 1}}", "members.gsf-4.weight is 0, must be greater than 0"),
        ("all: {members: {gsf-4: 1, gsf-p: 1}, average: max}", "average is 'max', must be 'probabilities' or"),
        ("all: {members: {gsf-4: 1, gsf-p: 1}, average: logits}", "average is 'logits', must be .*2x1x1-p averages"),
        ("gsf-4: {members: {gsf-4: 1, gsf-p: 1}}", "ensembles.gsf-4 must be neither an experiment's name nor"),
        ("all-s0: {members: {gsf-4: 1, gsf-p: 1}}", "ensembles.all-s0 must be neither an experiment's name nor"),
        ("'a b': {members: {gsf-4: 1, gsf-p: 1}}", "ensembles.a b is not a valid name"),
        ("all: {members: {gsf-4: 1, gsf-p: 1}, weight: 2}", "ensembles.all.weight is 2, must not be there"),
    ],
)
def test_a_broken_rule_is_named_with_file_key_and_rule(project: Project, ensembles: str, message: str) -> None:
    with pytest.raises(ParamsError, match=f"params/studies/tiny.yaml: .*{message}"):
        resolve(project, ensembles)


def test_members_on_two_benchmarks_are_an_error(project: Project) -> None:
    text = project.params_file("benchmarks", "mini").read_text().replace("mini", "other")
    project.params_file("benchmarks", "other").write_text(text)
    path = project.params_file("studies", "tiny")
    path.write_text(path.read_text().replace("gsf-p: {benchmark: mini", "gsf-p: {benchmark: other"))
    with pytest.raises(ParamsError, match="has 'gsf-4' on mini and 'gsf-p' on other, must be experiments on one"):
        resolve(project, "all: {members: {gsf-4: 1, gsf-p: 1}}")


def test_subsets_of_ones_own_benchmark_lie_beside_its_file(project: Project) -> None:
    own = project.params_file("benchmarks", "mini").with_suffix(".subsets.csv")
    own.write_text("subset,part,id\nnight,,left/test_000.mp4\n")
    resolve(project, "all: {members: {gsf-4: 1, gsf-p: 1}}")
    plan = study.read_plan(project)
    assert {item.subsets for item in plan.evaluations.values()} == {"params/benchmarks/mini.subsets.csv"}
    assert plan.ensembles["tiny-all-s0"].subsets == "params/benchmarks/mini.subsets.csv"
