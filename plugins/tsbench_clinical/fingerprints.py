"""The known contents of datasets, by which boards can be made where the recordings are not at hand.

`python -m tsbench_clinical.fingerprints` adds those of the datasets on this machine (TSBENCH_DATA names their folders).
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("fingerprints.csv")


@cache
def fingerprints() -> dict[str, dict[str, str]]:
    """Return {dataset: {`Data.fingerprint`: how much of the dataset that is, such as "sample: 16 of 48 records"}}."""
    found: dict[str, dict[str, str]] = {}
    with FILE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["name"], {})[row["fingerprint"]] = row["extent"]
    return found


def write() -> None:
    """Add the content of every dataset on this machine to the file."""
    from tsbench.discovery.plugins import plugins
    from tsbench.plan.datasets import open_dataset
    from tsbench_clinical import AGAIN, DATASETS

    known = {name: dict(contents) for name, contents in fingerprints().items()}
    for name in DATASETS | AGAIN:
        handle = open_dataset(name, plugins(), "")
        if handle.available():
            content = handle.load().fingerprint()
            known.setdefault(name, {})[content] = handle.card.extent
    rows = [(name, *one) for name in sorted(known) for one in known[name].items()]
    with FILE.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("name", "fingerprint", "extent"), *rows])


if __name__ == "__main__":
    write()
