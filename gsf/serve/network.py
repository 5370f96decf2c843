"""The model that MLflow loads: a trained network, the way in which it looks at videos, and the limits of a request.

Videos go the way of `gsf predict`, and so that of `gsf evaluate`.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, TEMPORARILY_UNAVAILABLE
from mlflow.pyfunc import PythonModel

from gsf.deploy.trained import find_trained
from gsf.errors import GsfError
from gsf.machine import usable_cores
from gsf.params.base import validate
from gsf.params.benchmark import Extract
from gsf.params.protocol import Protocol
from gsf.predict.answers import Prediction
from gsf.predict.files import File
from gsf.predict.predict import How, Predictor
from gsf.serve.limits import Limits, read_limits
from gsf.serve.received import RequestError, UnavailableError, received
from gsf.serve.saved import PROTOCOL, TOP, WEIGHTS
from gsf.train.checkpoint import read_checkpoint
from gsf.train.device import choose_device

# Of waiting for others: with those of decoding, less than the 60 after which MLflow gives up. They count from where a
# request has a thread, which `gsf serve` sees to at once; with MLflow's own server it may wait for one, too.
TURN_SECONDS = 20.0


class ServedNetwork(PythonModel):  # type: ignore[misc]  # mlflow has no types
    """Answers tables of videos with labels and their probabilities; see docs/serve.md."""

    def load_context(self, context: Any) -> None:
        """Read the network, whose bytes must be those that its receipt promises, and the owner's limits.

        Raises:
            GsfError: the files are not what they were, or a variable of the environment is nonsense.
        """
        # For good, since it holds for the process: a request that ends must not put TF32 back while others run.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        weights = Path(context.artifacts[WEIGHTS])
        self._limits = read_limits()
        self._trained = find_trained(str(weights))
        self._network, self._info = read_checkpoint(weights)
        described = json.loads(Path(context.artifacts[PROTOCOL]).read_bytes())
        self._how = How(
            protocol=validate(Protocol, described["protocol"], where=f"{PROTOCOL}.json: protocol"),
            extract=_extract(described["extract"], self._limits),
            device=choose_device(os.environ.get("GSF_DEVICE", "auto")),
        )
        self._predictor(self._how)  # what does not fit together shows now
        self._turns = threading.BoundedSemaphore(usable_cores())  # more at once would only fill the memory

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """One answer a row, in order.

        Args:
            model_input: a table with a column `video` (base64) or `path`, or both where each row has one of them.
            params: `top`, classes of each answer.

        Raises:
            MlflowException: BAD_REQUEST, where the sender can mend it, TEMPORARILY_UNAVAILABLE, where this machine has
                no room or no time; no row is answered then.
        """
        del context
        try:
            top = (params or {}).get("top", TOP)
            if not isinstance(top, int) or top < 1:
                raise RequestError(f"top is {top!r}, must be an integer of 1 or more")
            rows: list[Any] = model_input.to_dict("records")
            with self._turn(), received(rows, self._limits) as files:
                return [_answer(prediction, top=top) for prediction in self._predictions(files)]
        except GsfError as error:
            code = TEMPORARILY_UNAVAILABLE if isinstance(error, UnavailableError) else BAD_REQUEST
            raise MlflowException(str(error), error_code=code) from error

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for one, before anything of the request is written to the disk."""
        if not self._turns.acquire(timeout=TURN_SECONDS):
            raise UnavailableError(
                f"the server was at work on other requests for {TURN_SECONDS:g} s, the limit; send it again later"
            )
        try:
            yield
        finally:
            self._turns.release()

    def _predictions(self, files: list[File]) -> list[Prediction]:
        seconds = self._how.extract.max_seconds / len(files)
        extract = self._how.extract.model_copy(update={"max_seconds": seconds})
        return list(self._predictor(replace(self._how, extract=extract)).predict(files))

    def _predictor(self, how: How) -> Predictor:
        return Predictor(self._network, self._info, self._trained, how)


def _extract(frames: dict[str, Any], limits: Limits) -> Extract:
    most = {"max_seconds": limits.seconds, "max_frames": limits.frames, "max_pixels": limits.pixels}
    return validate(Extract, {**frames, **most}, where=f"{PROTOCOL}.json: extract")


def _answer(prediction: Prediction, *, top: int) -> dict[str, Any]:
    if prediction.problem is not None:
        raise (UnavailableError if prediction.no_room else RequestError)(prediction.problem)
    (answer,) = prediction.answers  # one: of the whole video
    shown = [{"label": label, "probability": value} for label, value in answer.best(top)]
    return {"video": prediction.video, "frames": answer.part.stop, "top": shown}
