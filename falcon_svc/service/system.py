"""What this installation can do, and whether it can do it now."""

from __future__ import annotations

import os
from pathlib import Path

from falcon_svc.data.registry import FORMATS as _FORMATS
from falcon_svc.errors import StorageError
from falcon_svc.pipeline.encoder_files import available
from falcon_svc.service.context import Context
from falcon_svc.service.jobs import NVIDIA

FORMATS = list(_FORMATS)


def encoders(context: Context) -> list[str]:
    """Return the encoders that a job may name."""
    return ["auto", "none", "pixels", *available(context.settings)]


def devices(context: Context) -> list[str]:
    """Return the devices that a job may name; a cluster says itself what it lacks."""
    return ["cpu", "cuda"] if context.settings.engine != "local" or NVIDIA.exists() else ["cpu"]


def check_ready(context: Context) -> None:
    """Raise unless the database answers and the data directory takes a byte."""
    context.database.check()
    probe = context.staging / f".ready.{os.getpid()}"
    try:
        probe.write_bytes(b"1")
    except OSError as error:
        raise _unwritable(context.settings.data_dir, error) from error
    finally:
        probe.unlink(missing_ok=True)


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"Expected a data directory that can be written, found {folder} refusing "
        f"({error.strerror}); free space or mend its rights.",
        code="storage_full",
    )
