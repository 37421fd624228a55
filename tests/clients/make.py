"""Generates clients from /v1/openapi.json with others' tools, compiles them, and drives each.

`make clients` runs it: a service of its own on loopback, a temporary folder, node, npm and PyPI.
The document is judged first (Spectral, Redocly, schemathesis); then each client sends a data set,
queues a job, follows its events, reads results, predicts, and queues a batch. Generators are those
of `package.json` and `PYTHON` below.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.api.generated import prepare, schemathesis
from tests.api.running import Running, npz_bytes

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTHON = ("openapi-python-client==0.29.1", "mypy>=1.13", "ruff>=0.11")
FILES = ("package.json", "drive_fetch.ts", "drive_heyapi.ts", "drive_python.py")
SPECTRAL = 'extends: ["spectral:oas"]\n'


def main() -> int:
    """Return 0 if all is well; the first step that is not says so."""
    lacking = [name for name in ("node", "npm") if shutil.which(name) is None]
    if lacking:
        print(f"Expected node and npm on the PATH, found no {lacking[0]}; install Node.js 20.")
        return 2
    with tempfile.TemporaryDirectory(prefix="falcon-clients-") as name:
        folder = Path(name)
        running = Running(folder / "data", slots=2)
        try:
            _prepare(folder, running)
            for step in STEPS:
                print(f"-- {(step.__doc__ or '').strip()}", flush=True)
                step(folder, running)
        finally:
            running.stop()
    print("all clients work")
    return 0


def _prepare(folder: Path, running: Running) -> None:
    document = running.http.get("/v1/openapi.json").json()
    (folder / "openapi.json").write_text(json.dumps(document, indent=1))
    (folder / "birds.npz").write_bytes(npz_bytes(240, 4))
    (folder / ".spectral.yaml").write_text(SPECTRAL)
    for name in FILES:
        shutil.copy(HERE / name, folder)
    _aim(folder, "drive_fetch.ts")
    _run(folder, "npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", "--silent")


def _lint(folder: Path, _: Running) -> None:
    """Spectral and Redocly find no error in the document."""
    _run(folder, "npx", "spectral", "lint", "openapi.json", "--fail-severity", "error")
    _run(folder, "npx", "redocly", "lint", "openapi.json")


def _schemathesis(folder: Path, running: Running) -> None:
    """schemathesis: what the document promises is kept, without keys."""
    own = folder / "schemathesis"
    own.mkdir()
    with running.client() as falcon:
        prepare(own, falcon)
    schemathesis(own, "--phases", "examples,coverage", "--exclude-method", "DELETE")


def _python(folder: Path, running: Running) -> None:
    """openapi-python-client: generated, checked by mypy, driven."""
    environment = folder / "python"
    _run(folder, sys.executable, "-m", "venv", str(environment))
    own = environment / "bin"
    _run(folder, str(own / "python"), "-m", "pip", "install", "--quiet", *PYTHON)
    path = {"PATH": f"{own}{os.pathsep}{os.environ['PATH']}"}
    given = ("--path", "openapi.json", "--output-path", "made", "--meta", "none", "--overwrite")
    _run(folder, str(own / "openapi-python-client"), "generate", *given, **path)
    _run(folder, str(own / "python"), "-m", "mypy", "--follow-imports=silent", "drive_python.py")
    _run(folder, str(own / "python"), "drive_python.py", running.url)


def _fetch(folder: Path, running: Running) -> None:
    """openapi-typescript and openapi-fetch: generated, compiled, driven."""
    optional = "--default-non-nullable=false"  # what has a default can be left out
    _run(folder, "npx", "openapi-typescript", "openapi.json", "--output", "schema.d.ts", optional)
    _compile(folder, "drive_fetch.ts")
    _run(folder, "node", "out/drive_fetch.js", running.url)


def _heyapi(folder: Path, running: Running) -> None:
    """@hey-api/openapi-ts: generated, compiled, driven."""
    _run(folder, "npx", "openapi-ts", "--input", "openapi.json", "--output", "heyapi", "--silent")
    _compile(folder, "drive_heyapi.ts")
    _run(folder, "node", "out/drive_heyapi.js", running.url)


def _aim(folder: Path, name: str) -> None:
    """Write the compiler's options, which generators read too."""
    options = json.loads((HERE / "tsconfig.json").read_text()) | {"files": [name]}
    (folder / "tsconfig.json").write_text(json.dumps(options))


def _compile(folder: Path, name: str) -> None:
    _aim(folder, name)
    _run(folder, "npx", "tsc", "--outDir", "out")


STEPS: tuple[Callable[[Path, Running], None], ...] = (
    _lint,
    _python,
    _fetch,
    _heyapi,
    _schemathesis,
)


def _run(folder: Path, *command: str, **environment: str) -> None:
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment
    done = subprocess.run(
        command, cwd=folder, env=clean, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    sys.exit(main())
