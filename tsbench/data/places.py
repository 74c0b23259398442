"""Where data is looked for and kept on this machine, and whether the network may be asked for more."""

from __future__ import annotations

import os
from pathlib import Path

from tsbench.variables import variable


def search_path() -> list[Path]:
    """Return the folders of archive files named by the environment variable TSBENCH_DATA (and by --data-dir)."""
    return [Path(part).expanduser() for part in variable("TSBENCH_DATA").split(os.pathsep) if part]


def cache_folder() -> Path:
    """Return the folder for what can be computed again (TSBENCH_CACHE moves it)."""
    import platformdirs

    return Path(variable("TSBENCH_CACHE") or platformdirs.user_cache_dir("tsbench"))


def fetched_folder() -> Path:
    """Return the folder for fetched datasets, one folder in it per dataset (TSBENCH_CACHE moves it)."""
    return cache_folder() / "data"


def offline() -> bool:
    """Say whether the network is forbidden (--offline, or TSBENCH_OFFLINE set to anything but 0)."""
    return variable("TSBENCH_OFFLINE") not in ("", "0")
