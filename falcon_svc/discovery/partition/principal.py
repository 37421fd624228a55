"""Principal components of rows that fit in memory, exactly.

The eigenvectors of the smaller one of the rows' two product matrices, in double precision. A
library would do the same, or less exactly, and take longer to load than this takes to run.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.types import FloatArray


def principal_scores(rows: FloatArray, n_axes: int) -> FloatArray:
    """Return (n, `n_axes`) coordinates of (n, D) rows on their first principal axes.

    Signs are fixed: the coordinate farthest from 0 on each axis is positive.

    Parameters
    ----------
    rows
        (n, D).
    n_axes
        At most min(n, D).

    Examples
    --------
    >>> import numpy as np
    >>> principal_scores(np.array([[0.0, 0.0], [0.0, 2.0], [0.0, 7.0]], np.float32), 1).tolist()
    [[-3.0], [-1.0], [4.0]]
    """
    centred = np.asarray(rows, np.float64) - rows.mean(axis=0, dtype=np.float64)
    if centred.shape[0] >= centred.shape[1]:
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :n_axes]
        scores = centred @ axes
    else:
        squares, units = np.linalg.eigh(centred @ centred.T)
        lengths = np.sqrt(np.maximum(squares, 0))
        scores = (units * lengths)[:, ::-1][:, :n_axes]
    farthest = np.abs(scores).argmax(axis=0)
    signs = np.sign(scores[farthest, np.arange(n_axes)])
    return np.asarray(scores * np.where(signs == 0, 1, signs), np.float32)
