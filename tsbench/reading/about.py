"""Who was tested: the cases of stored runs in their dataset, where that is on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tsbench.discovery.plugins import Plugins
from tsbench.errors import InvalidDataError, MissingDataError, TsbenchError, UsageError
from tsbench.plan.datasets import DatasetHandle, open_dataset
from tsbench.plan.summaries import load_planned

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsbench.data.panel import Panel

SUBJECT = "subject"


class People:
    """The panels of runs' datasets, the last one kept; a reason in place of one that cannot be had."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self._last: tuple[tuple[str, str], tuple[Panel | None, str]] | None = None

    def handle(self, run: Mapping[str, Any]) -> DatasetHandle:
        """Return a run's dataset, not read; raises UsageError where it is not known here."""
        return open_dataset(run["spec"].get("dataset_ref") or run["spec"]["dataset"], self.plugins, "")

    def panel(self, run: Mapping[str, Any]) -> tuple[Panel | None, str]:
        """Return all cases of a run's dataset, or None and why they cannot be had."""
        spec = run["spec"]
        key = (spec.get("dataset_ref") or spec["dataset"], spec["fingerprint"])
        if self._last is None or self._last[0] != key:
            self._last = key, self._read(run)
        return self._last[1]

    def _read(self, run: Mapping[str, Any]) -> tuple[Panel | None, str]:
        try:
            return load_planned(self.handle(run), run["spec"]["fingerprint"]).panel, ""
        except (MissingDataError, UsageError):
            return None, f"the data of {run['dataset']} is not on this machine"
        except InvalidDataError as error:
            return None, " ".join(str(error).split())

    def subjects(self, run: Mapping[str, Any]) -> tuple[npt.NDArray[Any] | None, str]:
        """Return whose each case of the dataset is, and the name of what says so; None and why nobody knows."""
        panel, why = self.panel(run)
        if panel is None:
            return None, why
        names = (SUBJECT, self.handle(run).card.group)
        name = next((one for one in names if one is not None and one in panel.meta), None)
        return (
            (None, f"{run['dataset']} does not say whose its cases are") if name is None else (panel.meta[name], name)
        )

    def positive(self, run: Mapping[str, Any]) -> str:
        """Return the positive class that the dataset's card names; "" where none does."""
        try:
            return self.handle(run).card.positive
        except TsbenchError:
            return ""
