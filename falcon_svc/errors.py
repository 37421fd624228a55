"""The exception tree: everything that can be the user's to mend is a `FalconError`.

A message is one sentence that says what was expected, what was found, where, and how to mend it.
`code` is stable and machine-readable: the command line prints it, the service puts it into its
problem documents, with `errors`, each thing that is wrong by its `pointer` and `detail`, where
there may be several. Bugs of ours are never `FalconError`s: they stay tracebacks.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
FULL = "storage_full"


class FalconError(Exception):
    """Base of all errors that a user can mend.

    Parameters
    ----------
    message
        One sentence: expected, found, where, remedy.
    code
        A stable word for programs; None = that of the class.
    errors
        Each thing that is wrong, by its `pointer` and `detail`.
    """

    code: str = "falcon_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.errors = [dict(one) for one in errors]
        if code is not None:
            self.code = code


class InputError(FalconError):
    """The data set cannot be used as it is (bad file, shape, value or label)."""

    code = "bad_input"


class ConfigError(FalconError):
    """A setting is unknown, out of range, or contradicts the data."""

    code = "bad_config"


class MissingExtraError(FalconError):
    """An optional dependency is needed for what was asked.

    Parameters
    ----------
    package
        What is not installed.
    extra
        The extra of this package that brings it.
    purpose
        What needs it, the beginning of the sentence.
    """

    code = "missing_extra"

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed; "
            f"install it from the folder of the program: pip install -e '.[{extra}]'."
        )


class StorageError(FalconError):
    """A file could not be written or is damaged (disk full, checkpoint of another run)."""

    code = "storage"

    @classmethod
    def because(cls, what: str, error: OSError, *, remedy: str) -> StorageError:
        """Return the error that says `what` happened and why; a full disk has a code of its own.

        Parameters
        ----------
        what
            What could not be done, the beginning of the sentence.
        error
            What the system says.
        remedy
            What the user can do, the end of the sentence.

        Returns
        -------
        StorageError
            One sentence, with the code ``storage_full`` where the disk is full.
        """
        if error.errno in NO_SPACE:
            return cls(f"{what}: the disk is full; free some space, or {remedy}.", code=FULL)
        return cls(f"{what}: the system says '{error.strerror or error}'; {remedy}.")


class DeviceError(FalconError):
    """The device that was asked for is not there, or is out of memory."""

    code = "no_such_device"


class DivergedError(FalconError):
    """Training left the finite numbers and could not be brought back."""

    code = "diverged"


class CollapsedError(FalconError):
    """An encoder in training gives all samples the same features."""

    code = "collapsed"
