"""The network files that jobs of the service may name: those in one folder of the operator's.

A client writes `onnx:NAME`; NAME is looked up among the folder's entries and never becomes part
of a path by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from falcon_svc.errors import ConfigError
from falcon_svc.settings import Settings


def available(settings: Settings) -> dict[str, Path]:
    """Return encoder name -> file."""
    folder = settings.encoder_files
    if folder is None or not folder.is_dir():
        return {}
    return {f"onnx:{path.name}": path for path in sorted(folder.glob("*.onnx"))}


def resolve(config: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return a configuration with the encoder's name exchanged for its file.

    Raises
    ------
    ConfigError
        It names a file that is not there (code ``bad_encoder``).
    """
    encoder = config.get("encoder")
    name = encoder.get("name") if isinstance(encoder, dict) else None
    if not isinstance(name, str) or ":" not in name:
        return config
    files = available(settings)
    if name not in files:
        raise ConfigError(
            f"Expected an encoder among none, pixels{''.join(f', {n}' for n in files)}, found "
            f"{name[:60]!r}; the operator adds files to FALCON_ENCODER_FILES.",
            code="bad_encoder",
        )
    return {**config, "encoder": {**encoder, "name": f"onnx:{files[name]}"}}  # type: ignore[dict-item]
