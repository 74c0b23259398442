"""Writes the known fingerprints anew: `python -m tsbench_archives.write_fingerprints`.

It reads the datasets on this machine (TSBENCH_DATA names their folders). A fingerprint already known is kept where the
dataset is not here; one that changes is reported.
"""

from __future__ import annotations

import sys

from tsbench_archives.archive import ArchiveDataset
from tsbench_archives.catalogue import rows
from tsbench_archives.fingerprints import FILE, fingerprints


def write() -> None:
    """Compute the fingerprints of all datasets on this machine and replace the file."""
    known = fingerprints() if FILE.exists() else {}
    for name in rows():
        dataset = ArchiveDataset(name)
        if not dataset.available():
            continue
        found = dataset.load().fingerprint()
        if known.get(name, found) != found:
            print(f"{name}: changed from {known[name]} to {found}", file=sys.stderr)
        known[name] = found
    lines = [f"{name},{known[name]}" for name in sorted(known)]
    FILE.write_text("\n".join(["name,fingerprint", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
