"""What docs/cluster.md and the profile for Slurm say, held against the project and the plugin; no cluster is needed."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from snakemake.cli import parse_args, parse_set_resources
from snakemake.profiles import ProfileConfigFileParser
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string
from snakemake_executor_plugin_slurm.validation import validate_slurm_extra

from gsf.data.init.own_files import study_yaml
from gsf.params.base import load
from gsf.params.model import Model
from tests.docs.pages import ROOT, blocks

PAGE = "docs/cluster.md"
PROFILE = "workflow/profiles/slurm/config.yaml"
FROM_THE_GRAPH = {"gpu": 1, "nodes": 1, "mem_mb": 6000, "runtime": 1440}  # what a training asks for unless overridden


class Needed(dict[str, Any]):
    """The resources of a job as the plugin reads them: as entries and as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def in_profile(text: str, folder: Path, *, attempt: int = 1) -> dict[str, dict[str, Any]]:
    """The resources of each rule under `set-resources` of a profile, as Snakemake reads and evaluates them."""
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with path.open(encoding="utf-8") as stream:
        entries = ProfileConfigFileParser().parse(stream)["set-resources"]
    of_job = {"input": [], "attempt": attempt, "threads": 4, "rulename": "train", "async_run": None}
    return {
        rule: {name: resource.evaluate(SimpleNamespace(), **of_job).value for name, resource in resources.items()}
        for rule, resources in parse_set_resources(entries).items()
    }


def sbatch(resources: dict[str, Any]) -> list[str]:
    """The options of sbatch for a training."""
    job = SimpleNamespace(resources=Needed(FROM_THE_GRAPH | resources), threads=4)
    validate_slurm_extra(job)
    names = ("run_uuid", "slurm_logfile", "comment_str", "account", "partition", "workdir")
    return (get_submit_command(job, dict.fromkeys(names, "")) + set_gres_string(job)).split()


def commented(number: int) -> str:
    """The profile's examples of `set-resources`, which are comments, as YAML."""
    text = (ROOT / PROFILE).read_text(encoding="utf-8")
    return re.sub(r"^# ", "", re.findall(r"^# set-resources:\n(?:#  .*\n)+", text, re.MULTILINE)[number], flags=re.M)


def on_page(word: str) -> str:
    """The page's first block of a profile that has a word."""
    return next(block.text for block in blocks(PAGE) if block.language == "yaml" and word in block.text)


def test_each_entry_of_the_profiles_is_in_force_since_no_key_is_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = [ROOT / "workflow/profiles" / name / "config.yaml" for name in ("default", "slurm")]
    default, slurm = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in profiles)
    assert not default.keys() & slurm.keys()
    monkeypatch.chdir(ROOT)
    _, asked = parse_args(["--profile", "workflow/profiles/slurm"])
    assert (asked.latency_wait, asked.retries, asked.jobs) == (slurm["latency-wait"], slurm["retries"], slurm["jobs"])
    assert (asked.keep_going, asked.scheduler) == (default["keep-going"], default["scheduler"])
    assert not asked.keep_incomplete  # the profile says why


def test_every_rule_asks_for_its_memory_once_more_with_every_attempt() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    rules = re.findall(r"^(?:rule|checkpoint) (\w+):$", text, re.MULTILINE)
    assert len(rules) == 10
    assert re.findall(r"^ +mem_mb=(.*),$", text, re.MULTILINE) == [f'stages.memory("{rule}")' for rule in rules]


def test_the_weights_that_the_page_fetches_are_those_of_the_study_that_init_writes() -> None:
    experiments = yaml.safe_load(study_yaml("mine"))["experiments"].values()
    models = [load(Model, ROOT / "params/models" / f"{experiment['model']}.yaml") for experiment in experiments]
    needed = {model.backbone for model in models if model.pretrained == "torchvision"}
    commands = "\n".join(block.text for block in blocks(PAGE) if block.language == "sh")
    assert set(re.findall(r"\bm\('(\w+)', 'none', 2, 8, pretrained='torchvision'\)", commands)) == needed != set()


@pytest.mark.parametrize("text", [on_page("mpi:"), commented(1)])
def test_several_nodes_are_asked_for_their_gpus_each(text: str, tmp_path: Path) -> None:
    options = sbatch(in_profile(text, tmp_path)["train"])
    assert {"--nodes=2", "--ntasks=2", "--cpus-per-task=16", "--gres=gpu:4", "--signal=TERM@120"} <= set(options)
    assert not [option for option in options if option.startswith(("--gpus", "--ntasks-per"))]


@pytest.mark.parametrize("text", [on_page("slurm_account: p1234"), commented(0)])
def test_what_a_job_of_one_node_may_be_given_becomes_options(text: str, tmp_path: Path) -> None:
    asked = in_profile(text, tmp_path)
    options = sbatch(asked["train"])
    assert {"--gpus=h100:1", "--cpus-per-task=12"} <= set(options)
    assert options[options.index("-t") + 1] == "2880"
    assert {rule: resources["slurm_partition"] for rule, resources in asked.items()} == {
        "train": "gpu",
        "evaluate": "gpu",
    }


def test_a_gpu_by_gres_and_a_quality_of_service_become_options() -> None:
    by_gres = sbatch({"gpu": 0, "gres": "gpu:h100:1", "qos": "long"})
    assert {"--gres=gpu:h100:1", "--qos=long"} <= set(by_gres)
    assert not [option for option in by_gres if option.startswith("--gpus")]


def test_memory_of_ones_own_grows_with_the_attempts(tmp_path: Path) -> None:
    asked = [in_profile(commented(0), tmp_path, attempt=attempt)["train"]["mem_mb"] for attempt in (1, 2, 3)]
    assert asked == [16000, 32000, 48000]


def test_the_signal_before_the_end_is_an_option_that_the_plugin_takes(tmp_path: Path) -> None:
    extra = "slurm_extra: --signal=TERM@120"
    assert extra in (ROOT / PAGE).read_text(encoding="utf-8").replace("\n", " ")
    assert "--signal=TERM@120" in sbatch(in_profile(f"set-resources:\n  train:\n    {extra}\n", tmp_path)["train"])
