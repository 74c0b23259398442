"""Labels of which nothing can be learnt, or that may be misspelt."""

from __future__ import annotations

import numpy as np

from tsbench.data.spelling import spelt_twice
from tsbench.data.splits import untaught
from tsbench.data_check.found import Found
from tsbench.data_check.parts import Sides
from tsbench.errors import InvalidDataError
from tsbench.tasks import TASKS

CHECK = "labels"


def check_labels(sides: Sides) -> list[Found]:
    """Look for a training part without anything to learn, classes that it lacks, those of one case, and spellings."""
    panel, found = sides.data.panel, list[Found]()
    if panel.y is None or panel.task not in TASKS:
        return []
    task = TASKS[panel.task]
    try:
        task.check_learnable(task.target(panel, sides.fold.train), panel.classes)
    except InvalidDataError as error:
        found.append(Found(CHECK, "error", str(error), "add cases with another label, or split otherwise"))
    if panel.task != "regression":
        counts = panel.y.sum(axis=0) if panel.y.ndim == 2 else np.bincount(panel.y, minlength=len(panel.classes))
        alone = [panel.classes[one] for one in np.flatnonzero(counts == 1)]
        if alone:
            what = (
                f"{len(alone)} labels have one case only, '{alone[0]}' say: it is trained on or tested on, never both"
            )
            found.append(Found(CHECK, "warning", what, "leave the label out, or join it with another"))
    found += [Found(CHECK, "warning", text, "split otherwise") for text in untaught(panel, sides.fold)]
    found += [Found(CHECK, "warning", text) for text in spelt_twice(panel, sides.group)]
    return found or [Found(CHECK, "ok", "each is trained on, and has a spelling of its own")]
