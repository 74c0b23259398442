"""What is measured: tasks, one file each, and their metrics."""

from __future__ import annotations

from collections.abc import Mapping

from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, UsageError
from tsbench.tasks.base import Measured, Metric, Task
from tsbench.tasks.binary import BINARY, CALIBRATED
from tsbench.tasks.classification import Classification
from tsbench.tasks.imputation import Imputation
from tsbench.tasks.multilabel import Multilabel
from tsbench.tasks.regression import Regression
from tsbench.tasks.retrieval import Retrieval

TASKS: dict[str, Task] = {task.name: task for task in (Classification(), Multilabel(), Regression())}  # of labels
IMPUTATION, RETRIEVAL = Imputation(), Retrieval()
POSED: dict[str, Measured] = {IMPUTATION.name: IMPUTATION, RETRIEVAL.name: RETRIEVAL}  # by a protocol, not by labels
MEASURED: dict[str, Measured] = {**TASKS, **POSED}
# Of one class of two, which the dataset's card names: no run stores them, and a board computes them.
DERIVED: dict[str, Metric] = {metric.name: metric for metric in (*BINARY, *CALIBRATED) if metric.name != "auroc"}
# A name that two tasks share, f1_macro, has one direction and one unit.
METRICS: dict[str, Metric] = {
    **{metric.name: metric for task in MEASURED.values() for metric in task.metrics},
    **DERIVED,
}


def task_of(name: str) -> Task:
    """Return the task that `Panel.task` names; raises InvalidDataError for one that cannot be measured."""
    if name not in TASKS:
        raise InvalidDataError(f"task '{name}' cannot be measured; choose one of {', '.join(TASKS)}")
    return TASKS[name]


def measured_by(name: str) -> Measured:
    """Return what runs of a task are measured by, imputation too; raises InvalidDataError for one that is not known."""
    return MEASURED[name] if name in MEASURED else task_of(name)


def labelled_task(dataset: str, panel: Panel) -> Task:
    """Return the task of a dataset's panel; raises InvalidDataError where there is nothing to predict."""
    if panel.y is None or panel.task not in TASKS:
        raise InvalidDataError(f"{dataset} has no labels to predict; its task is '{panel.task}'")
    return TASKS[panel.task]


def metric_for(tasks: Mapping[str, str], metric: str | None, derived: bool = False) -> str:
    """Return the metric to take for datasets, {name: task}: the one asked for, else the primary one of their task.

    derived : one of DERIVED will do for classes.
    Raises UsageError for an unknown metric, one that a dataset's task does not have, and datasets of several tasks.
    """
    choices = [name for name in METRICS if derived or name not in DERIVED]
    if metric is not None and metric not in choices:
        raise UsageError(f"unknown metric '{metric}'; choose one of {', '.join(choices)}")
    known = {name: MEASURED[task] for name, task in tasks.items() if task in MEASURED}
    if metric is None:
        found = dict.fromkeys(task.primary for task in known.values()) or {TASKS["classification"].primary: None}
        if len(found) > 1:
            raise UsageError("datasets of several tasks have no common metric: name datasets of one, or a --metric")
        return next(iter(found))
    for name, task in known.items():
        names = [one.name for one in task.metrics]
        names += DERIVED if derived and task.name == Classification.name else ()
        if metric not in names:
            raise UsageError(f"{metric} is no metric of {task.name} ({name}); choose one of {', '.join(names)}")
    return metric
