from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gsf.errors import EvaluationError, ProvenanceError
from gsf.project import Project
from gsf.provenance.hashing import sha256_bytes, sha256_file
from gsf.provenance.receipt import parse_receipt, read_receipt
from gsf.report import stage
from gsf.report.stage import replace_block, run
from gsf.report.tables import cell_name
from tests.report.fabricated import PROTOCOLS, RUNS, VIDEOS, make_evaluated, make_evaluation


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with its report; read only."""
    project = make_evaluated(tmp_path_factory.mktemp("reported"))
    run(project, "tiny")
    return project


@pytest.fixture
def project(reported: Project, tmp_path: Path) -> Project:
    """A copy of it to change."""
    shutil.copytree(reported.root, tmp_path / "copy")
    return Project(tmp_path / "copy")


def _page(project: Project) -> str:
    return (project.results("tiny") / "README.md").read_text(encoding="utf-8")


def test_every_cell_has_the_value_of_its_metrics_and_the_receipt_that_lists_them(reported: Project) -> None:
    cells = json.loads((reported.results("tiny") / "results.json").read_bytes())
    assert len(cells) == len(RUNS) * len(PROTOCOLS) * 5
    assert len({cell_name(cell) for cell in cells}) == len(cells)
    for cell in cells:
        place = ("tiny", cell["experiment"], cell["protocol"])
        metrics = json.loads(reported.metrics(*place).read_bytes())
        assert cell["value"] == metrics[cell["metric"]]
        interval = [cell["low"], cell["high"]] if "low" in cell else None
        assert interval == metrics["intervals"].get(cell["metric"])
        assert (interval is None) == (cell["metric"] == "ece")
        # of the five classes, four are in pairs
        assert cell["n"] == (VIDEOS * 4 // 5 if cell["metric"] == "pair_accuracy" else VIDEOS)
        receipt = parse_receipt(
            (reported.results("tiny") / "receipts" / f"{cell['receipt']}.json").read_bytes(), where="copy"
        )
        assert receipt.outputs[reported.relative(reported.metrics(*place))] == sha256_file(reported.metrics(*place))


def test_experiments_of_equal_seed_are_compared_and_seeds_of_one_are_not(reported: Project) -> None:
    records = json.loads((reported.results("tiny") / "comparisons.json").read_bytes())
    assert [(item["first"], item["second"], item["metric"]) for item in records] == [
        (["tsn-s0", protocol], ["gsf-s0", protocol], metric)
        for protocol in PROTOCOLS
        for metric in ("pair_accuracy", "top1")
    ]
    assert all(item["real"] and item["compared"] == 1 and item["low"] > 0 for item in records)
    page = _page(reported)
    assert "| tsn-s0, gsf-s0 | within pairs |" in page


def test_one_seed_shows_its_interval_and_several_their_deviation(reported: Project) -> None:
    rows = {line.split(" | ")[0]: line for line in _page(reported).splitlines() if line.startswith("| ")}
    assert "[" in rows["| tsn"]
    assert "±" not in rows["| tsn"]
    assert "±" in rows["| gsf"]
    assert "Of several seeds: mean ± sample standard deviation" in _page(reported)


def test_the_receipts_are_closed_down_to_the_videos(reported: Project) -> None:
    folder = reported.results("tiny") / "receipts"
    copies = {path.stem: path.read_bytes() for path in folder.iterdir()}
    assert all(sha256_bytes(data) == digest for digest, data in copies.items())
    receipts = [parse_receipt(data, where=digest) for digest, data in copies.items()]
    assert {item.receipt for receipt in receipts for item in receipt.inputs if item.receipt} <= copies.keys()
    stages = {receipt.stage for receipt in receipts}
    assert {"render@arrow", "inventory@arrow", "extract@arrow-00", "manifest@arrow", "train@tiny-gsf-s1"} <= stages


def test_the_reports_receipt_lists_every_file_of_the_folder(reported: Project) -> None:
    folder = reported.results("tiny")
    receipt = read_receipt(folder / "report.receipt.json")
    files = {reported.relative(path) for path in folder.rglob("*") if path.is_file()}
    assert receipt.outputs.keys() == files - {reported.relative(folder / "report.receipt.json")}
    assert receipt.outputs == {name: sha256_file(reported.root / name) for name in receipt.outputs}
    assert all(item.receipt or item.path == "params/plan.yaml" for item in receipt.inputs)


def test_a_second_report_changes_no_byte_and_another_clone_agrees(project: Project, tmp_path: Path) -> None:
    files = [path for path in project.root.rglob("*") if path.is_file() and ".work" not in path.parts]
    before = {path: path.read_bytes() for path in files}
    digest = run(project, "tiny").digest
    assert {path: path.read_bytes() for path in before} == before
    other = make_evaluated(tmp_path / "other")
    assert run(other, "tiny").digest == digest


def test_a_users_matplotlib_settings_change_no_picture(project: Project) -> None:
    import matplotlib as mpl

    digest = read_receipt(project.results("tiny") / "report.receipt.json").digest
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "black", "lines.linewidth": 9}):
        assert run(project, "tiny").digest == digest


def test_the_page_shows_seeds_exclusions_and_a_cell_to_trace(reported: Project) -> None:
    page = _page(reported)
    metrics = [json.loads(reported.metrics("tiny", run, "8x1x1").read_bytes()) for run in ("gsf-s0", "gsf-s1")]
    mean = 50 * sum(item["top1"] for item in metrics)
    row = next(line for line in page.splitlines() if line.startswith("| gsf |"))
    assert f"{mean:.1f} ± " in row
    assert "| 77 | 2 |" in row  # 7 x 11 parameters without the running mean, 2 seeds
    assert "`up/9.mp4`: no frame could be decoded" in page
    assert "| arrow | 5 | 100 | 20 | 40 | 1 |" in page
    assert "gsf trace arrow/tsn-s0/8x1x1/pair_accuracy" in page


def test_the_index_and_the_projects_readme_hold_the_same_tables(reported: Project) -> None:
    readme = (reported.root / "README.md").read_text(encoding="utf-8")
    index = (reported.root / "results" / "README.md").read_text(encoding="utf-8")
    tables = readme.split("<!-- results:tiny -->")[1].split("<!-- /results:tiny -->")[0].strip()
    assert readme.startswith("# Before\n")
    assert readme.endswith("after\n")
    assert "old" not in readme
    assert tables.count("**arrow, ") == 2
    assert tables in index
    assert tables in _page(reported)
    assert "## [tiny](tiny/README.md)" in index


def test_stale_receipts_and_evidence_are_removed(project: Project) -> None:
    folder = project.results("tiny")
    for name in ("receipts/00.json", "evidence/gone-s0/8x1x1/metrics.json", "evidence/arrow/old.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    run(project, "tiny")
    assert not (folder / "receipts" / "00.json").exists()
    assert not (folder / "evidence" / "gone-s0").exists()
    assert not (folder / "evidence" / "arrow" / "old.csv").exists()
    assert (folder / "evidence" / "arrow" / "manifest.csv").is_file()
    curves = folder / "evidence" / "gsf-s0" / "curves.csv"
    assert curves.read_bytes() == project.curves("tiny", "gsf-s0").read_bytes()


def test_large_evidence_is_left_out_and_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = project.scores("tiny", "gsf-s0", "8x2x3").stat().st_size
    monkeypatch.setattr(stage, "EVIDENCE_LIMIT", limit)
    run(project, "tiny")
    evidence = project.results("tiny") / "evidence" / "gsf-s0"
    assert not (evidence / "8x2x3" / "scores.safetensors").exists()
    assert (evidence / "8x1x1" / "scores.safetensors").is_file()
    assert "`runs/tiny/evaluate/gsf-s0/8x2x3/scores.safetensors`" in _page(project)


def test_without_reversal_pairs_there_is_no_pair_accuracy(project: Project) -> None:
    for name in RUNS:
        for protocol in PROTOCOLS:
            make_evaluation(project, name, protocol, skill=1.0, pairs=[])
    run(project, "tiny")
    cells = json.loads((project.results("tiny") / "results.json").read_bytes())
    assert {cell["metric"] for cell in cells} == {"top1", "top5", "mean_class", "ece"}
    assert "within pairs" not in _page(project).split("## Which")[0].lower()


def test_metrics_edited_by_hand_are_refused(project: Project) -> None:
    path = project.metrics("tiny", "gsf-s0", "8x1x1")
    path.write_bytes(path.read_bytes().replace(b'"top1":', b'"top1":1'))
    with pytest.raises(ProvenanceError, match=r"metrics\.json: sha256 is"):
        run(project, "tiny")


def test_a_missing_evaluation_is_refused(project: Project) -> None:
    project.evaluate_receipt("tiny", "gsf-s1", "8x2x3").unlink()
    with pytest.raises(ProvenanceError, match="no such receipt"):
        run(project, "tiny")


def test_a_receipt_that_was_replaced_upstream_is_refused(project: Project) -> None:
    receipt = project.render_receipt("arrow")
    receipt.write_bytes(receipt.read_bytes().replace(b'"gsf render arrow"', b'"gsf render other"'))
    with pytest.raises(ProvenanceError, match=r"annotations\.csv: its receipt .* is not in data/ or runs/"):
        run(project, "tiny")


def test_another_study_than_the_active_one_is_refused(project: Project) -> None:
    with pytest.raises(EvaluationError, match="study is 'tiny', must be 'demo'"):
        run(project, "demo")


@pytest.mark.parametrize(
    "text",
    ["<!-- results:s -->", "<!-- /results:s -->", "<!-- /results:s --><!-- results:s -->", "<!-- results:s -->" * 2],
)
def test_markers_that_do_not_pair_are_an_error(text: str) -> None:
    with pytest.raises(EvaluationError, match="must each be there once"):
        replace_block(text, "s", "table")


def test_a_readme_without_markers_stays_as_it_is() -> None:
    assert replace_block("# Title\n<!-- results:other -->\n", "s", "table") == "# Title\n<!-- results:other -->\n"
