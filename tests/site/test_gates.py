from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from gsf.errors import DataError, ParamsError
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, write_atomically
from gsf.provenance.receipt import read_receipt
from gsf.site.build import site_files
from gsf.site.curves import read_curves
from gsf.site.draw_frames import draw_frames
from gsf.site.draw_gates import Asked, chosen_run, draw_gates
from gsf.site.frames import frame_sheets
from gsf.site.gates import gate_pictures
from gsf.site.study import read_study


def test_pictures_say_of_which_receipts_and_frames_they_are(shown: Project) -> None:
    study = read_study(shown, "demo")
    (pictures,) = gate_pictures(shown, study)
    assert pictures.problem == ""
    index = pictures.index
    assert index["run"] == "gsf-s0"
    assert study.chain.receipts[index["receipt"]].stage == "train@demo-gsf-s0"
    assert {clip["label"] for clip in index["clips"]} == set(study.benchmarks["arrow"].classes)
    assert all(len(clip["frames"]) == 2 and clip["shard"] in index["shards"] for clip in index["clips"])
    assert index["layers"][0]["name"] == "layer1.0.conv2"
    assert all(0 <= share <= 1 for layer in index["layers"] for share in [*layer["mean"], *layer["fuse"]])
    assert index["layers"][0]["rows"] == ["gate to the frame before", "gate to the frame after", "fuse weights"]


def test_pictures_have_the_rows_that_pages_cut_out_of_them(shown: Project) -> None:
    (pictures,) = gate_pictures(shown, read_study(shown, "demo"))
    first, rows = pictures.bands[-1]
    assert (first, rows) == (2 + 3 * 7, 3)  # frames and evidence, then eight layers of three rows
    for data in pictures.files.values():
        picture = Image.open(io.BytesIO(data))
        assert picture.size == (2 * pictures.step - 2, (first + rows) * pictures.step - 2)


@pytest.fixture
def copy(shown: Project, tmp_path: Path) -> Project:
    """A copy of the finished study to spoil."""
    return Project(Path(shutil.copytree(shown.root, tmp_path / "copy")))


def test_pictures_that_are_not_those_that_were_drawn_are_not_shown(copy: Project) -> None:
    study = read_study(copy, "demo")
    folder = copy.results("demo") / "gates" / "gsf-s0"
    picture = next(folder.glob("*.png"))
    picture.write_bytes(picture.read_bytes() + b"x")
    (found,) = gate_pictures(copy, study)
    assert "not the picture" in found.problem
    assert not found.files
    index = json.loads((folder / "gates.json").read_bytes())
    (folder / "gates.json").write_text(json.dumps({**index, "receipt": "0" * 64}), encoding="utf-8")
    (found,) = gate_pictures(copy, study)
    assert "another training" in found.problem
    (folder / "gates.json").write_text(json.dumps({**index, "format": 1}), encoding="utf-8")
    (found,) = gate_pictures(copy, study)
    assert "another version" in found.problem
    (folder / "gates.json").write_text("{", encoding="utf-8")
    (found,) = gate_pictures(copy, study)
    assert "damaged" in found.problem


def test_frames_that_are_not_those_that_were_drawn_are_not_shown(copy: Project) -> None:
    study = read_study(copy, "demo")
    assert frame_sheets(copy, study, "arrow").strips["left/test_000.mp4"].frames
    folder = copy.results("demo") / "frames" / "arrow"
    sheet = next(folder.glob("*.webp"))
    sheet.write_bytes(sheet.read_bytes() + b"x")
    assert "not the picture" in frame_sheets(copy, study, "arrow").problem
    shutil.rmtree(folder)
    assert "gsf frames demo" in frame_sheets(copy, study, "arrow").problem


def test_what_was_not_drawn_again_goes(copy: Project) -> None:
    old = [
        copy.results("demo") / "frames" / "arrow" / "099.webp",
        copy.results("demo") / "gates" / "gsf-s0" / "old.png",
    ]
    for path in old:
        path.write_bytes(b"old")
    draw_frames(copy, "demo")
    draw_gates(copy, Asked("demo", videos=("left/test_000.mp4",)))
    assert not any(path.exists() for path in old)
    assert [path.name for path in old[1].parent.glob("*.png")] == ["left-test_000.mp4.png"]


@pytest.mark.parametrize(
    ("folder", "index", "key", "ending"),
    [("arrow", "frames.json", "sheets", "webp"), ("gsf-s0", "gates.json", "clips", "png")],
)
def test_in_a_folder_of_the_users_only_what_was_drawn_there_goes(
    copy: Project, tmp_path: Path, folder: str, index: str, key: str, ending: str
) -> None:
    names = [f"{name}.{ending}" for name in ("drawn", "changed", "mine")]
    listed = [{"file": name, "sha256": sha256_bytes(b"drawn")} for name in names[:2]]
    write_atomically(
        tmp_path / folder / index, canonical_json({"receipt": "r", "manifest": "m", "shards": {}, key: listed})
    )
    for name in names:
        (tmp_path / folder / name).write_bytes(name.partition(".")[0].encode())
    if key == "sheets":
        draw_frames(copy, "demo", to=tmp_path)
    else:
        draw_gates(copy, Asked("demo", to=tmp_path, videos=("left/test_000.mp4",)))
    assert [(tmp_path / folder / name).is_file() for name in names] == [False, True, True]


def test_frames_of_videos_with_terms_stay_out_of_the_project(copy: Project, tmp_path: Path) -> None:
    params = copy.params_file("benchmarks", "arrow")
    text = params.read_text(encoding="utf-8")
    start = text.index("render:")
    params.write_text(text[:start] + text[text.index("extract:") :], encoding="utf-8")
    for draw in (lambda to: draw_gates(copy, Asked("demo", to=to)), lambda to: draw_frames(copy, "demo", to=to)):
        for to in (None, copy.root / "docs", copy.root / "docs" / ".." / "x"):
            with pytest.raises(ParamsError, match="terms"):
                draw(to)
    draw_gates(copy, Asked("demo", to=tmp_path / "mine", videos=("left/test_000.mp4",)))
    assert (tmp_path / "mine" / "gsf-s0" / "left-test_000.mp4.png").is_file()


def test_network_that_looks_both_ways_is_drawn_before_a_causal_one(copy: Project) -> None:
    receipt = read_receipt(copy.train_receipt("demo", "gsf-s0"))
    model = receipt.content["params"]["params/models/gsf.yaml"]
    causal = receipt.content | {
        "stage": "train@demo-gsf-causal-s0",
        "command": receipt.content["command"].replace("gsf-s0", "gsf-causal-s0"),
        "params": receipt.content["params"] | {"params/models/gsf.yaml": model | {"causal": True}},
    }
    folder = copy.results("demo") / "receipts"
    (folder / "causal.json").write_bytes(canonical_json(causal))
    assert chosen_run(copy, Asked("demo")) == ("arrow", "gsf-s0")
    assert chosen_run(copy, Asked("demo", run="gsf-causal-s0")) == ("arrow", "gsf-causal-s0")
    (folder / f"{receipt.digest}.json").unlink()
    assert chosen_run(copy, Asked("demo")) == ("arrow", "gsf-causal-s0")


def test_page_says_which_way_a_network_looks(copy: Project, site: dict[str, bytes]) -> None:
    assert b"to the frame before or after" in site["study/demo.html"]
    path = copy.results("demo") / "gates" / "gsf-s0" / "gates.json"
    path.write_text(path.read_text("utf-8").replace("gate to the frame before", "gate to the frame after"), "utf-8")
    page = dict(site_files(copy, ["demo"]))["study/demo.html"]
    assert b"the network looks only backwards" in page
    assert b"frame before" not in page


def test_what_cannot_be_drawn_is_said(shown: Project) -> None:
    with pytest.raises(ParamsError, match="must be one of gsf-s0, tsn-s0"):
        draw_gates(shown, Asked("demo", run="gsf-s9"))
    with pytest.raises(ParamsError, match="has no gate"):
        draw_gates(shown, Asked("demo", run="tsn-s0", videos=("left/test_000.mp4",)))
    with pytest.raises(DataError, match="holds no video nowhere"):
        draw_gates(shown, Asked("demo", videos=("nowhere",)))


def test_changed_curves_in_evidence_are_broken_and_not_shown(copy: Project) -> None:
    path = copy.results("demo") / "evidence" / "gsf-s0" / "curves.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("2.4", "0.4"), encoding="utf-8")
    shutil.rmtree(copy.training("demo", "gsf-s0"))
    study = read_study(copy, "demo")
    assert study.verdict is not None
    assert "train@demo-gsf-s0" in [finding.link for finding in study.verdict.of("broken")]
    (maker,) = study.evaluations[2].makers
    assert read_curves(copy, "demo", maker, series=1) is None
