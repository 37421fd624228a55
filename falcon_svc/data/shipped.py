"""The real data sets inside the package, so that `falcon demo` needs nothing else.

Vectors: CLINC150 (Larson et al., EMNLP 2019; CC BY 3.0), sentence embeddings of user requests, with
their domain as coarse label and their intent as fine truth. Images: Omniglot (Lake et al., Science
2015; MIT), drawings with their alphabet and their character. See shipped/ATTRIBUTION.md.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("shipped")
DEMO_N_FINE = 150
"""Intents in the shipped requests: the total that `falcon demo` gives to the discovery."""
DRAWINGS_N_FINE = 153
"""Characters in the shipped drawings, for `falcon demo --images`."""


def demo_path() -> Path:
    """Return the path of the requests, an `.npz` of 6,000 vectors in 10 classes."""
    return FOLDER / "clinc150_demo.npz"


def drawings_path() -> Path:
    """Return the path of the drawings, an `.npz` of 3,060 images in 6 classes."""
    return FOLDER / "omniglot_demo.npz"
