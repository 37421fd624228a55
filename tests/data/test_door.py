"""The package has one door, stays light behind it, and its documentation is complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from falcon_svc import data
from falcon_svc.data.config import DataConfig
from falcon_svc.data.registry import FORMATS
from tests.data.builders import refused, write_npz

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "input-formats.md").read_text()
NOTES = DOCS[DOCS.index("## Notes") : DOCS.index("## Refusals")]
LABEL_NOTES = (ROOT / "falcon_svc" / "data" / "label_notes.py").read_text()
HEAVY = ("pyarrow", "h5py", "PIL", "scipy", "torch", "onnxruntime", "sklearn")


def test_every_name_of_the_door_is_there() -> None:
    assert all(hasattr(data, name) for name in data.__all__)
    assert sorted(data.__all__) == data.__all__


@pytest.mark.parametrize("package", ["falcon_svc.data", "falcon_svc.encoder"])
def test_importing_loads_nothing_heavy(package: str) -> None:
    code = f"import sys, {package}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_format_is_documented() -> None:
    assert all(f"`{suffix}`" in DOCS for suffix in FORMATS)


def test_every_code_is_documented() -> None:
    sources = [path.read_text() for path in (ROOT / "falcon_svc" / "data").glob("*.py")]
    codes = {c for text in sources for c in re.findall(r'code="([a-z_0-9]+)"', text)}
    codes |= {c for text in sources for c in re.findall(r'"(zip_[a-z_]+)"', text)}
    codes |= {c for text in sources for c in re.findall(r'findings\(\s*"([a-z_]+)"', text)}
    assert {c for c in codes if f"`{c}`" not in DOCS} == set()


def test_every_note_is_documented() -> None:
    sources = [path.read_text() for path in (ROOT / "falcon_svc" / "data").glob("*.py")]
    codes = {c for text in sources for c in re.findall(r'Note\(\s*"([a-z_]+)"', text)}
    codes |= set(re.findall(r'^            "([a-z_]+)",$', LABEL_NOTES, re.MULTILINE))
    assert len(codes) > 20
    assert {c for c in codes if f"`{c}`" not in NOTES} == set()


def test_unknown_settings_are_refused() -> None:
    for wrong in (
        {"colour": 1},
        {"bad_image_fraction": 2},
        {"max_image_pixels": 10**9},
        {"label_sources": {"": "a"}},
    ):
        with pytest.raises(ValidationError):
            DataConfig(**wrong)


def test_a_data_set_beyond_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("falcon_svc.data.formats.npz.read_array", full)
    refused(write_npz(tmp_path), "too_large", "memory")
