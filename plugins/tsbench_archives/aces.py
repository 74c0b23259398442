"""Labels of a MEDS dataset by a task that ACES reads: who, when, and what happened after it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pyarrow as pa
import yaml

from tsbench.errors import CODE_OF_OTHERS_FAILS, InvalidDataError, UsageError

PARTS = {"predicates": dict, "trigger": str, "windows": dict}  # what a task must say
NAMES = {"subject_id": "subject_id", "index_timestamp": "prediction_time", "label": "boolean_value"}


def extract(task: Path, data: Path) -> pa.Table:
    """Return the rows of labels that a task (.yaml) finds in the folder of events of a MEDS dataset.

    Raises UsageError where es-aces is not installed, InvalidDataError where it refuses the task or the data, and for a
    task that names no `index_timestamp` or no `label`.
    """
    if importlib.util.find_spec("aces") is None:
        raise UsageError(f"{task}: a task of ACES needs es-aces; install tsbench[clinical]")
    from aces import config, predicates, query
    from omegaconf import DictConfig

    _check_task(task)
    tables = []
    for file in sorted(data.rglob("*.parquet")):
        try:  # anew for each file: a query changes it
            asked = config.TaskExtractorConfig.load(config_path=task)
        except CODE_OF_OTHERS_FAILS as error:
            raise InvalidDataError(f"{task}: is no task that ACES reads ({_words(error)})") from error
        try:
            found = predicates.get_predicates_df(asked, DictConfig({"path": str(file), "standard": "meds"}))
            tables.append(query.query(asked, found))
        except CODE_OF_OTHERS_FAILS as error:
            raise InvalidDataError(f"{task}: ACES cannot use it on {file} ({_words(error)})") from error
    rows = [table for table in tables if len(table)]
    if not rows:
        raise InvalidDataError(f"{task}: finds no case in {data}")
    if lacks := [name for name in NAMES if name not in rows[0].columns]:
        raise InvalidDataError(f"{task}: its windows name no {' and no '.join(lacks)}, which a labelled case needs")
    return pa.concat_tables(table.select(list(NAMES)).rename(NAMES).to_arrow() for table in rows)


def _check_task(path: Path) -> None:
    """Raise InvalidDataError for a file that has not the outline of a task; what is within its parts ACES checks."""
    try:
        task = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InvalidDataError(f"{path}: is no YAML ({_words(error)})") from error
    says = ", ".join(PARTS)
    if not isinstance(task, dict):
        raise InvalidDataError(f"{path}: {'is empty' if task is None else 'holds no mapping'}; a task says {says}")
    for name, kind in PARTS.items():
        if not isinstance(task.get(name), kind) or not task[name]:
            wrong = f"'{name}' is no {'mapping' if kind is dict else 'name of a predicate'}"
            raise InvalidDataError(f"{path}: {wrong if name in task else f'lacks {name}'}; a task says {says}")


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())
