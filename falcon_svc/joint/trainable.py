"""How an encoder that can be trained further sees images.

Place: under the joint trainings of a discovery and of a classifier; `joint.config` says which
encoders can be trained.
"""

from __future__ import annotations

from falcon_svc.encoder import Encoder
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.preprocessing import Preprocessing


def seen_by(encoder: Encoder) -> Preprocessing:
    """Return how a trainable encoder sees images."""
    seen = encoder.seen if isinstance(encoder, NetworkEncoder) else None
    assert isinstance(seen, Preprocessing), "checked by check_trainable"
    return seen
