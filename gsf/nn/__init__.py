"""Networks: GSF, GSM and TSM as layers, and as video models on convolutional backbones.

Needs torch alone; torchvision is imported when one of its networks is asked for.
"""

from .backbones import Preprocessing
from .gsf import GSF
from .gsm import GSM
from .insertion import insert_temporal
from .model import VideoModel, create_model
from .released import load_released
from .streaming import Stream
from .tsm import TSM

__all__ = [
    "GSF",
    "GSM",
    "TSM",
    "Preprocessing",
    "Stream",
    "VideoModel",
    "create_model",
    "insert_temporal",
    "load_released",
]
