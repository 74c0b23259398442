"""Folders of recordings for tests: one row of labels.csv and static.csv each."""

import numpy as np


def ward(folder, n=40, channels=("HR", "BP"), labelled=True, seed=0, classes=("alive", "died"), statics=True):
    """Write n recordings of 30 points: odd ones have higher values and the second class; two to a subject."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows, about = ["recording,label,subject,unit"], ["recording,age,sex"]
    for i in range(n):
        columns = {name: np.round(rng.normal(size=30) + 3 * (i % 2), 3) for name in sorted(channels)}
        lines = [",".join(channels), *(",".join(str(columns[name][t]) for name in channels) for t in range(30))]
        (folder / f"r{i:02}.csv").write_text("\n".join(lines) + "\n")
        rows.append(f"r{i:02},{classes[i % 2] if labelled else ''},s{i // 2},{'icu' if i % 3 else 'ward'}")
        about.append(f"r{i:02},{40 + i},{'m' if i % 4 < 2 else 'f'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    if statics:
        (folder / "static.csv").write_text("\n".join(about) + "\n")
    return folder
