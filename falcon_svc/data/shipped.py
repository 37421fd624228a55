"""The real data set inside the package, so that `falcon demo` needs nothing else.

CLINC150 (Larson et al., EMNLP 2019; CC BY 3.0, see shipped/ATTRIBUTION.md): sentence embeddings
of user requests, with their domain as coarse label and their intent as fine truth.
"""

from __future__ import annotations

from pathlib import Path

DEMO_N_FINE = 150
"""Intents in the shipped data set: the total that `falcon demo` gives to the discovery."""


def demo_path() -> Path:
    """Return the path of the shipped data set, an `.npz` of 6,000 vectors in 10 classes."""
    return Path(__file__).with_name("shipped") / "clinc150_demo.npz"
