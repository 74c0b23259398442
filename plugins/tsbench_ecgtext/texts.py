"""The reports of a batch."""

from __future__ import annotations

from tsbench import Batch
from tsbench.errors import MethodError


def texts_of(batch: Batch) -> list[str]:
    """Return the reports of cases; raises MethodError where there are none."""
    if batch.text is None:
        raise MethodError("it learns from reports, and the dataset has none: take one with text, such as ptb-xl")
    return [str(report) for report in batch.text]
