"""Labels of a MEDS dataset by a task that ACES reads: who, when, and what happened after it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pyarrow as pa

from tsbench.errors import CODE_OF_OTHERS_FAILS, InvalidDataError, UsageError

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

    tables = []
    for file in sorted(data.rglob("*.parquet")):
        try:
            asked = config.TaskExtractorConfig.load(config_path=task)
            found = predicates.get_predicates_df(asked, DictConfig({"path": str(file), "standard": "meds"}))
            tables.append(query.query(asked, found))
        except CODE_OF_OTHERS_FAILS as error:
            why = " ".join(str(error).split())
            raise InvalidDataError(f"{task}: ACES cannot use it on {file} ({why})") from error
    rows = [table for table in tables if len(table)]
    if not rows:
        raise InvalidDataError(f"{task}: finds no case in {data}")
    if lacks := [name for name in NAMES if name not in rows[0].columns]:
        raise InvalidDataError(f"{task}: its windows name no {' and no '.join(lacks)}, which a labelled case needs")
    return pa.concat_tables(table.select(list(NAMES)).rename(NAMES).to_arrow() for table in rows)
