from __future__ import annotations

from pathlib import Path

import pytest

from gsf.provenance import code

FILES = {
    "gsf/__init__.py": "",
    "gsf/a/__init__.py": "",
    "gsf/a/entry.py": "from gsf.a import other\nimport json\n\ndef run():\n    from ..b.late import thing\n",
    "gsf/a/other.py": "from . import sibling\n",
    "gsf/a/sibling.py": "from gsf.a import entry\n",
    "gsf/a/unused.py": "",
    "gsf/b/__init__.py": "import gsf.b.by_init\n",
    "gsf/b/by_init.py": "",
    "gsf/b/late.py": "thing = 1\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(code, "PACKAGE", tmp_path / "gsf")
    return tmp_path


def test_closure_holds_late_relative_and_package_imports_and_nothing_unused(package: Path) -> None:
    assert code.module_files("gsf.a.entry") == sorted(set(FILES) - {"gsf/a/unused.py"})


def test_digest_changes_with_the_module_and_with_no_other(package: Path) -> None:
    before = code.code_digests("gsf.a.entry")
    (package / "gsf/a/unused.py").write_text("x = 1\n", encoding="utf-8")
    assert code.code_digests("gsf.a.entry") == before
    (package / "gsf/b/late.py").write_text("thing = 2\n", encoding="utf-8")
    after = code.code_digests("gsf.a.entry")
    assert {name for name in before if before[name] != after[name]} == {"gsf/b/late.py"}


@pytest.mark.parametrize(
    "entry",
    [
        *("gsf.video.render", "gsf.data.inventory", "gsf.store.extract", "gsf.data.manifest"),
        *("gsf.train.stage", "gsf.evaluate.stage", "gsf.report.stage"),
    ],
)
def test_no_stage_runs_the_code_that_judges_it(entry: str) -> None:
    files = code.module_files(entry)
    assert entry.replace(".", "/") + ".py" in files
    assert not [name for name in files if name.startswith("gsf/proof/")]
