"""A package that is not installed, as a sentence: falcon-svc-slim brings what was asked for."""

from __future__ import annotations

from falcon_svc.errors import FalconError

SLIM = "falcon-svc-slim"
OURS = ("falcon_svc", "solver")


def lacking(error: ModuleNotFoundError) -> FalconError | None:
    """Return what to tell the user of a module that is missing.

    Parameters
    ----------
    error
        What the import raised.

    Returns
    -------
    FalconError or None
        None for a mistake of ours: a module of our own, or the program is installed whole.

    Examples
    --------
    >>> lacking(ModuleNotFoundError("No module named 'solver.x'", name="solver.x")) is None
    True
    """
    name = (error.name or "").partition(".")[0]
    if not name or name in OURS or not _is_slim():
        return None
    return FalconError(
        f"Expected the package '{name}' for this command, found none, as {SLIM} brings what its "
        "extras ask for: client for `falcon remote`, serve for `falcon serve --no-worker`, train "
        "for discovery, all for everything; install one in the folder of the program, such as "
        "pip install './slim[train]'.",
        code="missing_extra",
    )


def _is_slim() -> bool:
    from importlib import metadata  # takes as long as the help page may

    try:
        metadata.distribution(SLIM)
    except metadata.PackageNotFoundError:
        return False
    return True
