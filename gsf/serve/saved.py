"""The folder of a model that MLflow can load and serve: safetensors, JSON, and one line of code by its text.

* MLmodel, requirements.txt and others: MLflow's own text files;
* from_code.py: what it runs to load the model;
* artifacts/checkpoint.safetensors: the weights, as trained;
* artifacts/receipt.json: of the training, which promises these bytes;
* artifacts/model.json: network and classes, as the checkpoint says;
* artifacts/protocol.json: how frames are made, and how a video is looked at.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsf import __version__
from gsf.errors import ParamsError
from gsf.params.benchmark import Extract
from gsf.params.model import Model as Network
from gsf.params.protocol import Protocol
from gsf.provenance.hashing import canonical_json, write_atomically

if TYPE_CHECKING:
    from mlflow.models import Model

WEIGHTS, RECEIPT, CONFIG, PROTOCOL = "checkpoint", "receipt", "model", "protocol"
FILES = {WEIGHTS: "checkpoint.safetensors", RECEIPT: "receipt.json", CONFIG: "model.json", PROTOCOL: "protocol.json"}
FLAVOUR = "gsf"  # besides MLflow's own: it says where the files are
TOP = 5  # classes of an answer unless told
CODE = Path(__file__).with_name("from_code.py")


def served_as(network: Network, protocol: Protocol | None, extract: Extract) -> dict[str, Any]:
    """What `protocol.json` holds.

    Args:
        network: what looks at the video.
        protocol: how; one clip and the centre crop unless told.
        extract: how frames are made; its limits are left out, since the owner of a server sets them.

    Raises:
        ParamsError: the protocol is not for this network, or needs to know what a flip does to the classes.
    """
    segments = network.num_segments
    if protocol is None:
        protocol = Protocol(name=f"{segments}x1x1", frames=segments, clips=1, crops=1)
    if protocol.frames != segments:
        raise ParamsError(
            f"params/protocols/{protocol.name}.yaml: frames is {protocol.frames}, must be the num_segments of"
            f" {network.name}, {segments}"
        )
    if protocol.mirrored:
        raise ParamsError(
            f"params/protocols/{protocol.name}.yaml: has mirrored views, must have none to be served, since what a flip"
            " does to the classes is not part of a model; name one without flips, and with crops 1, 3 or 5"
        )
    frames = {name: getattr(extract, name) for name in ("short_side", "jpeg_quality", "fps")}
    return {"protocol": protocol.model_dump(), "extract": frames}


def save(
    folder: Path, *, checkpoint: Path, receipt: Path, config: dict[str, Any], served: dict[str, Any], model: Model
) -> None:
    """Write the folder of a model, which must not be there yet.

    Args:
        folder: to be made.
        checkpoint: the weights, by the file name that a training gives them.
        receipt: of the stage that wrote them, likewise.
        config: what the checkpoint says of itself.
        served: see `served_as`.
        model: MLflow's description, to which our flavour and `python_function` are added.
    """
    from mlflow import pyfunc

    model.add_flavor(FLAVOUR, **{key: f"artifacts/{name}" for key, name in FILES.items()})
    with tempfile.TemporaryDirectory() as made, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # MLflow wants an example beside the signature
        write_atomically(Path(made, FILES[CONFIG]), canonical_json(config))
        write_atomically(Path(made, FILES[PROTOCOL]), canonical_json(served))
        pyfunc.save_model(
            path=str(folder),
            python_model=str(CODE),
            artifacts={
                WEIGHTS: str(checkpoint),
                RECEIPT: str(receipt),
                CONFIG: str(Path(made, FILES[CONFIG])),
                PROTOCOL: str(Path(made, FILES[PROTOCOL])),
            },
            mlflow_model=model,
            signature=_signature(),
            pip_requirements=[f"gsf-video=={__version__}"],
        )
    flavour = model.flavors[pyfunc.FLAVOR_NAME]  # MLflow notes where each file was, on this machine
    flavour["model_code_path"] = CODE.name
    for item in flavour["artifacts"].values():
        item["uri"] = item["path"]
    model.save(str(folder / "MLmodel"))


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Object, ParamSchema, ParamSpec, Property, Schema

    label = Object([Property("label", DataType.string), Property("probability", DataType.double)])
    # Bytes are base64 in JSON, and may stand in a column of strings as they are in Python. As `binary`, MLflow would
    # decode them without a word about what is not base64, and would fail at rows that have a path in their place.
    videos = [ColSpec(DataType.string, name, required=False) for name in ("video", "path")]
    answers = [ColSpec(DataType.string, "video"), ColSpec(DataType.long, "frames"), ColSpec(Array(label), "top")]
    params = ParamSchema([ParamSpec("top", DataType.long, TOP)])
    return ModelSignature(inputs=Schema(videos), outputs=Schema(answers), params=params)
