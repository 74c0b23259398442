"""The known content of datasets: the fingerprint of each that was at hand when this file was written.

Run `python -m tsbench_archives.fingerprints` to write it anew from the datasets on this machine (TSBENCH_DATA names
their folders). A fingerprint already known is kept where the dataset is not here; one that changes is reported.
"""

from __future__ import annotations

import csv
import sys
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("fingerprints.csv")


@cache
def fingerprints() -> dict[str, str]:
    """Return {dataset: sha256 of values and labels}, as Panel.fingerprint computes it."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return {row["name"]: row["fingerprint"] for row in csv.DictReader(file)}


def write() -> None:
    """Compute the fingerprints of all datasets on this machine and replace the file."""
    from tsbench_archives.archive import ArchiveDataset
    from tsbench_archives.catalogue import rows

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
