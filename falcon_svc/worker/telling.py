"""What a client is told of its file: by the check of an upload, and by a prediction of a file.

Place: apart from both, as the process of a prediction loads no database.
"""

from __future__ import annotations

import re
from typing import Any

from falcon_svc.errors import FalconError

RAISE = re.compile(r",? or raise (max_\w+(?: or max_\w+)*)")
"""What readers advise whoever may choose the limits."""
Outcome = dict[str, Any]


def for_client(found: Outcome | None, stored: str, name: str) -> Outcome | None:
    """Return what was found in words for its owner.

    The file is called by the owner's name, not as it is stored; limits are not the owner's to
    raise.
    """
    if found is None or not found.get("error"):
        return found
    detail = found["error"]["detail"].replace(stored, ascii(name)[1:-1])
    detail = RAISE.sub(r" (\1 is this service's limit)", detail)
    return {**found, "error": {**found["error"], "detail": detail}}


def told(error: FalconError) -> Outcome:
    """Return code and words of a refusal."""
    return {"code": error.code, "detail": str(error)}
