"""The journal survives kills and tells a resumed training once."""

from __future__ import annotations

import json
from pathlib import Path

from gsf.tracking.journal import JournalObserver, read_journal


def begin(observer: JournalObserver, key: str = "k") -> None:
    observer.start({"seed": 3, "recipe.optimizer.lr": 0.1}, {"gsf.training_key": key})


def told(path: Path) -> list[tuple[int, float]]:
    return [(epoch.epoch, epoch.metrics["train_loss"]) for epoch in read_journal(path)[-1].epochs]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.jsonl"
    observer = JournalObserver(path)
    begin(observer)
    observer.epoch(1, {"epoch": 1, "train_loss": 0.5, "val_top1": float("nan")})
    observer.end("finished")
    (journal,) = read_journal(path)
    assert (journal.training_key, journal.params) == ("k", {"seed": 3, "recipe.optimizer.lr": 0.1})
    assert [epoch.metrics for epoch in journal.epochs] == [{"train_loss": 0.5}]  # what was not measured is left out
    assert journal.status == "finished"
    assert journal.started <= journal.epochs[0].time <= (journal.ended or 0)
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()] == ["start", "epoch", "end"]


def test_torn_last_line_is_passed_over_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    observer = JournalObserver(path)
    begin(observer)
    observer.epoch(1, {"train_loss": 0.5})
    observer.epoch(2, {"train_loss": 0.25})
    path.write_bytes(path.read_bytes()[:-9])
    assert told(path) == [(1, 0.5)]
    observer.epoch(2, {"train_loss": 0.125})
    assert told(path) == [(1, 0.5), (2, 0.125)]


def test_every_cut_of_a_journal_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    observer = JournalObserver(path)
    begin(observer)
    for epoch in (1, 2):
        observer.epoch(epoch, {"train_loss": 1.0 / epoch})
    data = path.read_bytes()
    ends = [index for index, byte in enumerate(data) if byte == ord("\n")]
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends)  # a line is whole with its last brace, before its line end
        assert [len(journal.epochs) for journal in read_journal(path)] == ([whole - 1] if whole else [])


def test_repeated_epoch_counts_once_and_the_later_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    observer = JournalObserver(path)
    begin(observer)
    for epoch, loss in ((1, 0.9), (2, 0.8), (3, 0.7)):
        observer.epoch(epoch, {"train_loss": loss})
    begin(observer)
    for epoch, loss in ((2, 0.79), (3, 0.69)):
        observer.epoch(epoch, {"train_loss": loss})
    assert told(path) == [(1, 0.9), (2, 0.79), (3, 0.69)]


def test_training_that_begins_anew_forgets_the_epochs_of_the_attempt_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    observer = JournalObserver(path)
    for losses in ((0.9, 0.8, 0.7), (0.95,)):
        begin(observer)
        for epoch, loss in enumerate(losses, start=1):
            observer.epoch(epoch, {"train_loss": loss})
    assert told(path) == [(1, 0.95)]


def test_retold_epoch_keeps_the_time_it_was_first_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    observer = JournalObserver(path)
    begin(observer)
    observer.epoch(1, {"train_loss": 0.9})
    first = read_journal(path)[0].epochs[0].time
    begin(observer)
    observer.epoch(1, {"train_loss": 0.9})
    assert read_journal(path)[0].epochs[0].time == first


def test_resumed_training_runs_again_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    observer = JournalObserver(path)
    begin(observer)
    observer.end("failed")
    assert read_journal(path)[0].status == "failed"
    begin(observer)
    assert (read_journal(path)[0].status, read_journal(path)[0].ended) == ("running", None)


def test_changed_training_is_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    observer = JournalObserver(path)
    for key in ("a", "b", "a"):
        begin(observer, key)
        observer.epoch(1, {"train_loss": 1.0})
    assert [journal.training_key for journal in read_journal(path)] == ["b", "a"]


def test_lines_that_are_not_of_a_journal_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('[]\n{"kind": "epoch"}\n{"kind": "other", "time": 1}\nnull\n\n')
    begin(JournalObserver(path))
    assert [journal.training_key for journal in read_journal(path)] == ["k"]
    assert read_journal(tmp_path / "none.jsonl") == []
