"""Heavy libraries are loaded when they are used, not when our modules are imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "{'torch', 'sklearn', 'scipy', 'matplotlib', 'pyarrow', 'networkx', 'safetensors', 'PIL'}"


@pytest.mark.parametrize(
    "module", ["falcon_svc.report", "falcon_svc.metrics", "falcon_svc.result.files"]
)
def test_importing_loads_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
