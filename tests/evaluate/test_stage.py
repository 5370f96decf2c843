from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gsf.data.clips import EvaluationClips
from gsf.data.inputs import shard_paths, split_of
from gsf.data.lists import read_manifest
from gsf.data.preprocess import normalize
from gsf.data.videos import Videos
from gsf.errors import EvaluationError, ProvenanceError
from gsf.evaluate import predict as predict_module
from gsf.evaluate.metrics import compute_metrics
from gsf.evaluate.mirrored import check_mirrored
from gsf.evaluate.predict import Partial, predict
from gsf.evaluate.scores import read_scores
from gsf.evaluate.stage import run
from gsf.params.base import load
from gsf.params.model import Model
from gsf.params.protocol import Protocol
from gsf.project import Project
from gsf.provenance.receipt import Receipt, StageResult, read_receipt, seal
from gsf.tables import read_table
from gsf.train.checkpoint import build_model, read_checkpoint
from gsf.train.device import deterministic
from tests.untrained import write_training

MakeProject = Callable[[], Project]
PLACE = ("s", "gsf-s0", "2x2x3")


def evaluate(project: Project, *, protocol: str = "2x2x3", workers: int = 0, subsets: str | None = None) -> Receipt:
    return run(
        project,
        benchmark="arrow",
        study="s",
        run="gsf-s0",
        protocol=protocol,
        threads=1,
        subsets=subsets,
        workers=workers,
        device="cpu",
    )


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with deterministic(threads=1):
        yield


@pytest.fixture
def project(untrained: Project, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(untrained.root, tmp_path / "untrained")))


def test_scores_hold_every_test_video_once_in_manifest_order(project: Project) -> None:
    receipt = evaluate(project)
    scores, manifest = read_scores(project.scores(*PLACE)), read_manifest(project, "arrow")
    expected = [video for video, split in zip(manifest.ids, manifest.splits, strict=True) if split == "test"]
    assert list(scores.ids) == expected
    assert scores.logits.shape == (len(expected), 6, len(manifest.classes))
    assert receipt.facts["n"] == len(expected)
    metrics = json.loads(project.metrics(*PLACE).read_bytes())
    assert metrics == compute_metrics(scores, reversal_pairs=manifest.reversal_pairs, excluded=0)
    rows = read_table(project.confusion(*PLACE), ("actual", "predicted"))
    assert [row["actual"] for row in rows] == [scores.classes[label] for label in scores.labels]


def test_mirrored_views_answer_for_the_video_as_it_is(project: Project) -> None:
    (project.root / "params/protocols/2x2x10.yaml").write_text("name: 2x2x10\nframes: 2\nclips: 2\ncrops: 10\n")
    flips = "name: 2x2x5-flips\nframes: 2\nclips: 2\ncrops: 5\nflips: true\n"
    (project.root / "params/protocols/2x2x5-flips.yaml").write_text(flips)
    for protocol in ("2x2x10", "2x2x5-flips"):
        evaluate(project, protocol=protocol)
    ten, flipped = (read_scores(project.scores("s", "gsf-s0", name)) for name in ("2x2x10", "2x2x5-flips"))
    assert (ten.clips, ten.crops, ten.logits.shape[1]) == (2, 10, 20)
    assert np.array_equal(ten.logits, flipped.logits)

    manifest = read_manifest(project, "arrow")
    network, info = read_checkpoint(project.checkpoint("s", "gsf-s0"))
    rules = load(Protocol, project.params_file("protocols", "2x2x10"))
    videos = Videos(split_of(manifest, "test"), shard_paths(project, "arrow", manifest))
    size = {"short_side": info.model.short_side, "size": info.model.input_size}
    views, _, _ = EvaluationClips(videos, protocol=rules, **size)[0]
    with torch.inference_mode():
        raw = network.eval()(normalize(views, network.preprocessing)).numpy()
    left, right = ten.classes.index("left"), ten.classes.index("right")
    assert np.allclose(ten.logits[0, 5, left], raw[5, right], atol=1e-4)  # the first mirrored view of the first clip
    assert np.allclose(ten.logits[0, 12, left], raw[12, left], atol=1e-4)  # a plain one of the second clip
    assert not np.allclose(raw[5, left], raw[5, right], atol=1e-4)


@pytest.mark.parametrize(("more", "mirrored"), [({"flips": True}, True), ({"crops": 10}, True), ({}, False)])
def test_mirrored_views_are_refused_where_a_flip_is_forbidden(
    project: Project, more: dict[str, object], mirrored: bool
) -> None:
    forbidding = replace(read_manifest(project, "arrow"), flip="forbid")
    protocol = Protocol.model_validate({"name": "p", "frames": 2, "clips": 1, "crops": 1, **more})
    with (
        pytest.raises(EvaluationError, match="has mirrored views, must have none on arrow")
        if mirrored
        else nullcontext()
    ):
        check_mirrored(protocol, forbidding, benchmark="arrow")
    check_mirrored(protocol, read_manifest(project, "arrow"), benchmark="arrow")


def test_the_receipt_links_to_manifest_shards_and_checkpoint(project: Project) -> None:
    receipt = evaluate(project)
    by_path = {item.path: item.receipt for item in receipt.inputs}
    checkpoint = project.relative(project.checkpoint("s", "gsf-s0"))
    assert by_path[checkpoint] == read_receipt(project.train_receipt("s", "gsf-s0")).digest
    assert by_path["data/arrow/manifest.csv"] == read_receipt(project.manifest_receipt("arrow")).digest
    assert by_path["data/arrow/shards/01.lmdb"] == read_receipt(project.extract_receipt("arrow", "01")).digest
    assert receipt.stage == "evaluate@s-gsf-s0-2x2x3"
    assert receipt.content["command"] == ("gsf evaluate arrow --study s --run gsf-s0 --protocol 2x2x3 --threads 1")


def test_workers_and_a_second_run_change_no_byte(project: Project, small_project: MakeProject) -> None:
    other = small_project()
    write_training(other)
    first = evaluate(project)
    assert evaluate(project).digest == first.digest
    assert evaluate(other, workers=2).digest == first.digest


def test_subsets_of_the_test_videos_get_metrics_of_their_own_and_the_receipt_has_their_table(project: Project) -> None:
    videos = read_manifest(project, "arrow")
    tested = [video for video, split in zip(videos.ids, videos.splits, strict=True) if split == "test"]
    path = project.params_file("benchmarks", "arrow").with_suffix(".subsets.csv")
    path.write_text(f"subset,part,id\nnight,,{tested[0]}\nnight,,{tested[2]}\n", encoding="utf-8")
    name = project.relative(path)
    receipt = evaluate(project, subsets=name)
    metrics = json.loads(project.metrics(*PLACE).read_bytes())
    first = read_scores(project.scores(*PLACE))
    right = [first.logits[row].mean(axis=0).argmax() == first.labels[row] for row in (0, 2)]
    assert metrics["night.top1"] == np.mean(right)
    assert metrics["counts"]["night.top1"] == 2
    assert [item.receipt for item in receipt.inputs if item.path == name] == [None]
    assert f"--protocol 2x2x3 --subsets {name} --threads 1" in receipt.content["command"]

    path.write_text("subset,part,id\nnight,,nowhere.mp4\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"arrow.subsets.csv: subset 'night' has 'nowhere.mp4'"):
        evaluate(project, subsets=name)


def test_an_interrupted_evaluation_goes_on_and_ends_in_the_same_bytes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = evaluate(project)
    seen: list[int] = []
    forward = predict_module.forward_views

    def counted(*args: object, **options: object) -> object:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return forward(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(predict_module, "forward_views", counted)
    monkeypatch.setattr(predict_module, "SAVE_EVERY", 1)
    with pytest.raises(KeyboardInterrupt):
        evaluate(project)
    assert evaluate(project).digest == straight.digest
    groups = -(-len(read_scores(project.scores(*PLACE)).ids) // 5)  # 5 videos of 6 views a forward pass of 32
    assert len(seen) == 1 + groups  # the finished group was not computed again
    assert not project.work("evaluate", *PLACE, "partial.safetensors").exists()


class _Noise(torch.utils.data.Dataset[tuple[torch.Tensor, int, int]]):
    """Random videos; `shift` makes the indices lie."""

    def __init__(self, *, shift: int = 0) -> None:
        self.shift = shift

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, int]:
        generator = torch.Generator().manual_seed(index)
        views = torch.randint(0, 256, (3, 2, 3, 32, 32), dtype=torch.uint8, generator=generator)
        return views, 0, index + self.shift


def _predict(model: Model, videos: _Noise, *, batch_size: int = 6, partial: Partial | None = None) -> np.ndarray:
    torch.manual_seed(0)
    return predict(
        build_model(model, num_classes=4),
        videos,
        num_videos=5,
        views=3,
        num_classes=4,
        batch_size=batch_size,
        device=torch.device("cpu"),
        workers=0,
        partial=partial,
    )


def test_no_forward_pass_exceeds_the_batch_size_and_its_size_hardly_matters(small_data: Project) -> None:
    model = load(Model, small_data.params_file("models", "gsf"))
    np.testing.assert_allclose(
        _predict(model, _Noise(), batch_size=2), _predict(model, _Noise(), batch_size=15), rtol=1e-4, atol=1e-6
    )


def test_videos_out_of_order_are_an_error(small_data: Project) -> None:
    model = load(Model, small_data.params_file("models", "gsf"))
    with pytest.raises(EvaluationError, match="in order"):
        _predict(model, _Noise(shift=1))


def test_partial_scores_of_another_key_or_damaged_ones_do_not_count(small_data: Project, tmp_path: Path) -> None:
    model = load(Model, small_data.params_file("models", "gsf"))
    expected = _predict(model, _Noise())
    path = tmp_path / "partial.safetensors"
    Partial(path, "other").write(np.full((4, 3, 4), 7, dtype=np.float32))
    np.testing.assert_array_equal(_predict(model, _Noise(), partial=Partial(path, "mine")), expected)
    path.write_bytes(b"nothing")
    np.testing.assert_array_equal(_predict(model, _Noise(), partial=Partial(path, "mine")), expected)
    Partial(path, "mine").write(np.full((4, 3, 4), 7, dtype=np.float32))
    assert (_predict(model, _Noise(), partial=Partial(path, "mine"))[:4] == 7).all()


def test_a_protocol_of_other_frames_is_an_error_with_the_rule(project: Project) -> None:
    protocol = "name: 4x1x1\nframes: 4\nclips: 1\ncrops: 1\n"
    project.params_file("protocols", "4x1x1").write_text(protocol, encoding="utf-8")
    with pytest.raises(EvaluationError, match="frames is 4, must be the num_segments of the model, 2"):
        evaluate(project, protocol="4x1x1")


def test_a_checkpoint_of_other_classes_is_an_error(project: Project) -> None:
    write_training(project, classes=["a", "b"])
    with pytest.raises(EvaluationError, match="other classes than the manifest's"):
        evaluate(project)


def test_an_empty_test_split_is_an_error(project: Project) -> None:
    path, receipt = project.manifest("arrow"), read_receipt(project.manifest_receipt("arrow"))
    path.write_text("".join(line for line in path.open() if ",test," not in line))
    outputs = [project.root / name for name in receipt.outputs]
    content = receipt.content
    result = StageResult(receipt.stage, content["command"].split(), {}, receipt.inputs, outputs, entry="gsf.errors")
    seal(project, result, project.manifest_receipt("arrow"))
    with pytest.raises(EvaluationError, match="no video in the split 'test'"):
        evaluate(project)


def test_a_checkpoint_that_is_not_its_receipts_is_an_error(project: Project) -> None:
    path = project.checkpoint("s", "gsf-s0")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ProvenanceError, match=r"checkpoint\.safetensors: sha256 is"):
        evaluate(project)


def test_every_shipped_protocol_is_valid_and_named_by_its_numbers() -> None:
    files = sorted((Path(__file__).parents[2] / "params" / "protocols").glob("*.yaml"))
    assert files
    for path in files:
        protocol = load(Protocol, path)
        dense = "-dense" if protocol.sampling == "dense" else ""
        time = "" if protocol.time == "forward" else f"-{protocol.time}"
        assert protocol.name == path.stem == f"{protocol.frames}x{protocol.clips}x{protocol.crops}{dense}{time}"


@pytest.mark.parametrize("time", ["reversed", "shuffled", "frozen"])
def test_another_order_of_frames_is_what_the_network_is_shown(project: Project, time: str) -> None:
    file = project.params_file("protocols", "2x2x3")
    other = file.with_name("other.yaml")
    text = file.read_text(encoding="utf-8").replace("name: 2x2x3", "name: other")
    other.write_text(f"{text}\ntime: {time}\n", encoding="utf-8")
    evaluate(project)
    evaluate(project, protocol="other")
    forward, shown = read_scores(project.scores(*PLACE)), read_scores(project.scores("s", "gsf-s0", "other"))
    assert shown.ids == forward.ids
    assert not np.array_equal(shown.logits, forward.logits)
