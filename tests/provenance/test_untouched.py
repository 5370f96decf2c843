from __future__ import annotations

from gsf.project import Project
from gsf.provenance.findings import Verdict
from gsf.provenance.verify import verify


def test_untouched_project_holds_shallow_and_deep(finished: Project) -> None:
    for deep in (False, True):
        verdict = verify(finished, "demo", deep=deep)
        assert isinstance(verdict, Verdict)
        assert verdict.findings == ()
        assert verdict.ok
        assert verdict.checked["cells"] == 8
    assert verdict.checked["videos"] == 36
