"""What docs/cluster.md and the profile for Slurm say, held against the project and the plugin; no cluster is needed."""

from __future__ import annotations

import re

import yaml

from gsf.data.init_files import study_yaml
from gsf.params.base import load
from gsf.params.model import Model
from tests.docs.pages import ROOT, blocks

PAGE = "docs/cluster.md"


def test_the_weights_that_the_page_fetches_are_those_of_the_study_that_init_writes() -> None:
    experiments = yaml.safe_load(study_yaml("mine"))["experiments"].values()
    models = [load(Model, ROOT / "params/models" / f"{experiment['model']}.yaml") for experiment in experiments]
    needed = {model.backbone for model in models if model.pretrained == "torchvision"}
    commands = "\n".join(block.text for block in blocks(PAGE) if block.language == "sh")
    assert set(re.findall(r"\bm\('(\w+)', 'none', 2, 8, pretrained='torchvision'\)", commands)) == needed != set()
