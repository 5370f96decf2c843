"""Mirrored views: what they say of the video as it is.

In a mirrored view what goes left goes right. Where a benchmark declares pairs of classes that a flip swaps, the logit
of one is the answer to the other; where it forbids mirroring, a protocol with mirrored views is an error.
"""

from __future__ import annotations

from gsf.data.inputs import flipped_labels
from gsf.data.lists import Manifest
from gsf.errors import EvaluationError
from gsf.evaluate.scores import Array
from gsf.params.protocol import Protocol


def check_mirrored(protocol: Protocol, manifest: Manifest, *, benchmark: str) -> None:
    """EvaluationError where the protocol mirrors views and the benchmark forbids it."""
    if protocol.mirrored and flipped_labels(manifest) is None:
        raise EvaluationError(
            f"params/protocols/{protocol.name}.yaml: has mirrored views, must have none on {benchmark}, whose classes a"
            " flip would change (flip: forbid); use one without flips, and with crops 1, 3 or 5"
        )


def of_the_video(logits: Array, protocol: Protocol, manifest: Manifest) -> Array:
    """Logits `(N, V, C)` of views as they were seen to logits of the video as it is, of that shape."""
    swapped = flipped_labels(manifest)
    if not protocol.mirrored or swapped is None:
        return logits
    views = logits.reshape(len(logits), protocol.clips, protocol.views, logits.shape[-1]).copy()
    half = protocol.views // 2
    views[:, :, half:] = views[:, :, half:, swapped]  # a flip is its own inverse
    result: Array = views.reshape(logits.shape)
    return result
