"""Settings of the service, from the environment: `FALCON_DATA_DIR`, `FALCON_PORT`, ...

Place: read once by whatever starts a process (API, supervisor, worker); functions receive plain
values. A worker process inherits its environment, so that all parts see the same settings.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from falcon_svc.errors import ConfigError
from falcon_svc.wrong_fields import wrong_fields

SECRETS = frozenset({"FALCON_DATABASE_URL"})
"""Variables that no other machine is told: whoever needs them there has them set there."""
CLIENTS = frozenset({"URL", "KEY"})
"""What the client reads."""
PREFIX = "FALCON_"
NEAR = 0.8
"""Likeness of two names (difflib's ratio) from which one is taken for the other, misspelt."""


class Settings(BaseSettings):
    """Where things are, and how much is allowed."""

    model_config = SettingsConfigDict(env_prefix="FALCON_", frozen=True)

    data_dir: Path = Field(
        Path("falcon-data"),
        description="Directory of the database, the files and the jobs at work.",
    )
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; None = SQLite file in the data directory."
    )
    artifacts_url: str | None = Field(
        None,
        description="URL (fsspec) of uploads and results; None = folder in the data directory.",
    )
    host: str = Field(
        "127.0.0.1", description="Address to listen on; one beyond loopback needs keys."
    )
    port: int = Field(8000, ge=0, le=65_535)
    keys_required: bool = Field(
        False, description="Whether every request needs an API key; loopback may do without."
    )

    engine: Literal["local", "ray"] = Field(
        "local", description="Where jobs run: on this machine, or on a Ray cluster."
    )
    slots: int = Field(1, ge=1, le=1_000, description="Jobs that run at once.")
    gpus: int | None = Field(
        None, ge=0, description="GPUs of this machine for jobs, one each; None = those it has."
    )
    ray_address: str = Field(
        "http://127.0.0.1:8265", description="URL of the Ray dashboard; keep it off the network."
    )
    ray_cpus: float = Field(1.0, gt=0, description="Processors that Ray keeps for each job.")
    ray_gpus: float = Field(
        0.0, ge=0, description="GPUs that Ray keeps for each job that does not say cpu."
    )
    ray_autoscales: bool = Field(
        False, description="Whether nodes come when they are needed; else a job must fit one."
    )
    worker_threads: int = Field(1, ge=1, description="Threads of each numerical library in a job.")
    worker_nice: int = Field(
        10, ge=0, le=19, description="Niceness of a job's process while the API has much to do."
    )
    warm_worker: bool = Field(
        True, description="Whether a process that has loaded all jobs need stands by (0.5 GB)."
    )
    worker_memory_bytes: int | None = Field(
        None,
        ge=2**28,
        description="Most data memory of a job, beyond what it loads; None = no limit.",
    )
    check_memory_bytes: int = Field(
        4 * 2**30,
        ge=2**28,
        description="Most data memory of the process that checks an upload, beyond what it loads.",
    )
    check_cpu_s: int = Field(
        600, ge=1, description="Most processor seconds of the process that checks an upload."
    )
    lease_s: float = Field(
        30.0, gt=0, description="Seconds of silence after which an attempt is given up."
    )
    start_s: float = Field(
        60.0,
        gt=0,
        description="Seconds of silence after which an attempt that still loads is given up.",
    )
    lock_wait_s: float = Field(
        10.0, ge=0, description="Seconds to wait for a supervisor that is just ending."
    )
    max_attempts: int = Field(4, ge=1, description="Attempts after which a job has failed.")
    retention_s: float = Field(
        30 * 86_400.0, gt=0, description="Seconds until a finished job expires."
    )

    allowed_hosts: str = Field(
        "127.0.0.1,localhost,[::1]", description="Host names that work without a key."
    )
    trusted_proxies: str = Field(
        "", description="Addresses whose X-Forwarded-For says where requests come from."
    )
    rate_per_s: float = Field(
        1_000.0, gt=0, description="Most requests per second of one tenant or address."
    )
    wrong_keys: int = Field(
        20,
        ge=1,
        description="Wrong keys of one address before it waits 5 s for each; right ones pass.",
    )
    max_requests: int = Field(200, ge=1, description="Most requests that are worked on at once.")
    max_streams: int = Field(
        1_000, ge=1, description="Most event streams, and requests that `Prefer: wait`, at once."
    )
    max_uploads: int = Field(
        100, ge=1, description="Most requests with a body that one tenant sends at once."
    )
    max_json_bytes: int = Field(32 * 2**20, ge=2**10, description="Most bytes of one JSON request.")
    max_upload_bytes: int = Field(
        256 * 2**20, ge=1, description="Most bytes of one request's file."
    )
    max_queued_jobs: int = Field(1_000, ge=1, description="Most unfinished jobs of one tenant.")
    max_dataset_bytes: int = Field(
        20 * 2**30, ge=1, description="Most bytes of all data sets of one tenant."
    )
    max_datasets: int = Field(
        10_000, ge=1, description="Most data sets and open uploads of one tenant."
    )
    most_wait_s: float = Field(
        60.0, ge=0, description="Longest wait that `Prefer: wait` gets, in seconds."
    )

    private_webhooks: bool = Field(
        False, description="Whether webhooks may go to http and to private addresses."
    )
    encoder_files: Path | None = Field(
        None,
        description="Folder of the network files that jobs may name; None = jobs may name none.",
    )

    @property
    def beat_s(self) -> float:
        """How often an attempt tells that it is alive."""
        return self.lease_s / 6

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'falcon.db'}"

    @property
    def artifacts(self) -> str:
        """The artifacts' URL."""
        return self.artifacts_url or str(self.data_dir.resolve() / "artifacts")

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that is to have the same settings, anywhere."""
        chosen = {name: value for name, value in self if value is not None}
        paths = {name: v.resolve() for name, v in chosen.items() if isinstance(v, Path)}
        return {f"FALCON_{name.upper()}": str(value) for name, value in (chosen | paths).items()}

    def check_exposed(self) -> None:
        """Refuse to listen beyond this machine without keys.

        Raises
        ------
        ConfigError
            The address is not loopback and keys are not required.
        """
        if not self.keys_required and not _is_loopback(self.host):
            raise ConfigError(
                f"Expected FALCON_KEYS_REQUIRED=true where the service listens beyond this "
                f"machine, found host {self.host!r} without keys; set it and make a key with "
                "`falcon keys create`, or listen on 127.0.0.1."
            )


def read_settings() -> Settings:
    """Return the settings of the environment.

    Raises
    ------
    ConfigError
        A value is out of range, or a name is misspelt; the sentence names one.
    """
    _check_names(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        (wrong,) = wrong_fields([first], {first["loc"][0]: first.get("input")})
        name = f"FALCON_{str(first['loc'][0]).upper()}"
        raise ConfigError(
            f"Setting {name}: {wrong['detail']}; see docs/operations.md for the settings and their "
            "ranges."
        ) from error


def _check_names(environment: Mapping[str, str]) -> None:
    """Refuse what is nearly the name of a setting: it would be passed over without a word.

    Other programs' variables may begin with FALCON_ too.
    """
    known = {name.upper() for name in Settings.model_fields} | CLIENTS
    for name in (name for name in environment if name.startswith(PREFIX)):
        own = name.removeprefix(PREFIX)
        near = difflib.get_close_matches(own, known, 1, NEAR)
        if own not in known and near:
            raise ConfigError(
                f"Expected the setting {PREFIX}{near[0]}, found {name[:60]} in the environment; "
                "write it so, or unset it (docs/operations.md lists all)."
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
