"""Fetching datasets from their public homes: over https, checked before they land, never without being asked."""

from __future__ import annotations

from pathlib import Path


def fetched_folder() -> Path:
    """Return the folder for fetched datasets, one folder in it per dataset (TSBENCH_CACHE moves it)."""
    from tsbench.plan.datasets import cache_folder

    return cache_folder() / "data"
