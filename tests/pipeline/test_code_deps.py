from __future__ import annotations

from pathlib import Path

import pytest

from gsf.errors import PipelineError
from gsf.params.base import read_yaml
from gsf.pipeline import code_deps
from gsf.project import Project
from gsf.provenance.code import module_files
from tests.pipeline.tiny import ROOT

LISTED = code_deps.listed((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
TEXT = "deps:\n  - a.csv\n  # code: gsf.params.study\n  # end of code\nouts:\n  - b.csv  # kept\n"


def test_every_stage_group_lists_the_code_of_one_module() -> None:
    assert len(LISTED) == len(read_yaml(ROOT / "dvc.yaml")["stages"])


@pytest.mark.parametrize("entry", sorted(LISTED))
def test_the_committed_code_of_a_stage_is_exactly_what_it_imports(entry: str) -> None:
    files = code_deps.expand(Project(ROOT), tuple(LISTED[entry]))
    assert [path.relative_to(ROOT).as_posix() for path in files] == module_files(entry)


def test_the_committed_file_needs_no_renewal() -> None:
    assert code_deps.check(Project(ROOT)) == []


def test_renewal_writes_between_the_comments_and_nowhere_else() -> None:
    lines = code_deps.renew(TEXT).splitlines()
    assert [line for line in lines if not line.startswith("  - gsf")] == TEXT.splitlines()
    assert "  - gsf/params/study.py" in lines
    assert code_deps.renew("\n".join(lines) + "\n").splitlines() == lines


def test_a_package_of_which_every_module_is_imported_is_one_folder() -> None:
    inside = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gsf" / "params").rglob("*.py")}
    assert code_deps._collapse({*inside, "gsf/errors.py"}) == ["gsf/errors.py", "gsf/params"]
    some = {"gsf/params/base.py", "gsf/params/__init__.py"}
    assert code_deps._collapse(some) == sorted(some)


def test_code_that_is_not_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(TEXT.replace("  # end of code", "  - gsf/cli.py\n  # end of code"))
    project = Project(tmp_path)
    problems = code_deps.check(project)
    assert "gsf.params.study: lacks gsf/params/study.py; run `gsf deps --write`" in problems
    assert "gsf.params.study: must not list gsf/cli.py; run `gsf deps --write`" in problems
    assert "renewed" in code_deps.write(project)
    assert code_deps.check(project) == []
    assert "already" in code_deps.write(project)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  # end of code\n", "", "has no end"),
        ("gsf.params.study", "gsf.params.nothing", "there is no gsf/params/nothing.py"),
        ("  # code: gsf.params.study\n", "", r"line 3: `# end of code` has no partner"),
    ],
)
def test_broken_comments_are_named(old: str, new: str, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        code_deps.renew(TEXT.replace(old, new))
