"""What this installation can do, and whether it can do it now."""

from __future__ import annotations

from falcon_svc.data.registry import FORMATS as _FORMATS
from falcon_svc.encoder_files import PLAIN, available
from falcon_svc.errors import StorageError
from falcon_svc.service.context import Context

FORMATS = list(_FORMATS)


def formats(context: Context, *, own_worker: bool) -> list[str]:
    """Return the suffixes of files that jobs can read.

    Where jobs run beside this process, those that its packages read; a worker elsewhere may have
    others, and then all are told.
    """
    here = own_worker and context.settings.engine == "local"
    return [suffix for suffix, one in _FORMATS.items() if one.is_there or not here]


def encoders(context: Context) -> list[str]:
    """Return the encoders that a job may name."""
    return ["auto", *PLAIN, *available(context.settings)]


def devices(context: Context) -> list[str]:
    """Return the devices that a job may name, beside auto."""
    return sorted(context.devices.known - {"auto"})


def check_ready(context: Context) -> None:
    """Raise unless the database answers and the data directory takes a byte."""
    context.database.check()
    probe = context.staging.new_file()
    try:
        probe.write_bytes(b"1")
    except OSError as error:
        what = f"The data directory {context.settings.data_dir} could not be written"
        raise StorageError.because(what, error, remedy="mend its rights") from error
    finally:
        probe.unlink(missing_ok=True)
