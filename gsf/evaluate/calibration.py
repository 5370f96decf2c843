"""Expected calibration error: how far the confidence of a network is from how often it is right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BINS = 15
# A mathematical library may give another last bit of exp; nobody needs more places than these.
_PLACES = 9


def expected_calibration_error(probabilities: npt.NDArray[np.float64], hit: npt.NDArray[np.bool_]) -> float:
    """`sum over bins b of |B_b| / N * |accuracy(B_b) - confidence(B_b)|`, 0..1, rounded to 9 places.

    Confidence is the highest probability of a video; the 15 bins have equal width, bin b holds confidences in
    (b / 15, (b + 1) / 15]. Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
    equation 3 and its 15 bins.

    Args:
        probabilities: `(N, C)`, each row sums to 1.
        hit: `(N,)`, whether the highest one is that of the true class.
    """
    confidence = probabilities.max(axis=1)
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gap = hit.astype(np.float64) - confidence
    order = np.argsort(gap, kind="stable")  # so that the order of the videos does not matter, to the last bit
    gaps = np.bincount(bins[order], weights=gap[order], minlength=BINS)
    return round(float(np.abs(gaps).sum() / len(hit)), _PLACES)
