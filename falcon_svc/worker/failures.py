"""What ended an attempt, as a code and a sentence, and how often a job may end so.

Place: used by the worker of an attempt. Errors that a user can mend speak for themselves. Those of
torch and of the system are known by their types' names, so that nothing heavy is loaded here, and
by their words where they share a type. Anything else is a mistake of ours and stays a traceback.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from falcon_svc.errors import FULL, NO_SPACE, FalconError, StorageError

if TYPE_CHECKING:
    from falcon_svc.config import DiscoveryConfig
    from falcon_svc.discovery.training.config import TrainConfig
    from falcon_svc.encoder.config import EncoderConfig
    from falcon_svc.encoder.moco.config import MocoConfig
    from falcon_svc.joint.config import EncoderTraining

    Trained = TypeVar("Trained", TrainConfig, MocoConfig, EncoderTraining)

OUT_OF_MEMORY, MEMORY_TRIES = "out_of_memory", 2
_DISK = {
    FULL: "The disk of the service is full; free some space, then submit the job again.",
    StorageError.code: "The service cannot read or write its own files; its log says which.",
}
"""Code -> what a client is told, who is to see no paths."""

NO_MEMORY = (
    "The job needs more memory than its process may have; `falcon validate` says how much, "
    "a smaller data set needs less."
)
_BROKEN_DISK = dict.fromkeys((errno.EIO, errno.EROFS, errno.EACCES), StorageError.code)
_LOST = (
    "Expected the device to go on, found that it failed ({}); the job goes on from its last "
    "checkpoint, on another device if `device` is auto."
)


@dataclass(frozen=True)
class Failure:
    """How an attempt ended.

    Parameters
    ----------
    code, detail
        As in a problem document.
    most
        Attempts that a job has if it ends so; None = as many as the settings allow.
    """

    code: str
    detail: str
    most: int | None = 1


def failure_of(error: Exception) -> Failure | None:
    """Return how an attempt ended that raised `error`; None for a mistake of ours."""
    if isinstance(error, FalconError) and error.code not in _DISK:
        return Failure(error.code, str(error))
    if _lacks_memory(error):
        return Failure(OUT_OF_MEMORY, NO_MEMORY, MEMORY_TRIES)
    if _lost_device(error):
        return Failure("device_lost", _LOST.format(_first_line(error)), None)
    code = _disk_code(error)
    return None if code is None else Failure(code, _DISK[code], None)


def with_smaller_batches(config: DiscoveryConfig, times: int) -> DiscoveryConfig:
    """Return the settings with the batch sizes of all trainings halved so many times."""
    return config.model_copy(
        update={
            "encoder": smaller_batches(config.encoder, times),
            "train": halved(config.train, times),
            "joint": halved(config.joint, times),
        }
    )


def smaller_batches(encoder: EncoderConfig, times: int) -> EncoderConfig:
    """Return the settings of an encoder with the batch size of its training halved so often."""
    return encoder.model_copy(update={"moco": halved(encoder.moco, times)})


def halved(section: Trained, times: int) -> Trained:
    """Return the settings of a training with its batch size halved so often."""
    size = max(1, section.batch_size >> times)
    return section.model_copy(update={"batch_size": size})


def _lacks_memory(error: Exception) -> bool:
    words = "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or _is_called(error, "OutOfMemoryError", words)


def _disk_code(error: Exception) -> str | None:
    if isinstance(error, StorageError):
        return error.code
    if not isinstance(error, OSError):
        return None
    return FULL if error.errno in NO_SPACE else _BROKEN_DISK.get(error.errno or 0)


def _lost_device(error: Exception) -> bool:
    return _is_called(error, "AcceleratorError", "CUDA error" in str(error))


def _is_called(error: Exception, name: str, words: bool) -> bool:
    """Whether a RuntimeError is torch's of that name, or says so."""
    return isinstance(error, RuntimeError) and (type(error).__name__ == name or words)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
