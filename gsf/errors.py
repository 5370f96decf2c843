"""One base class for every error that a user can cause and mend."""


class GsfError(Exception):
    """What went wrong, where, the rule that was broken and the remedy, in one message.

    The command line prints it without a traceback as `<class name>: <message>`.
    """


class ParamsError(GsfError):
    """A parameter file breaks its schema; the message is `file: key is value, must be rule`."""


class VideoError(GsfError):
    """A video cannot be probed, decoded or rendered."""


class ShardError(GsfError):
    """An LMDB shard is damaged, incomplete or does not hold what its plan says."""


class DataError(GsfError):
    """Annotations, an inventory or a manifest contradict the videos or each other."""


class TrainError(GsfError):
    """A training cannot start or go on."""


class PreemptedError(TrainError):
    """A signal asked a training to make room; it saved its state, and the same command goes on."""

    EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: try again


class EvaluationError(GsfError):
    """Scores or metrics cannot be computed from what is there."""


class ProvenanceError(GsfError):
    """A receipt, or what it stands for, does not hold."""


class PipelineError(GsfError):
    """The graph, DVC's state and Snakemake's state disagree."""


class TrackingError(GsfError):
    """MLflow cannot be reached, or does not hold what is asked for."""
