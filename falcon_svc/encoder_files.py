"""The network files that jobs of the service may name: those in one folder of the operator's.

A client writes `onnx:NAME`, `moco:continue=NAME` or `text:NAME`; NAME is looked up among the
folder's entries and never becomes part of a path by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from falcon_svc.encoder_names import ENCODERS, all_forms
from falcon_svc.errors import ConfigError
from falcon_svc.settings import Settings

PATTERNS = {before: file for one in ENCODERS.values() for before, file in one.files.items()}
"""What stands before a file's name, and which files may follow it."""
PLAIN = tuple(form for form in all_forms() if ":" not in form)
"""Encoders without a file."""


def available(settings: Settings) -> dict[str, str]:
    """Return a client's name of an encoder -> its name with the file's path."""
    folder = settings.encoder_files
    if folder is None or not folder.is_dir():
        return {}
    return {
        f"{before}{path.name}": f"{before}{path}"
        for before, pattern in PATTERNS.items()
        for path in map(_model, sorted(folder.glob(pattern)))
    }


def _model(path: Path) -> Path:
    """Return the file, or the folder of a sentence model."""
    return path.parent if path.name == "tokenizer.json" else path


def resolve(config: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return a configuration with the encoder's name exchanged for its file.

    Raises
    ------
    ConfigError
        It names a file that is not there (code ``bad_encoder``), or a number of processes, which
        is the operator's to choose (code ``unknown_option``).
    """
    encoder = config.get("encoder")
    if not isinstance(encoder, dict):
        return config
    _check_processes(encoder)
    name = encoder.get("name")
    if not isinstance(name, str) or ":" not in name:
        return config
    files = available(settings)
    if name not in files:
        raise ConfigError(
            f"Expected an encoder among {', '.join((*PLAIN, *files))}, found {name[:60]!r}; the "
            "operator adds files to FALCON_ENCODER_FILES.",
            code="bad_encoder",
        )
    return {**config, "encoder": {**encoder, "name": files[name]}}


def _check_processes(encoder: dict[str, Any]) -> None:
    moco = encoder.get("moco")
    if isinstance(moco, dict) and "processes" in moco:
        raise ConfigError(
            "Expected encoder.moco without processes, which a service does not leave to its "
            "clients; leave it out.",
            code="unknown_option",
        )
