"""The folder that the attempts at a job work in, one after the other.

Place: beside `worker`. An attempt takes over what the one before it left by renaming its folder. On
a cluster an attempt that was given up may go on for a while on a machine that nobody can reach; it
then finds its folder gone, and cannot spoil the checkpoints of its successor.
"""

from __future__ import annotations

from pathlib import Path


def take_over(folder: Path, number: int) -> Path:
    """Return the folder of an attempt, with the files of the latest one before it.

    Parameters
    ----------
    folder
        Folder of the job.
    number
        Number of the attempt.
    """
    own = folder / str(number)
    earlier = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
    latest = max((n for n in earlier if n < number), default=None)
    if latest is not None and not own.exists():
        (folder / str(latest)).rename(own)
    own.mkdir(exist_ok=True, mode=0o700)
    return own
