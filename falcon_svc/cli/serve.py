"""`falcon serve`, `falcon worker`, `falcon keys`: the service on this machine."""

from __future__ import annotations

import importlib.util
import os
import platform
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.cli.listening import listen
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    from falcon_svc.service.context import Context
    from falcon_svc.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Directory of the database, the files and the jobs at work.",
    ),
]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[
    int | None, typer.Option("--port", help="Port to listen on; 0 = any that is free.")
]
NoWorker = Annotated[
    bool, typer.Option("--no-worker", help="Start the API only; falcon worker runs jobs.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Tell whether a worker is at work here: exit code 0 or 2.")
]
Scopes = Annotated[
    str, typer.Option("--scopes", help="What the key may do, among read,review,write,admin.")
]
Days = Annotated[
    float | None,
    typer.Option("--days", min=0, help="Days until the key expires; without it, never."),
]
GRACE_S = 5
SWITCH_S = 0.0005
MOST_FILES = 65_536
NEEDED = ("fcntl", "resource")

keys = typer.Typer(name="keys", help="Make, list and revoke API keys.", no_args_is_help=True)


def serve(
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    no_worker: NoWorker = False,
) -> None:
    """Start the REST API, with a worker, on http://127.0.0.1:8000."""
    settings = settings_of(data_dir, host=host, port=port)
    settings.check_exposed()
    if not no_worker:
        check_can_work(settings)
    environment = dict(os.environ)
    _prepare_process()
    import uvicorn

    from falcon_svc.api.app import create_app
    from falcon_svc.api.patience import Patient
    from falcon_svc.service.context import prepare
    from falcon_svc.service.operations.supervise import Companion, take_lock
    from falcon_svc.service.operations.vitals import Vitals

    place = listen(settings.host, settings.port)
    prepare(settings)
    vitals = Vitals()
    companion = None if no_worker else Companion(settings, environment, vitals)
    if companion is not None:
        os.close(take_lock(settings))  # another one is told of before anything is served
    app = create_app(settings, vitals=vitals, worker=companion)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=Patient,
            access_log=False,
            log_level="warning",
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies.split(","),
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    vitals.end = lambda: setattr(server, "should_exit", True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again at its end
    if companion is not None:
        companion.start()
    host, port = place.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"http://{shown}:{port} serves {settings.data_dir.resolve()}; Ctrl-C ends it", flush=True)
    try:
        server.run(sockets=[place])
    finally:
        if companion is not None:
            companion.stop()
    vitals.check()


def _prepare_process() -> None:
    """One thread per product of matrices, as answers share the cores; sockets for many clients."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
    import resource

    sys.setswitchinterval(SWITCH_S)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def worker(data_dir: DataDir = None, check: Check = False) -> None:
    """Run the jobs of a service whose API runs elsewhere on the same database."""
    settings = settings_of(data_dir)
    if check:
        from falcon_svc.service.operations.pulse import check_at_work

        return check_at_work(settings)
    check_can_work(settings)
    from falcon_svc.service.context import prepare
    from falcon_svc.service.operations.supervise import run

    prepare(settings)
    return run(settings)


@keys.command("create")
def create_key(
    tenant: Annotated[str, typer.Argument(help="Tenant whose data the key opens.")],
    name: Annotated[str, typer.Option("--name", help="Name of the key, to tell keys apart.")] = "",
    scopes: Scopes = "read,write",
    days: Days = None,
    new: Annotated[bool, typer.Option("--new", help="Make the data directory too.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key and show it, this once."""
    from falcon_svc.service.keys import DAY_S

    valid_s = None if days is None else days * DAY_S
    wanted = frozenset(scopes.split(","))
    context = _context(data_dir, new=new)
    key = context.keyring.make(tenant, wanted, name=name, valid_s=valid_s)
    _audit(context, "keys create", f"key_{key.split('_')[1]}")
    print(f"a key of the service in {context.settings.data_dir.resolve()}", file=sys.stderr)
    print(key)


@keys.command("list")
def list_keys(data_dir: DataDir = None) -> None:
    """List keys: id, tenant, scopes, state, name."""
    for row in _context(data_dir).keyring.every():
        print(f"{row.id}  {row.tenant}  {','.join(row.scopes)}  {row.state}  {row.name}")


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="Id of the key, as falcon keys list shows it.")],
    data_dir: DataDir = None,
) -> None:
    """Revoke a key, at once."""
    context = _context(data_dir)
    found = context.keyring.revoke(key_id)
    _audit(context, "keys revoke", key_id, found=found)
    if not found:
        raise _no_key(key_id)


@keys.command("rotate")
def rotate_key(
    key_id: Annotated[str, typer.Argument(help="Id of the key, as falcon keys list shows it.")],
    overlap_days: Annotated[
        float, typer.Option(min=0, help="Days for which both keys work.")
    ] = 1.0,
    data_dir: DataDir = None,
) -> None:
    """Make a key in place of another one, which expires a day later, and show it, this once."""
    from falcon_svc.service.keys import DAY_S

    context = _context(data_dir)
    fresh = context.keyring.rotate(key_id, overlap_s=overlap_days * DAY_S)
    _audit(context, "keys rotate", key_id, found=fresh is not None)
    if fresh is None:
        raise _no_key(key_id)
    print(fresh)


@keys.command("webhook-secret")
def webhook_secret(tenant: str, data_dir: DataDir = None) -> None:
    """Show the secret that a tenant's webhooks are signed with."""
    from falcon_svc.service.webhooks import secret_of

    print(secret_of(_context(data_dir).keyring, tenant))


def settings_of(data_dir: Path | None, **given: object) -> Settings:
    """Return the settings of flags and environment, where flags go too, for child processes.

    Raises
    ------
    ConfigError
        This system cannot run the service, or a setting is wrong.
    """
    check_supported()
    from falcon_svc.settings import read_settings

    flags = {"data_dir": data_dir, **given}
    for name, value in flags.items():
        if value is not None:
            os.environ[f"FALCON_{name.upper()}"] = str(value)
    return read_settings()


def check_supported() -> None:
    """Raise ConfigError where the service cannot run: it needs locks and limits of Unix."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise ConfigError(
            f"Expected Linux or macOS for the service, found {platform.system()}, which lacks file "
            "locks and process limits of Unix; run it in WSL or a container (docker/README.md), or "
            "use falcon discover, predict and remote here.",
            code="unsupported_system",
        )


def check_can_work(settings: Settings) -> None:
    """Raise ConfigError where jobs would run here and the packages that they need are absent."""
    if settings.engine == "local" and importlib.util.find_spec("torch") is None:
        raise ConfigError(
            "Expected torch for a worker, found an installation without it; start the API alone "
            "with `falcon serve --no-worker`, or install the worker's packages, such as with "
            "pip install './slim[all]' in the folder of the program.",
            code="missing_extra",
        )


def _context(data_dir: Path | None, *, new: bool = False) -> Context:
    """Open a service's data directory, which must be there unless it is to be `new`.

    Raises
    ------
    ConfigError
        No service was ever started in it (code ``no_service``): its keys would open nothing.
    """
    settings = settings_of(data_dir)
    from falcon_svc.service.context import Context
    from falcon_svc.service.keys import has_pepper

    if not new and not has_pepper(settings.data_dir):
        raise ConfigError(
            f"Expected the data directory of a service, found none at "
            f"{settings.data_dir.resolve()}; name it with --data-dir, as `falcon serve` prints it, "
            "or make keys before its first start with `falcon keys create --new`.",
            code="no_service",
        )
    return Context.make(settings)


def _audit(context: Context, command: str, key_id: str, *, found: bool = True) -> None:
    done = "done" if found else "no such key"
    context.audit.write(user=os.getuid(), command=f"falcon {command}", key=key_id, outcome=done)


def _no_key(key_id: str) -> ConfigError:
    return ConfigError(
        f"Expected the id of a valid key, found {key_id[:60]!r}; see falcon keys list.",
        code="not_found",
    )
