"""Which encoders there are: the one place that names them.

Settings, help, refusals, the service's list and its files are made from this table. It loads
nothing, so that `falcon --help` may read it; an encoder is imported when it is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PASS_THROUGH, TEXT = "none", "text"


@dataclass(frozen=True)
class EncoderName:
    """How one encoder is called.

    Parameters
    ----------
    samples
        Kinds of samples that it takes: vectors, images, texts.
    opener
        ``module:function`` in the package of encoders; the function takes what stands behind the
        colon of a name, the data set and an `EncoderRun`.
    forms
        How it is written, the plainest first.
    what
        What it does, in a few words; empty where the forms say it.
    files
        What stands before the name of a file that a service offers -> which files these are.
    """

    samples: tuple[str, ...]
    opener: str
    forms: tuple[str, ...]
    what: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


ENCODERS = {
    PASS_THROUGH: EncoderName(
        ("vectors",), "pass_through:PassThrough", (PASS_THROUGH,), "vectors as they are"
    ),
    "pixels": EncoderName(("images",), "pixels:PixelEncoder", ("pixels",)),
    "moco": EncoderName(
        ("images", "vectors"),
        "moco.encoder:open_moco",
        ("moco", "moco:continue=DIR"),
        "trained on the images",
        {"moco:continue=": "*.safetensors"},
    ),
    "timm": EncoderName(("images",), "backbones.pretrained:open_timm", ("timm:NAME[@FILE]",)),
    "torchvision": EncoderName(
        ("images",), "backbones.pretrained:open_torchvision", ("torchvision:NAME[@FILE]",)
    ),
    "onnx": EncoderName(
        ("images",), "backbones.onnx:OnnxEncoder", ("onnx:FILE",), files={"onnx:": "*.onnx"}
    ),
    TEXT: EncoderName(
        ("texts",),
        "text:open_text",
        (TEXT, "text:DIR", "text:FILE"),
        "sentence embeddings",
        {"text:": "*/tokenizer.json"},
    ),
}
"""What stands before the colon of a name -> the encoder; `auto` means the first of its samples."""


def for_samples(kind: str) -> tuple[str, ...]:
    """Return the encoders of one kind of samples; the first is what `auto` means."""
    return tuple(name for name, one in ENCODERS.items() if kind in one.samples)


def all_forms() -> tuple[str, ...]:
    """Return every way to write an encoder's name."""
    return tuple(form for one in ENCODERS.values() for form in one.forms)


def in_words() -> str:
    """Return every way to write an encoder's name, with what it does, and what `auto` means."""
    told = [
        f"{form} ({one.what})" if one.what and form == one.forms[0] else form
        for one in ENCODERS.values()
        for form in one.forms
    ]
    kinds = ("vectors", "images", "texts")
    auto = [f"{for_samples(kind)[0]} for {kind}" for kind in kinds]
    return f"{', '.join(told)}; auto = {', '.join(auto)}"
