"""`gsf serve` runs no code but its own, whatever lies in the folder of a model."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gsf.errors import TrackingError
from gsf.serve.examined import check_model
from gsf.tracking.loading import load_model


def described(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what MLmodel says of its flavours."""
    place = folder / "MLmodel"
    content = yaml.safe_load(place.read_text(encoding="utf-8"))
    change(content["flavors"])
    place.write_text(yaml.safe_dump(content), encoding="utf-8")


def changed_code(folder: Path, marker: Path) -> None:
    with (folder / "from_code.py").open("a", encoding="utf-8") as file:
        file.write(f"open({str(marker)!r}, 'w')\n")


def other_code(folder: Path, marker: Path) -> None:
    (folder / "other.py").write_text(f"open({str(marker)!r}, 'w')\n", encoding="utf-8")
    described(folder, lambda flavours: flavours["python_function"].update(model_code_path="other.py"))


def other_loader(folder: Path, marker: Path) -> None:
    (folder / "code").mkdir()
    (folder / "code/loader.py").write_text(f"open({str(marker)!r}, 'w')\n", encoding="utf-8")
    described(folder, lambda flavours: flavours["python_function"].update(loader_module="loader", code="code"))


def shadowing_code(folder: Path, marker: Path) -> None:
    (folder / "code").mkdir()
    (folder / "code/safetensors.py").write_text(f"open({str(marker)!r}, 'w')\n", encoding="utf-8")
    described(folder, lambda flavours: flavours["python_function"].update(code="code"))


def folder_below(folder: Path, marker: Path) -> None:
    below = Path(shutil.copytree(folder, folder / "below"))
    changed_code(below, marker)
    described(folder, lambda flavours: flavours["python_function"].update(data="below"))


def pickled(folder: Path, marker: Path) -> None:
    (folder / "python_model.pkl").write_bytes(b"cbuiltins\nopen\n(V%b\nVw\ntR." % str(marker).encode())

    def change(flavours: dict[str, Any]) -> None:
        del flavours["python_function"]["model_code_path"]
        flavours["python_function"]["loader_module"] = "mlflow.pyfunc.model"
        flavours["python_function"]["python_model"] = "python_model.pkl"

    described(folder, change)


def another_flavour(folder: Path, marker: Path) -> None:
    del marker
    described(folder, lambda flavours: flavours.pop("gsf"))


def weights_elsewhere(folder: Path, marker: Path) -> None:
    del marker
    described(folder, lambda flavours: flavours["python_function"]["artifacts"]["checkpoint"].update(path="/etc/x"))


def another_method(folder: Path, marker: Path) -> None:
    del marker
    described(folder, lambda flavours: flavours["python_function"].update(predict_fn="load_context"))


def no_description(folder: Path, marker: Path) -> None:
    del marker
    (folder / "MLmodel").write_text("[1, 2", encoding="utf-8")


def no_code(folder: Path, marker: Path) -> None:
    del marker
    (folder / "from_code.py").unlink()


HOSTILE: dict[Callable[[Path, Path], None], str] = {
    changed_code: "from_code.py is not that of gsf",
    other_code: "MLmodel says model_code_path: other.py, must say from_code.py",
    other_loader: "MLmodel says loader_module: loader, must say mlflow.pyfunc.loaders.code_model",
    shadowing_code: "MLmodel says code: code, must say None",
    folder_below: "MLmodel says data: below, must say None",
    pickled: "MLmodel says loader_module: mlflow.pyfunc.model, must say",
    another_flavour: "MLmodel has no flavour 'gsf'",
    weights_elsewhere: "MLmodel says artifacts: ",
    another_method: "MLmodel says predict_fn of python_function, must not",
    no_description: "has no MLmodel as a registered network has it",
    no_code: "from_code.py is missing",
}


@pytest.mark.parametrize("change", HOSTILE)
def test_nothing_of_a_folder_with_other_code_is_run(
    model: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    folder, marker = Path(shutil.copytree(model, tmp_path / "model")), tmp_path / "was run"
    check_model(folder, model="as it was saved")
    change(folder, marker)
    with pytest.raises(TrackingError, match=re.escape(HOSTILE[change])) as refused:
        load_model(str(folder))
    assert "register the network again: `gsf mlflow register RUN`" in str(refused.value)
    assert not marker.exists()


def test_what_is_refused_would_have_been_run(model: Path, tmp_path: Path) -> None:
    """Else the test above could not fail."""
    import mlflow

    folder, marker = Path(shutil.copytree(model, tmp_path / "model")), tmp_path / "was run"
    changed_code(folder, marker)
    mlflow.pyfunc.load_model(str(folder))
    assert marker.exists()
