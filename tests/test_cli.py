"""The command line: answers at once, and every stage says in one line what is wrong with its input."""

from __future__ import annotations

import argparse
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gsf.cli import _parser, main
from tests.small_project import make_project

REPOSITORY = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "numpy", "mlflow", "dvc", "snakemake", "pydantic", "av", "lmdb", "tqdm", "yaml")
TRAIN = ("train", "arrow", "--study", "s", "--run", "gsf-s0", "--threads", "1")
EVALUATE = ("evaluate", "arrow", "--study", "s", "--run", "gsf-s0", "--threads", "1")

# Arguments, and what the one line on stderr must say: the kind of error, the file, the rule or the remedy.
WRONG = {
    "init: no such folder": (("init", "mine", "nowhere"), ["DataError", "nowhere", "no such folder or CSV"]),
    "init: no name": (("init", "a b", "."), ["ParamsError", "'a b'", "letters, digits"]),
    "init: published files nowhere": (
        ("init", "mine", ".", "--published", "ssv2"),
        ["ParamsError", "--published must come with --annotations FOLDER"],
    ),
    "init: nothing published": (("init", "mine", ".", "--split", "2"), ["ParamsError", "must come with --published"]),
    "init: not the published files": (
        ("init", "mine", ".", "--published", "ssv2", "--annotations", "."),
        ["DataError", "lacks something-something-v2-labels.json or labels.json", "docs/benchmarks.md"],
    ),
    "annotate: not published": (("annotate", "arrow"), ["ParamsError", "arrow.yaml", "no `published`"]),
    "study: unknown": (("study", "nope"), ["ParamsError", "params/studies/nope.yaml", "no such file"]),
    "render: unknown": (("render", "nope"), ["ParamsError", "params/benchmarks/nope.yaml", "here: arrow"]),
    "scan: rendered": (("scan", "arrow"), ["ParamsError", "params/benchmarks/arrow.yaml", "gsf render arrow"]),
    "inventory: not rendered": (("inventory", "arrow"), ["ProvenanceError", "render.receipt.json", "run the stage"]),
    "extract: not planned": (("extract", "arrow", "02"), ["ParamsError", "arrow.yaml", "00 .. 01", "'02'"]),
    "extract: no inventory": (("extract", "arrow", "01"), ["ProvenanceError", "plan/01.receipt.json", "dvc pull"]),
    "manifest: no inventory": (("manifest", "arrow"), ["ProvenanceError", "inventory.receipt.json", "dvc pull"]),
    "show: no manifest": (
        ("show", "arrow", "--model", "gsf", "--recipe", "quick", "--out", "sheet.png"),
        ["DataError", "manifest.csv"],
    ),
    "show: no picture": (
        ("show", "arrow", "--model", "gsf", "--recipe", "quick", "--out", "sheet.txt"),
        ["ParamsError", "--out is sheet.txt", "must end in .png"],
    ),
    "train: unknown model": (
        (*TRAIN, "--model", "nope", "--recipe", "quick", "--seed", "0"),
        ["ParamsError", "params/models/nope.yaml", "models here: gsf, tsn"],
    ),
    "train: no manifest": (
        (*TRAIN, "--model", "gsf", "--recipe", "quick", "--seed", "0"),
        ["ProvenanceError", "manifest.receipt.json", "dvc pull"],
    ),
    "evaluate: unknown protocol": (
        (*EVALUATE, "--protocol", "9x9x9"),
        ["ParamsError", "params/protocols/9x9x9.yaml", "protocols here: 2x1x1, 2x2x3"],
    ),
    "evaluate: no device": (
        (*EVALUATE, "--protocol", "2x1x1", "--device", "abacus"),
        ["TrainError", "device is 'abacus'", "must be auto, cpu"],
    ),
    "report: no plan": (("report", "s"), ["ParamsError", "params/plan.yaml", "no such file"]),
    "trace: nothing there": (("trace", "a/b/c/d"), ["ProvenanceError", "a/b/c/d"]),
    "verify: nothing there": (("verify", "nope"), ["ProvenanceError", "nope", "no study with results"]),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parameter files, and nothing that any stage wrote."""
    return make_project(tmp_path_factory.mktemp("cli")).root


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_input_is_one_line_with_file_and_rule(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    arguments, words = WRONG[case]
    monkeypatch.chdir(root)
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert not [word for word in words if word not in lines[0]], lines[0]


def test_outside_of_a_project_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["study"]) == 1
    assert "no project here, must be run in or below a folder with dvc.yaml and params/" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        ("--threads", "0", "1 or more"),
        ("--seed", "-1", "0 or more"),
        ("--workers", "-1", "0 or more"),
        ("--seed", "1.5", "0 or more"),
    ],
)
def test_an_option_out_of_range_is_named_with_its_rule(
    capsys: pytest.CaptureFixture[str], option: str, value: str, rule: str
) -> None:
    arguments = [*TRAIN, "--model", "gsf", "--recipe", "quick", "--seed", "0", f"{option}={value}"]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert f"{option}: is '{value}', must be an integer of {rule}" in capsys.readouterr().err


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str | None]]:
    """Every verb and argument, and its help."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            yield f"{parser.prog} {'/'.join(action.option_strings) or action.dest}", action.help
            continue
        said = {choice.dest: choice.help for choice in action._choices_actions}
        for name, child in action.choices.items():
            yield f"{parser.prog} {name}", said.get(name)
            yield from _arguments(child)


def test_every_verb_and_argument_says_what_it_is() -> None:
    found = dict(_arguments(_parser()))
    assert len(found) > 150
    assert {"gsf train", "gsf train --seed", "gsf mlflow register", "gsf mlflow register run"} <= found.keys()
    assert [name for name, text in found.items() if not text] == []


def test_every_help_can_be_printed() -> None:
    waiting = [_parser()]
    while waiting:
        parser = waiting.pop()
        assert parser.prog in parser.format_help()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()


TRAINED = (*TRAIN, "--model", "gsf", "--recipe", "quick", "--seed", "0")
OUT_OF_RANGE = {
    "serve --model m --port 70000": "--port: is '70000', must be a port, 0 .. 65535; 0 takes any that is free",
    "app --model m --port 65536": "--port: is '65536', must be a port, 0 .. 65535",
    "app --model m --window 0": "--window: is '0', must be seconds above 0, at most 1000000",
    "predict v.mp4 --model m --window inf": "--window: is 'inf', must be seconds above 0",
    "predict v.mp4 --model m --window 2 --stride nan": "--stride: is 'nan', must be seconds above 0",
    "explain v.mp4 --model m --start inf": "--start: is 'inf', must be seconds 0 or more, at most 1000000",
    "explain v.mp4 --model m --seconds 0": "--seconds: is '0', must be seconds above 0",
    "stream v.mp4 --model m --patience 0": "--patience: is '0', must be seconds above 0",
    "stream v.mp4 --model m --patience 1e9": "--patience: is '1e9', must be seconds above 0, at most 1000000",
    **{
        f"{' '.join(TRAINED)} --save-minutes={given}": f"--save-minutes: is '{given}', must be minutes above 0"
        for given in ("0", "-1", "nan", "x")
    },
}


@pytest.mark.parametrize("command", OUT_OF_RANGE)
def test_a_port_or_time_out_of_range_is_named_with_its_rule(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == 2
    assert OUT_OF_RANGE[command] in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--start=0", "--start=1e6", "--seconds=0.25"])
def test_a_time_within_the_range_is_read(option: str) -> None:
    name, _, value = option.removeprefix("--").partition("=")
    assert getattr(_parser().parse_args(["explain", "v.mp4", "--model", "m", option]), name) == float(value)


REFUSED = {
    "file: File exists (GSF_TRACEBACK=1 shows where)": FileExistsError(errno.EEXIST, "File exists", "file"),
    "sheet.png: Is a directory (GSF_TRACEBACK=1 shows where)": IsADirectoryError(
        errno.EISDIR, "Is a directory", ".sheet.png.1.tmp", None, "sheet.png"
    ),
    "a/b: No space left on device; make room, then run": OSError(errno.ENOSPC, "No space left on device", "a/b"),
    "Disk quota exceeded; make room, then run": OSError(errno.EDQUOT, "Disk quota exceeded"),
    "a: Permission denied, must be open to this account; in a project": PermissionError(
        errno.EACCES, "Permission denied", "a"
    ),
    "words alone (GSF_TRACEBACK=1 shows where)": OSError("words alone"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_the_system_refuses_is_one_line_about_the_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    def refuse(*arguments: object) -> None:
        raise REFUSED[words]

    monkeypatch.chdir(root)
    monkeypatch.setattr("gsf.pipeline.study.activate", refuse)
    monkeypatch.delenv("GSF_TRACEBACK", raising=False)
    assert main(["study", "s"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {words}")
    assert said.count("\n") == 1
    monkeypatch.setenv("GSF_TRACEBACK", "1")
    with pytest.raises(type(REFUSED[words])):
        main(["study", "s"])


def test_an_output_that_has_no_room_is_said_once() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "gsf.cli", "study"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "error: No space left on device; make room, then run the same command again\n",
    )


def test_help_loads_no_heavy_package() -> None:
    """`gsf --help` answers within half a second because of this."""
    program = (
        "import sys; from gsf.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('loaded:', *[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "stage: train one run of a study" in done.stdout
    assert done.stdout.strip().endswith("loaded:")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gsf.cli", "trace", "arrow/gsf-s0/8x1x1/pair_accuracy"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_training_that_makes_room_exits_with_a_code_that_schedulers_start_again(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gsf.train.stage
    from gsf.errors import PreemptedError

    def stopped(*args: object, **options: object) -> None:
        raise PreemptedError("stopped by a signal; the same command goes on")

    monkeypatch.chdir(root)
    monkeypatch.setattr(gsf.train.stage, "run", stopped)
    assert main([*TRAIN, "--model", "gsf", "--recipe", "quick", "--seed", "0"]) == 75
    assert capsys.readouterr().err == "stopped by a signal; the same command goes on\n"
