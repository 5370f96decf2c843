from __future__ import annotations

from typing import Any

import pytest

from tests.required import lacking


@pytest.mark.parametrize(
    ("must", "outcome"), [("", pytest.skip), ("slurm", pytest.skip), ("slurm postgresql", pytest.fail)]
)
def test_what_is_lacking_skips_unless_it_must_be_there(
    must: str, outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GSF_MUST", must)
    with pytest.raises(outcome.Exception, match="no server"):
        lacking("postgresql", "no server")
