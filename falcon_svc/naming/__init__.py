"""Readable working names of discovered classes: words, features that set apart, typical samples."""

from __future__ import annotations

from falcon_svc.naming.names import name_classes

__all__ = ["name_classes"]
