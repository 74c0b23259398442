"""Evidence: results as small files that are committed, verified and brought back, whoever made them."""

from pathlib import Path


def is_evidence(name: str) -> bool:
    """Say whether a name is one of evidence, a .parquet file or a folder of such, and not of a store."""
    return name.endswith(".parquet") or Path(name).is_dir()
