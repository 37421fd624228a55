"""Where a worker finds the files of a data set."""

from __future__ import annotations

from pathlib import Path

from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore
from falcon_svc.storage.datasets import folder_key
from falcon_svc.storage.tables import Dataset


def local_file(artifacts: ArtifactStore, dataset: Dataset) -> Path:
    """Return a path to a data set's main file, with its labels beside it if it has some."""
    return artifacts.local_path(folder_key(dataset.id)) / f"data{dataset.suffix}"


def artifacts_of(settings: Settings) -> ArtifactStore:
    """Return the artifact store of these settings."""
    return ArtifactStore(settings.artifacts, settings.data_dir / "cache")
