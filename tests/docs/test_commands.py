"""Every block of the documentation is run or says why not, and no command names what does not exist."""

from __future__ import annotations

import ast
import importlib
import re

import pytest
import yaml

from tests.docs.commands import commands, problems, shown_options
from tests.docs.pages import LANGUAGES, NEEDS, PAGES, ROOT, Block, blocks, inline_code


def named(page: str, *languages: str) -> list[Block]:
    return [block for block in blocks(page) if block.language in languages]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_names_its_language_and_only_known_reasons_not_to_run_it(page: str) -> None:
    wrong = [f"{block.where}: {block.language!r}" for block in blocks(page) if block.language not in LANGUAGES]
    assert not wrong, f"must be fenced with one of {', '.join(LANGUAGES)}: {wrong}"
    wrong = [f"{b.where}: {mark}" for b in blocks(page) for mark in b.marks if mark != "long" and mark not in NEEDS]
    assert not wrong, f"must need one of {', '.join(NEEDS)}: {wrong}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_has_a_verb_and_options_that_exist(page: str) -> None:
    found = [(block, words) for block in named(page, "sh") for words in commands(block)]
    wrong = [f"{block.where}: {problem}" for block, words in found if (problem := problems(words))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_every_verb_and_option_in_the_running_text_exists(page: str) -> None:
    found = [(line, text.split()) for line, text in inline_code(page) if text.startswith("gsf ")]
    wrong = [f"{page}:{line}: {problem}" for line, words in found if (problem := shown_options(words[1:]))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_python_that_is_not_run_compiles_and_imports_what_there_is(page: str) -> None:
    for block in named(page, "python"):
        for node in ast.walk(ast.parse(block.text, block.where)):
            if isinstance(node, ast.ImportFrom) and re.match(r"gsf\b", node.module or ""):
                module = importlib.import_module(node.module or "")
                lacking = [item.name for item in node.names if not hasattr(module, item.name)]
                assert not lacking, f"{block.where}: {node.module} has no {lacking}"


@pytest.mark.parametrize("page", PAGES)
def test_yaml_of_the_documentation_can_be_read(page: str) -> None:
    for block in named(page, "yaml"):
        assert isinstance(yaml.safe_load(block.text), dict), block.where


def test_a_command_that_does_not_exist_is_found() -> None:
    wrong = {
        "gsf verify demo --deeper": "unrecognized arguments: --deeper",
        "gsf verfy demo": "invalid choice: 'verfy'",
        "gsf train mine ... --device-count 4": "gsf train has no option --device-count",
        "dvc repro --nope": "dvc repro --nope: parser error",
        "snakemake --core-count 2": "unrecognized arguments",
        "mlflow ui --store sqlite:///mlflow.db": "mlflow ui has no option --store",
        "make demos": "no target demos",
        "python bench/nope.py": "bench/nope.py does not exist",
        "python bench/extract.py --folder F": "has no option --folder",
        "pip install 'gsf-video[nope]'": "no extra nope",
        "export GSF_NOPE=1": "nothing reads GSF_NOPE",
        "frobnicate": "no test knows the program 'frobnicate'",
    }
    for text, said in wrong.items():
        (words,) = commands(Block("page", 1, "sh", text, ()))
        assert said in str(problems(words)), text


@pytest.mark.parametrize("page", PAGES)
def test_files_of_the_project_that_the_running_text_names_exist(page: str) -> None:
    path = re.compile(r"(gsf|tests|bench|params|workflow|docs)/[\w/.-]+")
    found = [(line, text.rstrip("/")) for line, text in inline_code(page) if path.fullmatch(text)]
    example = re.compile(r"NAME|TOPIC|PACKAGE|\b(mine|ssv2|egogestar)\b|\.\.\.")
    missing = [(line, text) for line, text in found if not (ROOT / text).exists() and not example.search(text)]
    assert not missing, f"{page}: {missing}"
