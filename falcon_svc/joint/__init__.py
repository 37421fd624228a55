"""Joint training: encoder and head together, as FALCON trains them, from a frozen start."""

from __future__ import annotations

from falcon_svc.joint.config import JointConfig

__all__ = ["JointConfig"]
