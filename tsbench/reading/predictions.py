"""Predictions of many runs as one table: what was tested, whose it is, what is true, what was said."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tsbench.errors import UsageError
from tsbench.leaderboard.results import predictions_frame
from tsbench.reading.about import SUBJECT, People
from tsbench.store.store import Store
from tsbench.store.wanted import Wanted

RUN = ("key", "label", "dataset", "protocol", "fold", "seed")
SCORE = "score:"


def prediction_frames(store: Store, wanted: Wanted, people: People) -> Iterator[pd.DataFrame]:
    """Yield a table per run with predictions, at least one: of the same columns, a row per test case.

    Columns: key, method, dataset, protocol, fold, seed, case, name, subject, truth, prediction, and score:CLASS of each
    class of any of the runs, NaN where a run has no such class; of imputation a row per hidden value, with channel and
    step before truth. name and subject are "" where the dataset has none, or
    is not on this machine. Raises UsageError for runs of several tasks.
    """
    classes, tasks = dict[str, None](), dict[str, None]()
    keys = [row["key"] for rows in store.batches(wanted) for row in rows]
    for key in keys:
        if (found := store.predictions(key)) is not None:
            classes |= dict.fromkeys(found.classes)
            tasks[found.task] = None
    if len(tasks) > 1:
        raise UsageError(f"--predictions: the runs are of {' and '.join(tasks)}; choose by --dataset, --protocol")
    none = True
    for key in keys:
        frame = _frame(store, key, list(classes), people)
        if frame is not None:
            none = False
            yield frame
    if none:
        yield pd.DataFrame(columns=["key", "method", *RUN[2:], "case", "name", SUBJECT, "truth", "prediction"])


def _frame(store: Store, key: str, classes: list[str], people: People) -> pd.DataFrame | None:
    found = store.predictions(key)
    if found is None:
        return None
    run = store.find(key)
    frame = predictions_frame(found, run["fold"])
    names = frame["name"] if "name" in frame else [""] * len(frame)
    subjects, _ = people.subjects(run)
    whose = [""] * len(frame) if subjects is None else subjects[frame["case"]].astype(str)
    about = {"method" if name == "label" else name: run[name] for name in RUN}
    scores = {f"{SCORE}{name}": frame.get(f"{SCORE}{name}", pd.Series(np.nan, frame.index)) for name in classes}
    said = {name: frame[name] for name in ("channel", "step", "truth", "prediction") if name in frame}
    columns = {"case": frame["case"], "name": np.asarray(names, dtype=object), SUBJECT: np.asarray(whose, dtype=object)}
    scores = {name: column.astype(np.float32) for name, column in scores.items()}
    return pd.DataFrame({**about, **columns, **said, **scores}, index=frame.index)
