"""What a reader made of its files, kept as memory maps: read once, then opened at once.

A folder per dataset and state of its files: X.npy and times.npy, the smaller arrays in rest.npz, and a manifest with
the checksum of each. It can be deleted at any time; one that is damaged is made anew. What reading warned of is said
again whenever the cache is opened.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Data, Fold
from tsbench.data.panel import Panel
from tsbench.data.places import cache_folder
from tsbench.errors import TsbenchWarning
from tsbench.identity import digest
from tsbench_clinical.limits import REMOVED

VERSION = 3
ABANDONED_SECONDS = 24 * 3600
LARGE = ("X", "times")
Array = npt.NDArray[Any]


class Space:
    """Where a reader may put its large array: a file of the cache to be, or memory where there is none."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.given: Array | None = None

    def empty(self, shape: tuple[int, ...]) -> Array:
        """Return a float32 array full of NaN for Panel.X."""
        if self.folder is None:
            return np.full(shape, np.nan, dtype=np.float32)
        path = self.folder / "X.npy"
        form: Any = np.lib.format
        array: Array = form.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:  # a full disk shows here, not as a crash when a page is written
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        array[...] = np.nan
        self.given = array
        return np.asarray(array)  # a plain view: a map that is read would be streamed


def key_of(name: str, version: int, options: Mapping[str, Any], paths: Iterable[Path]) -> str:
    """Return the key of what a reader of this version makes of these files as they are now; raises OSError."""
    stats = []
    for path in sorted(paths):
        stat = path.stat()
        stats.append([str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino])
    return f"{name}-{digest([VERSION, version, dict(options), stats])[:32]}"


def cached(key: str, build: Callable[[Space], Data]) -> Data:
    """Return what is cached under the key, else build it, keep it and return it as the cache has it."""
    target = cache_folder() / "panels" / key
    found = _load(target)
    if found is not None:
        for text in _manifest(target).get("warnings", []):
            warnings.warn(text, TsbenchWarning, stacklevel=2)
        return found
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=target.parent))
    except OSError:  # no place for a cache: works without
        return build(Space())
    try:
        return _build_into(part, target, build)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def measured(key: str) -> dict[str, Any]:
    """Return what was counted when the cache was written; empty where nothing is cached."""
    try:
        return dict(_manifest(cache_folder() / "panels" / key)["measured"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text()))


def _build_into(part: Path, target: Path, build: Callable[[Space], Data]) -> Data:
    space = Space(part)
    try:
        data, told = _heard(build, space)
    except OSError:  # a full disk: readers turn errors of their own files into InvalidDataError
        return build(Space())
    try:
        _save(part, data, space, told)
        if target.exists():
            shutil.rmtree(target, ignore_errors=True)  # damaged
        with contextlib.suppress(OSError):  # another process was faster
            part.rename(target)
    except OSError:  # a full disk: what was built is not kept
        return data
    del data, space  # mapped twice, the large array would count twice in memory
    found = _load(target)
    return build(Space()) if found is None else found


def _heard(build: Callable[[Space], Data], space: Space) -> tuple[Data, list[str]]:
    """Return what is built, and what was warned of: none of it is held back."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = build(space)
    for one in caught:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return data, [str(one.message) for one in caught if issubclass(one.category, TsbenchWarning)]


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed left behind."""
    for part in folder.glob(".part-*"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(part, ignore_errors=True)


def _save(folder: Path, data: Data, space: Space, told: list[str]) -> None:
    panel = data.panel
    if space.given is not None and np.shares_memory(panel.X, space.given):
        space.given.flush()  # type: ignore[attr-defined]
    else:
        np.save(folder / "X.npy", panel.X)
    if panel.times is not None:
        np.save(folder / "times.npy", panel.times)
    rest = {name: getattr(panel, name) for name in ("lengths", "y", "static", "text")}
    rest |= {f"meta_{name}": array for name, array in panel.meta.items()}
    for scheme, folds in data.folds.items():
        for number, fold in enumerate(folds):
            rest |= {f"fold_{scheme}_{number}_{part}": index for part, index in fold._asdict().items()}
    np.savez(folder / "rest.npz", **{name: array for name, array in rest.items() if array is not None})
    manifest = {
        "checksums": {path.name: _checksum(path) for path in sorted(folder.iterdir())},
        "task": panel.task,
        "classes": panel.classes,
        "channel_names": panel.channel_names,
        "static_names": panel.static_names,
        "categories": dict(panel.categories),
        "sampling_rate": panel.sampling_rate,
        "time_unit": panel.time_unit,
        "folds": {scheme: len(folds) for scheme, folds in data.folds.items()},
        "measured": _measure(panel),
        "warnings": told,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _load(folder: Path) -> Data | None:
    """Return the Data of a cache folder; None where there is none or it is damaged."""
    try:
        manifest = _manifest(folder)
        if any(_checksum(folder / name) != value for name, value in manifest["checksums"].items()):
            return None
        # copy on write: what a caller changes stays its own
        arrays = {
            name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False))
            for name in LARGE
            if f"{name}.npy" in manifest["checksums"]
        }
        with np.load(folder / "rest.npz", allow_pickle=False) as rest:
            arrays |= {name: rest[name] for name in rest.files}
        meta = {name[5:]: array for name, array in arrays.items() if name.startswith("meta_")}
        panel = Panel(
            **{name: arrays.get(name) for name in ("X", "lengths", "y", "times", "static", "text")},  # type: ignore[arg-type]
            task=manifest["task"],
            classes=tuple(manifest["classes"]),
            meta=meta,
            channel_names=tuple(manifest["channel_names"]),
            static_names=tuple(manifest["static_names"]),
            categories={name: tuple(known) for name, known in manifest["categories"].items()},
            sampling_rate=manifest["sampling_rate"],
            time_unit=manifest["time_unit"],
        )
        folds = {
            scheme: [_fold(arrays, f"fold_{scheme}_{number}_") for number in range(count)]
            for scheme, count in manifest["folds"].items()
        }
        return Data(panel, folds)
    except Exception:  # whatever is wrong with it, a cache is made anew
        return None


def _fold(arrays: Mapping[str, Array], prefix: str) -> Fold:
    return Fold(arrays[f"{prefix}train"], arrays.get(f"{prefix}validation"), arrays[f"{prefix}test"])


def _measure(panel: Panel) -> dict[str, Any]:
    """Return how many cases, subjects and records, the share of each class, and that of missing values."""
    facts: dict[str, Any] = {"cases here": len(panel)}
    facts |= {f"{name}s here": len(np.unique(panel.meta[name])) for name in ("subject", "record") if name in panel.meta}
    if panel.y is not None:
        counts = panel.y.sum(axis=0) if panel.y.ndim == 2 else np.bincount(panel.y, minlength=len(panel.classes))
        shares = [f"{name} {100 * n / len(panel):.2f} %" for name, n in zip(panel.classes, counts, strict=True)]
        facts["prevalence here"] = ", ".join(shares)
    observed = sum(int((~np.isnan(panel.X[i : i + 256])).sum()) for i in range(0, len(panel), 256))
    total = int(panel.lengths.sum()) * panel.n_channels
    if REMOVED in panel.meta:
        removed = panel.meta[REMOVED]
        facts["impossible here"] = f"{removed.sum():,} values of {(removed > 0).sum():,} cases are made missing"
    facts["missing here"] = f"{100 * (1 - observed / total):.1f} %"
    return facts


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            value = zlib.crc32(chunk, value)
    return value
