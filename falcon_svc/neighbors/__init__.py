"""Nearest neighbors inside coarse classes; the only place that imports faiss."""

from __future__ import annotations

from falcon_svc.neighbors.search import nearest_inside, nearest_rows, neighbors_of, search_neighbors

__all__ = ["nearest_inside", "nearest_rows", "neighbors_of", "search_neighbors"]
