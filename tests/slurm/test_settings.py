"""Settings of Slurm that a killed run of these tests left are replaced; those of a real cluster never are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.slurm import node


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the settings, on a machine that has all that a Slurm of the tests needs."""
    monkeypatch.setattr(node, "SETTINGS", tmp_path)
    monkeypatch.setattr(node, "PROGRAMS", ("sh",))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path / "slurm.conf"


def test_a_machine_without_settings_may_have_them(settings: Path) -> None:
    assert node.why_not() is None


@pytest.mark.parametrize("name", ["slurm.conf", "gres.conf"])
def test_settings_of_a_real_cluster_are_left_alone(settings: Path, name: str) -> None:
    settings.with_name(name).write_text("ClusterName=real\n")
    assert f"{name} is there: this machine has a Slurm already" in str(node.why_not())


@pytest.mark.parametrize("answers", [False, True])
def test_own_settings_are_replaced_unless_their_slurm_still_runs(
    settings: Path, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "says", lambda *_: "Slurmctld(primary) at here is UP" if answers else "")
    settings.write_text(f"{node.MARK}ClusterName=test\n")
    reason = node.why_not()
    assert ("still runs" in str(reason)) if answers else (reason is None)
