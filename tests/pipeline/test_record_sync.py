"""`gsf record` and `gsf sync` between the real runners, on the real graph with toy stages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dvc.dvcfile import Lockfile
from dvc.stage import PipelineStage

from gsf.errors import PipelineError
from gsf.pipeline.record import record
from gsf.pipeline.sync import sync
from gsf.provenance.hashing import canonical_json
from tests.pipeline.tiny import ToyClone
from tests.slurm.head import SNAKEMAKE

pytestmark = pytest.mark.pipeline

NOTHING = "Nothing to be done"
CLEAN = "Data and pipelines are up to date"
OF_GSF = ["evaluate@tiny-gsf-s0-2x1x1", "evaluate@tiny-gsf-s0-2x2x1", "report", "train@tiny-gsf-s0"]


def agree(clone: ToyClone) -> None:
    """Both runners say that there is nothing to do."""
    assert CLEAN in clone.dvc("status")
    assert NOTHING in clone.snakemake("-n")
    assert CLEAN in clone.dvc("repro")
    assert clone.ran() == []


def planned(clone: ToyClone) -> set[str]:
    """The rules that Snakemake would run."""
    text = clone.snakemake("-n")
    return {line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith("rule ")} - {"all"}


@pytest.fixture(scope="module")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> ToyClone:
    clone = ToyClone(tmp_path_factory.mktemp("dvc") / "clone").start()
    clone.dvc("repro")
    clone.ran()
    return clone


@pytest.fixture(scope="module")
def by_snakemake(tmp_path_factory: pytest.TempPathFactory) -> ToyClone:
    clone = ToyClone(tmp_path_factory.mktemp("snakemake") / "clone").start()
    clone.snakemake()
    clone.ran()
    return clone


@pytest.fixture
def clone(by_snakemake: ToyClone, tmp_path: Path) -> ToyClone:
    """A copy of the clone that Snakemake ran in, not recorded."""
    return copied(by_snakemake, tmp_path / "clone")


def copied(clone: ToyClone, root: Path) -> ToyClone:
    shutil.copytree(clone.root, root, symlinks=True)  # copies keep their times
    copy = ToyClone.__new__(ToyClone)
    copy.root = root
    copy.project = type(clone.project)(root)
    return copy


def test_both_runners_write_the_same_receipts(by_dvc: ToyClone, by_snakemake: ToyClone) -> None:
    assert by_dvc.receipts() == by_snakemake.receipts()
    assert len(by_dvc.receipts()) == 14


def test_after_record_both_runners_have_nothing_to_do(clone: ToyClone) -> None:
    done = record(clone.project)
    assert len(done.complete) == 12
    assert done.incomplete == ()
    agree(clone)


def test_after_sync_both_runners_have_nothing_to_do(by_dvc: ToyClone) -> None:
    done = sync(by_dvc.project)
    assert (len(done.current), done.stale) == (12, ())
    agree(by_dvc)
    by_dvc.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    try:
        assert planned(by_dvc) == {"train", "evaluate", "report"}
    finally:
        by_dvc.edit("params/models/gsf-tiny.yaml", "dropout: 0.5", "dropout: 0.0")


@pytest.mark.parametrize("runner", ["dvc", "snakemake"])
def test_a_changed_training_parameter_runs_that_experiment_only(clone: ToyClone, runner: str) -> None:
    record(clone.project)
    clone.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    if runner == "dvc":
        clone.dvc("repro")
        ran = clone.ran()
        sync(clone.project)
    else:
        clone.snakemake()
        ran = clone.ran()
        record(clone.project)
    assert ran == OF_GSF
    agree(clone)


def test_changed_code_runs_the_stages_that_import_it(clone: ToyClone) -> None:
    record(clone.project)
    clone.edit("gsf/gsf_evaluate_stage.py", "VERSION = 1", "VERSION = 2")
    with pytest.raises(PipelineError, match=r"evaluate@tiny-gsf-s0-2x1x1: the code file gsf/gsf_evaluate_stage.py has"):
        record(clone.project)
    clone.snakemake()
    assert {name.partition("@")[0] for name in clone.ran()} == {"evaluate", "report"}
    record(clone.project)
    agree(clone)


def test_an_inventory_that_leaves_the_plans_as_they_are_extracts_nothing(by_dvc: ToyClone, tmp_path: Path) -> None:
    copy = copied(by_dvc, tmp_path / "clone")
    copy.edit("params/benchmarks/mini.yaml", "on_missing: stop", "on_missing: exclude")
    copy.dvc("repro", "manifest@mini")
    assert copy.ran() == ["inventory@mini", "manifest@mini"]


def test_new_times_alone_run_nothing(clone: ToyClone) -> None:
    for name in ("dvc.yaml", "params/plan.yaml", "params/recipes/tiny.yaml", "gsf/gsf_train_stage.py"):
        (clone.root / name).touch()
    assert NOTHING in clone.snakemake("-n")


def test_a_fresh_clone_with_pulled_outputs_agrees_and_notices_a_change(clone: ToyClone, tmp_path: Path) -> None:
    record(clone.project)
    clone.run("git", "add", ".")
    clone.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "results")
    clone.dvc("remote", "add", "-d", "--local", "store", str(tmp_path / "store"))
    clone.dvc("push")
    clone.run("git", "clone", "-q", str(clone.root), str(tmp_path / "fresh"))
    fresh = ToyClone.__new__(ToyClone)
    fresh.root = tmp_path / "fresh"
    fresh.project = type(clone.project)(fresh.root)
    fresh.dvc("remote", "add", "-d", "--local", "store", str(tmp_path / "store"))
    fresh.dvc("pull")
    sync(fresh.project)
    agree(fresh)
    assert fresh.receipts() == clone.receipts()
    fresh.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    fresh.snakemake()
    assert fresh.ran() == OF_GSF


def test_what_dvc_finds_stale_snakemake_runs_after_sync(clone: ToyClone) -> None:
    """Without notes of its own Snakemake would take the old outputs for good."""
    record(clone.project)
    clone.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    shutil.rmtree(clone.root / ".snakemake")
    assert NOTHING in clone.snakemake("-n")
    done = sync(clone.project)
    assert "train@tiny-gsf-s0" in done.stale
    assert "train@tiny-tsn-s0" in done.current
    clone.snakemake()
    assert clone.ran() == OF_GSF


def test_sync_refuses_what_is_not_recorded(clone: ToyClone) -> None:
    with pytest.raises(PipelineError, match=r"train@tiny-gsf-s0.*complete, but DVC does not know.*run `gsf record`"):
        sync(clone.project)
    assert len(clone.receipts()) == 14


def test_a_failed_job_leaves_the_others_recorded(tmp_path: Path) -> None:
    clone = ToyClone(tmp_path / "clone").start()
    clone.snakemake(fails=True, TOY_FAIL="train@tiny-gsf-s0")
    done = record(clone.project)
    assert sorted(done.incomplete) == OF_GSF
    assert "train@tiny-tsn-s0" in done.complete
    status = json.loads(clone.dvc("status", "--json"))
    assert sorted(status) == OF_GSF
    clone.ran()
    clone.snakemake()
    assert clone.ran() == OF_GSF
    record(clone.project)
    agree(clone)


def test_what_a_cluster_refuses_to_run_leaves_no_earlier_result_that_passes_for_its_own(clone: ToyClone) -> None:
    """Snakemake notes the new parameters of a job that failed, also where it never started."""
    clone.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    clone.add_program("sbatch", ["sh", "-c", "echo sbatch: error: invalid partition >&2; exit 1"])
    clone.add_program("sacct", ["false"])  # which may be missing here, and another cluster's would answer
    said = clone.run(*SNAKEMAKE, fails=True)
    refused = "The error message was 'sbatch: error: invalid partition'"
    assert said.count(refused) == 3  # at first, and with each of the profile's retries
    assert clone.ran() == []
    clone.snakemake()
    assert clone.ran() == OF_GSF
    record(clone.project)


def test_record_writes_the_lock_that_dvc_commit_writes_and_once(
    clone: ToyClone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a stage is left out, which `dvc commit` can only be told one stage at a time."""
    other = copied(clone, tmp_path / "other")
    for each in (clone, other):
        (each.root / "results/tiny/results.json").unlink()
    written: list[list[str]] = []
    dump = Lockfile.dump_stages
    monkeypatch.setattr(
        Lockfile,
        "dump_stages",
        lambda self, stages: (written.append([stage.name for stage in stages]), dump(self, stages)),
    )
    done = record(clone.project)
    assert done.incomplete == ("report",)
    assert [sorted(names) for names in written] == [sorted(done.complete)]
    for name in done.complete:
        other.dvc("commit", "-f", name)
    locks = [yaml.safe_load((each.root / "dvc.lock").read_text()) for each in (clone, other)]
    assert locks[0] == locks[1]
    assert set(json.loads(clone.dvc("status", "--json"))) == {"report"}


def test_record_gives_dvc_what_changed_and_leaves_the_rest_alone(
    clone: ToyClone, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(clone.project)
    clone.edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5")
    clone.snakemake()
    assert clone.ran() == OF_GSF
    committed: list[str] = []
    commit = PipelineStage.commit
    monkeypatch.setattr(
        PipelineStage, "commit", lambda self, **options: (committed.append(self.name), commit(self, **options))
    )
    assert len(record(clone.project).complete) == 12
    assert sorted(committed) == OF_GSF
    agree(clone)


def test_what_else_dvc_has_in_the_project_is_left_alone(clone: ToyClone) -> None:
    """A file that `dvc add` tracks, which is a stage without a name for DVC, and a stage of another dvc.yaml."""
    (clone.root / "x.bin").write_bytes(b"x")
    clone.dvc("add", "x.bin")
    other = clone.root / "elsewhere/dvc.yaml"
    other.parent.mkdir()
    other.write_text("stages:\n  report:\n    cmd: touch ran\n    outs:\n      - ran\n")
    clone.project.work("graph.json").unlink()
    assert len(record(clone.project).complete) == 12
    done = sync(clone.project)
    assert (len(done.current), done.stale) == (12, ())
    assert NOTHING in clone.snakemake("-n")
    assert set(json.loads(clone.dvc("status", "--json"))) == {"elsewhere/dvc.yaml:report"}
    assert not (other.parent / "dvc.lock").exists()


def forge(**changes: object) -> Callable[[ToyClone], None]:
    def change(clone: ToyClone) -> None:
        path = clone.project.train_receipt("tiny", "gsf-s0")
        path.write_bytes(canonical_json({**json.loads(path.read_bytes()), **changes}))

    return change


def append(name: str) -> Callable[[ToyClone], None]:
    def change(clone: ToyClone) -> None:
        with (clone.root / name).open("ab") as file:
            file.write(b"\n")

    return change


def edit(name: str, old: str, new: str) -> Callable[[ToyClone], None]:
    return lambda clone: clone.edit(name, old, new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edit("params/models/gsf-tiny.yaml", "dropout: 0.0", "dropout: 0.5"), "dropout was 0.0, is now 0.5"),
        (edit("params/recipes/tiny.yaml", "epochs: 1", "epochs: 2"), "train@tiny-tsn-s0: .*epochs was 1, is now 2"),
        (append("runs/tiny/train/gsf-s0/checkpoint.safetensors"), "output runs/.*checkpoint.safetensors: its sha256"),
        (append("data/mini/manifest.csv"), "train@tiny-gsf-s0: input data/mini/manifest.csv: its sha256"),
        (append("gsf/gsf_train_stage.py"), "train@tiny-gsf-s0: the code file gsf/gsf_train_stage.py has changed"),
        (append("runs/tiny/train/gsf-s0/receipt.json"), "train@tiny-gsf-s0: .*canonical"),
        (forge(stage="train@tiny-tsn-s0"), "train@tiny-gsf-s0: its receipt is of stage train@tiny-tsn-s0"),
        (forge(command="gsf train mini --seed 1"), "train@tiny-gsf-s0: it ran `gsf train mini --seed 1`, must be `gsf"),
        (forge(code={}), "train@tiny-gsf-s0: its receipt lacks the code file gsf/gsf_train_stage.py"),
        (forge(outputs={}), "train@tiny-gsf-s0: output .*checkpoint.safetensors: is not in its receipt"),
        (forge(facts={"processes": 2}), "train@tiny-gsf-s0: 2 processes shared it, must be 1"),
        (forge(facts={"better": 1}), "evaluate@tiny-gsf-s0-2x1x1: .*receipt.json is another receipt than"),
    ],
)
def test_record_names_the_stage_and_what_disagrees(
    clone: ToyClone, change: Callable[[ToyClone], None], message: str
) -> None:
    change(clone)
    with pytest.raises(PipelineError, match=message):
        record(clone.project)
    assert not (clone.root / "dvc.lock").exists()
