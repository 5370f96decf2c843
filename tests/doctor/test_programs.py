"""Each line about programs and packages, with fakes of them in their place."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gsf.doctor import programs
from gsf.video import ffmpeg as video_ffmpeg


def fake(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def torch_of(*, cuda: str | None = "12.8", gpus: int = 0) -> Any:
    gpu = SimpleNamespace(name="H100", total_memory=80 << 30)
    seen = SimpleNamespace(
        is_available=lambda: gpus > 0, device_count=lambda: gpus, get_device_properties=lambda index: gpu
    )
    return SimpleNamespace(
        __version__="2.14.1", get_num_threads=lambda: 2, cuda=seen, version=SimpleNamespace(cuda=cuda)
    )


def lines(device: str = "auto") -> list[str]:
    return [f"{finding.state} {finding}" for finding in programs.torch_and_gpu(device)]


def test_torch_with_gpus_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch_of(gpus=2))
    one, two = lines()
    assert "2.14.1, 2 threads" in one
    assert "H100 (80 GiB), H100 (80 GiB), CUDA 12.8" in two


def test_torch_without_a_gpu_says_why(monkeypatch: pytest.MonkeyPatch, bin: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "torch", torch_of(cuda=None))
    assert lines()[1].startswith("absent")
    assert "torch is a build without CUDA" in lines()[1]
    assert lines("cuda:1")[1].startswith("missing")
    monkeypatch.setitem(sys.modules, "torch", torch_of())
    assert "no driver of NVIDIA's is here" in lines()[1]
    fake(bin, "nvidia-smi", "exit 0")
    assert "torch sees none although a driver is here" in lines()[1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES hides all; unset it" in lines()[1]


def test_torch_that_cannot_be_imported_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (line,) = lines()
    assert line.startswith("missing")
    assert "`make setup`" in line


def test_ffmpeg_is_the_one_in_use(monkeypatch: pytest.MonkeyPatch, bin: Path) -> None:
    for cached in (video_ffmpeg.executable, video_ffmpeg.build_line):
        cached.cache_clear()
    try:
        fake(bin, "mine", "echo ffmpeg version 9.9 of mine")
        monkeypatch.setenv("GSF_FFMPEG", "mine")
        assert f"9.9 of mine ({bin}/mine)" in str(programs.ffmpeg())
        for cached in (video_ffmpeg.executable, video_ffmpeg.build_line):
            cached.cache_clear()
        monkeypatch.setenv("GSF_FFMPEG", "nothing")
        found = programs.ffmpeg()
        assert (found.state, "GSF_FFMPEG is 'nothing'" in found.text) == ("missing", True)
    finally:
        for cached in (video_ffmpeg.executable, video_ffmpeg.build_line):
            cached.cache_clear()


def test_lmdb_is_there_or_missing() -> None:
    def broken() -> Any:
        raise ImportError("libffi.so: no such file")

    assert "py-lmdb" in str(programs.lmdb())
    found = programs.lmdb(broken)
    assert (found.state, "libffi.so" in found.text) == ("missing", True)


def test_git_is_there_or_missing(bin: Path) -> None:
    assert programs.git().state == "missing"
    fake(bin, "git", "echo git version 2.99")
    assert str(programs.git()).endswith("2.99")


def test_slurm_is_there_or_silent_or_absent(bin: Path) -> None:
    assert "not here; only a cluster has it" in str(programs.slurm())
    fake(bin, "sbatch", "exit 0")
    fake(bin, "sinfo", "exit 1")
    assert "no controller answers" in str(programs.slurm())
    fake(bin, "sinfo", "echo 'gpu* up'; echo 'long up'")
    assert programs.slurm().text == "partitions gpu*, long"


def test_a_program_that_hangs_is_given_up(bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_SECONDS", 0.2)
    fake(bin, "git", "while :; do :; done")
    assert programs.git().state == "missing"


def test_extras_are_whole_or_lack_packages() -> None:
    requires = [
        "torch>=2.9",
        'timm>=1.0.11; extra == "timm"',
        'onnx>=1.18; extra == "export"',
        "onnxruntime>=1.22; extra == 'export'",
        'securesystemslib[crypto]>=1.2; extra == "exchange"',
        'pytest>=8; extra == "dev"',
    ]

    def installed(name: str) -> str:
        if name in ("onnxruntime", "pytest"):
            raise metadata.PackageNotFoundError(name)
        return "1"

    found = programs.extras(requires, installed=installed)
    assert found.text == "exchange, timm; export lacks onnxruntime (gsf export --format onnx)"
    assert found.remedy == "`pip install 'gsf-video[export]'`"
    assert programs.extras(requires, installed=lambda name: "1").state == "ok"
