"""Texts to vectors: a sentence model that comes with the extra `text`, or one of the user's."""

from __future__ import annotations

from falcon_svc.encoder.text.encoder import TextEncoder, open_text

__all__ = ["TextEncoder", "open_text"]
