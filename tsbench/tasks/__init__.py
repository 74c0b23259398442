"""What is measured: tasks, one file each, and their metrics."""

from __future__ import annotations

from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench.tasks.base import Metric, Task
from tsbench.tasks.classification import Classification
from tsbench.tasks.multilabel import Multilabel
from tsbench.tasks.regression import Regression

TASKS: dict[str, Task] = {task.name: task for task in (Classification(), Multilabel(), Regression())}
# A name that two tasks share, f1_macro, has one direction and one unit.
METRICS: dict[str, Metric] = {metric.name: metric for task in TASKS.values() for metric in task.metrics}


def task_of(name: str) -> Task:
    """Return the task that `Panel.task` names; raises InvalidDataError for one that cannot be measured."""
    if name not in TASKS:
        raise InvalidDataError(f"task '{name}' cannot be measured; choose one of {', '.join(TASKS)}")
    return TASKS[name]


def labelled_task(dataset: str, panel: Panel) -> Task:
    """Return the task of a dataset's panel; raises InvalidDataError where there is nothing to predict."""
    if panel.y is None or panel.task not in TASKS:
        raise InvalidDataError(f"{dataset} has no labels to predict; its task is '{panel.task}'")
    return TASKS[panel.task]
