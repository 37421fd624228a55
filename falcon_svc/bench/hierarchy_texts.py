"""Text embeddings of a benchmark set's class names, for the row of HCCF that is about texts.

Place: under `falcon_svc.bench.hierarchy_bench`. They come from a file, or from the text encoder,
which the extra `text` brings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.bench.hierarchy_split import fine_node
from falcon_svc.encoder import EncoderConfig, EncoderRun
from falcon_svc.encoder_names import TEXT
from falcon_svc.errors import InputError
from falcon_svc.hierarchy.classifier.label_forms import text_file
from falcon_svc.supervised.encoding import embed_names

Floats = NDArray[np.floating[Any]]
TITLE = "hccf, class names"


def node_texts(coarse: tuple[str, ...], fine: tuple[str, ...], given: str) -> dict[str, Floats]:
    """Return the text embedding of each node of a split's tree, by the node's name.

    Parameters
    ----------
    coarse, fine
        Names of the classes, index = label.
    given
        Path of an ``.npz`` file with arrays `names` and `embeddings`; or ``text``, ``text:DIR``.

    Raises
    ------
    InputError
        The file cannot be read, or lacks a class.
    ConfigError, MissingExtraError
        There is no such sentence model, or what runs it is not installed.
    """
    nodes = {name: name for name in coarse} | {fine_node(k): name for k, name in enumerate(fine)}
    if given.partition(":")[0] == TEXT and not Path(given).exists():
        run = EncoderRun(EncoderConfig(name=given))
        vectors: dict[str, Any] = dict(embed_names(list(nodes.values()), run))
    else:
        vectors = text_file(given)
    missing = [name for name in nodes.values() if name not in vectors]
    if missing:
        raise InputError(
            f"Expected a text embedding for every class, found none for {missing[0]!r} and "
            f"{len(missing) - 1} more in {given}; embed their names."
        )
    return {node: vectors[name] for node, name in nodes.items()}
