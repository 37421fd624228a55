"""The one exception of this package: a problem that cannot be stated as it was given."""

from __future__ import annotations


class ProblemError(ValueError):
    """The input is wrong; the message says what was expected and found, where, and how to mend.

    An infeasible or unfinished problem is no error: it is a `Solution` with that status.
    """
