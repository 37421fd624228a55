"""The door of the command line: all commands, and errors as one sentence with an exit code.

Exit codes: 0 done, 1 `falcon validate`, `verify` or `doctor` found something wrong, 2 anything else
that the user can mend, 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from falcon_svc import __version__
from falcon_svc.cli.advise import advise
from falcon_svc.cli.bench import PASS_ON, bench
from falcon_svc.cli.classifier import classify, train_classifier
from falcon_svc.cli.discover import demo, discover
from falcon_svc.cli.doctor import doctor
from falcon_svc.cli.evaluate import evaluate
from falcon_svc.cli.lacking import lacking
from falcon_svc.cli.metrics import metrics
from falcon_svc.cli.predict import predict
from falcon_svc.cli.pretrain import pretrain
from falcon_svc.cli.remote import remote
from falcon_svc.cli.review import review
from falcon_svc.cli.serve import keys, serve, worker
from falcon_svc.cli.triage import export, resolve
from falcon_svc.cli.validate import validate
from falcon_svc.cli.verify import verify
from falcon_svc.errors import FULL, NO_SPACE, FalconError

BAD_INPUT = 2
INTERRUPTED = 130
# Typer brings its own click or uses the installed one: find the class that it raises.
UsageError: type[Exception] = next(
    kind
    for kind in typer.BadParameter.__mro__
    if kind.__name__ == "UsageError" and issubclass(kind, Exception)
)

app = typer.Typer(
    name="falcon",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    *(discover, pretrain, validate, evaluate, predict, verify, demo),
    *(review, resolve, export, classify, metrics, advise),
    *(serve, worker, doctor),
)
for command in COMMANDS:
    app.command()(command)
app.command("train-classifier")(train_classifier)
app.command(context_settings=PASS_ON)(bench)
for group in (keys, remote):
    app.add_typer(group)


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; errors go to stderr as one line."""
    as_json = "--json" in arguments
    try:
        return app(list(arguments) or ["--help"], prog_name="falcon", standalone_mode=False) or 0
    except FalconError as error:
        return _refuse(str(error), error.code, as_json=as_json)
    except UsageError as error:
        return _refuse(_usage(error), "usage", as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (MemoryError, ModuleNotFoundError, OSError) as error:
        told = _told(error)
        if told is None:
            raise
        return _refuse(str(told), told.code, as_json=as_json)


def _told(error: Exception) -> FalconError | None:
    """Return what this machine lacks, as a sentence; None for a mistake of ours."""
    if isinstance(error, MemoryError):
        return FalconError(
            "The run needs more memory than this machine has; "
            "falcon validate says how much, a smaller data set needs less.",
            code="out_of_memory",
        )
    if isinstance(error, ModuleNotFoundError):
        return lacking(error)
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return FalconError("The disk is full; free some space, then run again.", code=FULL)
    return None


def _usage(error: BaseException) -> str:
    message = getattr(error, "format_message", lambda: str(error))()
    return f"{message.rstrip('.')}; falcon --help lists commands and flags."


def _refuse(message: str, code: str, *, as_json: bool) -> int:
    line = " ".join(message.split())
    print(f"error: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": {"code": code, "message": line}}))
    return BAD_INPUT


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"falcon-svc {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
]


@app.callback()
def falcon(version: Version = False) -> None:
    """Discover the fine classes inside coarsely labelled data."""


if __name__ == "__main__":
    main()
