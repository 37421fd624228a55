"""Writes `falcon_svc/client/documents.py` from the OpenAPI document, its one source.

    python -m tests.api.client_documents

A test writes it again and compares.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from falcon_svc.api.app import create_app
from falcon_svc.settings import Settings
from tests.architecture.sources import ROOT

FILE = ROOT / "falcon_svc" / "client" / "documents.py"
HEAD = '''"""The documents that the service answers with, as types of plain dicts.

Written by `python -m tests.api.client_documents` from `/v1/openapi.json`, their one source:
change `falcon_svc/api/*schemas.py`, then run it. Times are RFC 3339 texts.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

'''
KINDS = ("Discovery", "Classifier", "Advice", "Metrics")
NAMES = {
    "Failure": "Failure",
    "DatasetSummary": "DatasetSummary",
    "DatasetOut": "Dataset",
    "UploadOut": "Upload",
    "Progress": "Progress",
    "Stage": "Stage",
    **{f"{kind}Summary": f"{kind}Summary" for kind in KINDS},
    "Count": "Count",
    "JobOut": "Job",
    "JobEvent": "JobEvent",
    "BatchJobIn": "Order",
    "BatchOut": "Batch",
    "FineClass": "FineClass",
    "Sample": "Sample",
    "DiscoverOut": "Discovered",
    "RelationOut": "Relation",
    "CheckOut": "Check",
    "VerificationOut": "Verification",
    "Prediction": "Prediction",
    "NoteOut": "Note",
    "PredictOut": "Predictions",
    **{f"{name}Out": name for name in ("Card", "Difference", "Verdict", "Comparison", "Advice")},
    "ClassOut": "Classification",
    "ClassifyOut": "Classified",
    "MetricsOut": "Measured",
    "JobMetricsOut": "JobMetrics",
    "Capabilities": "Capabilities",
}
"""Schema -> what the client calls it, in the order of the file."""
PARTIAL = ("BatchJobIn", "JobEvent")
"""Schemas that may lack members; whatever else the service answers has all of them."""
CHOICES = {
    "State": ("schemas", "JobOut", "state"),
    "JobKind": ("schemas", "JobOut", "kind"),
    "Rule": ("schemas", "ClassifyIn", "inference"),
    "Word": ("schemas", "VerdictOut", "word"),
    "Origin": ("schemas", "Count", "origin"),
    "Kind": ("parameters", "/v1/jobs/{job_id}/classes/{class_id}/samples", "kind"),
    "GraphFormat": ("parameters", "/v1/jobs/{job_id}/graph", "format"),
}
"""Names of sets of words, and the member or parameter that takes one of them."""
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}

Schema = dict[str, Any]


def openapi() -> Schema:
    with tempfile.TemporaryDirectory() as folder:
        return create_app(Settings(data_dir=Path(folder))).openapi()


def written(document: Schema) -> str:
    """The module's text."""
    schemas = document["components"]["schemas"]
    choices = {name: _words(_chosen(document, *place)) for name, place in CHOICES.items()}
    aliases = [f"{name} = {words}" for name, words in choices.items()]
    names = {words: name for name, words in choices.items()}
    classes = [_class(schemas[schema], schema, name, names) for schema, name in NAMES.items()]
    return _formatted(HEAD + "\n".join(aliases) + "\n\n\n" + "\n\n\n".join(classes) + "\n")


def _chosen(document: Schema, kind: str, place: str, name: str) -> Schema:
    if kind == "schemas":
        schema = document["components"]["schemas"][place]["properties"][name]
    else:
        parameters = document["paths"][place]["get"]["parameters"]
        schema = next(one["schema"] for one in parameters if one["name"] == name)
    return next((one for one in schema.get("anyOf", ()) if "enum" in one), schema)


def _class(schema: Schema, name: str, called: str, names: dict[str, str]) -> str:
    lines = [f"class {called}(TypedDict):", f'    """{schema["description"]}"""', ""]
    for member, kind in schema["properties"].items():
        hint = _hint(kind, names)
        lacking = name in PARTIAL and member not in schema.get("required", ())
        lines.append(f"    {member}: {f'NotRequired[{hint}]' if lacking else hint}")
    return "\n".join(lines)


def _hint(schema: Schema, names: dict[str, str]) -> str:
    """The Python type of a JSON type."""
    if "$ref" in schema:
        return NAMES.get(schema["$ref"].rpartition("/")[2], "dict[str, Any]")
    if "anyOf" in schema:
        return " | ".join(_hint(one, names) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return names.get(_words(schema), _words(schema))
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_hint(schema['items'], names)}]"
    if kind == "object":
        values = schema.get("additionalProperties", True)
        return f"dict[str, {_hint(values, names) if isinstance(values, dict) else 'Any'}]"
    return PLAIN.get(kind, "Any")


def _words(schema: Schema) -> str:
    words = schema.get("enum") or [schema["const"]]
    return f"Literal[{', '.join(f'{word!r}' for word in words)}]"


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    FILE.write_text(written(openapi()), "utf-8")
