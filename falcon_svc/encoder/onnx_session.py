"""One way to open an ONNX model, for images and for texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from falcon_svc.errors import ConfigError, MissingExtraError


def open_session(
    path: Path, threads: int, *, extra: str, purpose: str, unfit: Callable[[str], ConfigError]
) -> Any:
    """Return a session on the CPU; `unfit` makes the error from the library's own words."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", extra=extra, purpose=purpose) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base but Exception
        raise unfit(" ".join(str(error).split())[:200]) from error
