from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsf.cli import main
from gsf.errors import ProvenanceError
from gsf.params.base import load
from gsf.params.protocol import Protocol
from gsf.project import Project
from gsf.site import published
from gsf.site.confusion import confusion_of, scores_of
from gsf.site.cost_chart import cost_chart
from gsf.site.curves import curve_chart, read_curves
from gsf.site.gains import gain_chart, gains_of
from gsf.site.intervals import Point, interval_chart
from gsf.site.measure_speed import measure_speed
from gsf.site.networks import network_of
from gsf.site.pages import render
from gsf.site.plots import spread
from gsf.site.published import published_for
from gsf.site.speed import SPEED, read_speeds
from gsf.site.study import BenchmarkInfo, StudyData, main_metrics, metric_name, read_study
from gsf.site.study_page import study_context
from gsf.site.svg import Axis
from gsf.site.table import table_of
from gsf.site.times import time_chart, time_tables
from gsf.site.trace_page import trace_context
from tests.proof.finished import REPOSITORY
from tests.site.made import PROTOCOLS, RUNS
from tests.site.reading import read


@pytest.fixture(scope="module")
def study(shown: Project) -> StudyData:
    return read_study(shown, "demo")


def _benchmark(*, format: str | None, target: str | None = None, version: str = "") -> BenchmarkInfo:
    return BenchmarkInfo("x", False, format, target, version, {}, None)


def test_the_table_has_a_row_for_each_evaluation_and_links_each_number(study: StudyData) -> None:
    table = table_of([study])
    assert [(row.name, row.protocol) for row in table.rows] == [(run, p) for run in RUNS for p in PROTOCOLS]
    assert table.metrics[:2] == ("pair_accuracy", "top1")
    assert not table.published  # arrow is nobody else's
    assert table.lower_is_better("verb.ece")
    assert metric_name("verb.top1") == "verb top-1"
    assert main_metrics(study.evaluations) == ["pair_accuracy", "top1"]


def test_costs_are_of_the_network_that_the_receipt_names(study: StudyData) -> None:
    tsn, six, gsf, _ = study.evaluations
    assert tsn.network is not None
    assert gsf.network is not None
    assert (tsn.network.temporal, gsf.network.temporal) == ("none", "gsf")
    assert tsn.macs is not None
    assert gsf.macs is not None
    assert gsf.macs > tsn.macs
    assert six.views == 6
    assert six.macs == 6 * tsn.macs
    chart = cost_chart(study.evaluations, "top1", cost="multiply-adds", title="cost")
    assert chart is not None
    assert chart.count('class="track') == 2
    assert cost_chart([replace(tsn, network=None)], "top1", cost="multiply-adds", title="cost") is None


def test_speeds_are_those_that_were_measured_of_the_very_training(study: StudyData) -> None:
    tsn, six, gsf, _ = study.evaluations
    assert study.speeds is not None
    assert study.speeds.threads == 1
    for one in (tsn, gsf):
        assert one.network is not None
        assert one.network.clips_per_second == study.speeds.clips_per_second[one.makers[0].digest]
    assert tsn.seconds is not None
    assert six.seconds == pytest.approx(6 * tsn.seconds)
    chart = cost_chart(study.evaluations, "top1", cost="time", title="cost")
    assert chart is not None
    assert "computing a video (ms)" in chart
    elsewhere = network_of("tsn-s0", tsn.makers[0], num_classes=2, speeds=replace(study.speeds, clips_per_second={}))
    assert elsewhere is not None
    assert elsewhere.clips_per_second is None
    unmeasured = replace(tsn, network=elsewhere)
    assert cost_chart([unmeasured], "top1", cost="time", title="cost") is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 2}', '{"format": 1, "device": "x", "threads": 1, "clips": 8, "networks": [{}]}'],
)
def test_a_measurement_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    project = Project(tmp_path)
    path = project.results("demo") / SPEED
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert read_speeds(project, "demo") is None


@pytest.mark.parametrize("threads", ["0", "-1", "x"])
def test_threads_of_a_measurement_are_one_or_more(threads: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed", "demo", "--threads", threads])
    assert "must be an integer of 1 or more" in capsys.readouterr().err


def test_speeds_are_of_a_study_with_networks(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match="names a network"):
        measure_speed(Project(tmp_path), "demo")


def test_published_figures_belong_to_their_benchmark_and_labels_alone() -> None:
    assert published_for(_benchmark(format=None)) == []
    assert {item.metrics["top1"] for item in published_for(_benchmark(format="ssv2"))} == {
        0.5911,
        0.6106,
        0.2859,
        0.653,
    }
    second = published_for(_benchmark(format="diving48", version="Diving48 V2; figures must not be compared"))
    assert {item.labels for item in second} == {"V2"}
    assert published_for(_benchmark(format="diving48")) == []  # labels of an unknown version
    (action,) = published_for(_benchmark(format="epic100", target="action"))
    assert action.metrics["verb.top1"] == 0.688
    for format in ("ssv1", "ssv2", "kinetics400", "diving48", "epic100"):
        for item in published_for(_benchmark(format=format, version="V1 V2")):
            assert item.source
            assert all(0 < value < 1 for value in item.metrics.values())


def test_published_rows_stand_beside_ours_and_are_marked(study: StudyData) -> None:
    info = replace(study.benchmarks["arrow"], format="ssv2")
    other = replace(study, name="second", benchmarks={"arrow": info})
    rows = table_of([other]).rows
    assert [row.others is not None for row in rows] == [False] * 4 + [True] * 4
    assert all(row.cell("top1") is None for row in rows[4:])  # nothing to trace


def test_curves_come_from_the_evidence(shown: Project, study: StudyData) -> None:
    (maker,) = study.evaluations[0].makers
    curves = read_curves(shown, "demo", maker, series=0)
    assert curves is not None
    assert curves.values["train_loss"] == {1: 2.4, 2: 1.6, 3: 1.1}
    assert set(curves.values["val_top1"]) == {1, 3}
    assert curves.kept == 3
    chart = curve_chart([curves], "val_top1")
    assert chart is not None
    assert "30.00 at the last epoch" in chart


def test_confusion_counts_every_video_once(shown: Project, study: StudyData) -> None:
    item = study.evaluations[2]
    assert item.receipt is not None
    scores = scores_of(shown, "demo", item.receipt)
    assert scores is not None
    found = confusion_of(scores, [["right", "left"], ["up", "down"]])
    assert found.classes[:4] == ("down", "up", "left", "right")
    assert sum(map(sum, found.counts)) == len(scores.ids)
    diagonal = sum(found.counts[place][place] for place in range(len(found.classes)))
    assert diagonal == round(item.cells["top1"].value * item.cells["top1"].n)
    assert diagonal + sum(mistake.count for mistake in found.mistakes) == len(scores.ids)


def test_gains_are_the_differences_of_recalls(study: StudyData) -> None:
    videos = Counter(dict.fromkeys(study.benchmarks["arrow"].classes, 1))
    first, *rest = gains_of(study.evaluations, {"arrow": videos})
    assert [item.protocol for item in (first, *rest)] == list(PROTOCOLS)
    assert (first.base, first.ours) == ("tsn-s0", "gsf-s0")
    assert [item.gain for item in first.classes] == sorted((item.gain for item in first.classes), reverse=True)
    base, ours = study.evaluations[0].metrics["per_class"], study.evaluations[2].metrics["per_class"]
    assert {item.name: item.gain for item in first.classes} == {name: ours[name] - base[name] for name in ours}
    assert all(item.interval is not None for item in first.classes)
    assert gain_chart(first).count("<polygon") + gain_chart(first).count("<circle") == 2 * 12 + 2


def test_gains_average_seeds_and_never_two_experiments(study: StudyData) -> None:
    tsn, gsf = study.evaluations[0], study.evaluations[2]
    others = [replace(gsf, experiment=name) for name in ("gsf-s1", "gsf-causal-s0")]
    found = list(gains_of([tsn, gsf, *others], {"arrow": Counter()}))
    assert [(item.base, item.ours) for item in found] == [("tsn-s0", "gsf-s0 and 1 more"), ("tsn-s0", "gsf-causal-s0")]


def test_orders_of_frames_become_one_row_a_run() -> None:
    common = {"benchmark": "arrow", "protocol": "8x1x1", "metric": "pair_accuracy", "first_value": 0.9, "real": True}
    records = [
        {**common, "first": [run, "8x1x1"], "second": [run, f"8x1x1-{time}"], "time": time, "second_value": value}
        | {"difference": value - 0.9, "low": value - 1.0, "high": value - 0.8}
        for run in ("tsn-s0", "gsf-s0")
        for time, value in (("reversed", 0.1), ("frozen", 0.5))
    ]
    (table,) = time_tables(records)
    assert [row.run for row in table.rows] == ["tsn-s0", "gsf-s0"]
    assert table.times == ["reversed", "frozen"]
    chart = time_chart(table)
    assert "gsf-s0: forward 90.0, reversed 10.0, frozen 50.0" in chart
    assert table.classes == ()  # of records from before there were classes


def _timed(run: str, time: str, per_class: dict[str, list[float]]) -> dict[str, object]:
    values = {"first_value": 0.5, "second_value": 0.5, "difference": 0.0, "low": 0.0, "high": 0.0, "real": False}
    place = {"benchmark": "arrow", "protocol": "8x1x1", "metric": "top1", "time": time, "per_class": per_class}
    return {**place, **values, "first": [run, "8x1x1"], "second": [run, f"8x1x1-{time}"]}


def test_orders_of_frames_are_shown_by_class_and_those_that_lose_most_come_first(shown: Project) -> None:
    records = [
        _timed("tsn-s0", "reversed", {"stay": [0.8, 0.8], "left": [0.4, 0.4]}),
        _timed("gsf-s0", "reversed", {"stay": [0.9, 0.9], "left": [1.0, 0.0]}),
        _timed("gsf-s0", "frozen", {"stay": [0.9, 0.7], "left": [1.0, 0.25]}),
    ]
    (table,) = time_tables(records)
    assert [(item.name, item.values) for item in table.classes] == [
        ("left", ((0.4, 0.4, None), (1.0, 0.0, 0.25))),
        ("stay", ((0.8, 0.8, None), (0.9, 0.9, 0.7))),
    ]
    study = replace(read_study(shown, "demo"), times=records)
    context = study_context(shown, study, videos={"arrow": Counter()}, gates=[])
    common = {"studies": [study], "commit": None, "listed": {"arrow": None}}
    page = read(render("study.html", study.page, {**common, **context}))
    (found,) = (item for item in page.all("details") if "By class" in next(item.all("summary")).text)
    rows = [[cell.text for cell in row.all("td")] for row in found.all("tr")]
    assert rows[2:] == [
        ["40.0", "40.0", "none", "100.0", "0.0", "25.0"],
        ["80.0", "80.0", "none", "90.0", "90.0", "70.0"],
    ]


def test_the_page_of_a_number_has_the_commands_in_the_order_in_which_they_run(shown: Project, study: StudyData) -> None:
    context = trace_context(shown, study, study.evaluations[2], videos={"arrow": Counter()}, listed=True)
    verbs = [command.split()[1] for command in context["commands"]]
    order = ["render", "inventory", "extract", "manifest", "train", "evaluate"]
    assert [verb for verb in order if verb in verbs] == order
    assert [verbs.index(verb) for verb in order] == sorted(verbs.index(verb) for verb in order)
    assert verbs[-1] == "evaluate"
    assert context["groups"][0].read[0].path == "runs/demo/train/gsf-s0/checkpoint.safetensors"


def test_a_changed_copy_in_evidence_is_not_shown(shown: Project, study: StudyData) -> None:
    item = study.evaluations[0]
    assert item.receipt is not None
    outputs = dict.fromkeys(item.receipt.outputs, "0" * 64)
    other = replace(item.receipt, content={**item.receipt.content, "outputs": outputs})
    assert scores_of(shown, "demo", other) is None


def test_an_interval_is_drawn_where_it_is_on_the_axis() -> None:
    points = [Point("a", 0, 0.5, 0.4, 0.6), Point("b", 1, 0.9, hollow=True)]
    chart = interval_chart(points, beside=points, title="t", axis_title="x (%)", chance=0.5)
    assert chart.count('class="whisker') == 3
    assert chart.count("hollow") == 1
    assert "a 50.0 [40.0, 60.0]; b 90.0." in chart
    assert "chance" in chart


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_an_axis_holds_its_values_and_its_ticks(values: list[float]) -> None:
    axis = Axis.around(values, 0, 300, least=0, most=1)
    assert axis.low <= min(values)
    assert max(values) <= axis.high
    ticks = axis.ticks()
    assert ticks == sorted(set(ticks))
    assert all(-1e-6 <= axis(tick) <= 300 + 1e-6 for tick in ticks)
    assert len(ticks) <= 12


@given(st.floats(1e-3, 1e3), st.floats(1.01, 1e4))
def test_a_logarithmic_axis_has_ticks_within_it(low: float, ratio: float) -> None:
    axis = Axis(low, low * ratio, 0, 300, log=True)
    assert axis.ticks()
    assert all(-1e-3 <= axis(tick) <= 300 + 1e-3 for tick in axis.ticks())


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_labels_keep_their_distance_and_order(wanted: list[float]) -> None:
    places = spread(wanted, gap=15, low=0, high=100)
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    for one, other in pairwise(order):
        assert places[other] - places[one] >= 15 - 1e-6
    assert max(places) <= 100 + 1e-6


def test_published_figures_are_whole() -> None:
    rows = json.loads((Path(published.__file__).parent / "published.json").read_bytes())
    assert len(rows) == len(published._all()) == len({json.dumps(row, sort_keys=True) for row in rows})


def test_published_figures_of_one_network_stand_under_a_protocol_that_is_shipped() -> None:
    rows = [row for row in published._all() if row.frames is not None]
    assert len(rows) > 20
    for row in rows:
        name = row.protocol.removesuffix(" (assumed)")
        protocol = load(Protocol, REPOSITORY / "params" / "protocols" / f"{name}.yaml")
        assert (protocol.frames, protocol.time) == (row.frames, "forward"), row
