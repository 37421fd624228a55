"""A re-solve in a process of its own: JSON lines on stdout, ended by its answer or an error.

``python -m falcon_svc.review.child RESULT REVIEW HEAD AUTHOR REASON SEED``. It changes the review
in one step at its end, so that it can be killed at any time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from falcon_svc.errors import FalconError


class Told:
    """Prints progress as JSON lines."""

    def __init__(self) -> None:
        self._stage, self._total = "start", 1

    def stage(self, name: str, total: int) -> None:
        """Begin a stage."""
        self._stage, self._total = name, total
        self.advance(0, {})

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        """Tell how much is done."""
        tell({"stage": self._stage, "done": done, "total": self._total})


def tell(document: dict[str, Any]) -> None:
    """Print one line."""
    print(json.dumps(document), flush=True)


def main(result: str, review: str, head: str, author: str, reason: str, seed: str) -> None:
    """Solve, and take the answer over if nobody has corrected anything in the meantime."""
    try:
        tell({"stage": "start", "done": 0, "total": 1})
        from falcon_svc.triage.revisions import StaleRevisionError
        from falcon_svc.triage.session import Session

        session = Session(Path(result), folder=Path(review))
        if session.head != head:
            raise StaleRevisionError(head, session.log.since(head))
        solved = session.resolve(author=author, reason=reason, seed=int(seed), progress=Told())
        tell({"revision": solved.revision.id, "diff": solved.diff.document()})
    except FalconError as error:
        wishes = list(getattr(error, "wishes", ()))
        tell({"error": {"code": error.code, "detail": str(error), "wishes": wishes}})


if __name__ == "__main__":
    main(*sys.argv[1:])
