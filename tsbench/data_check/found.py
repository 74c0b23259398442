"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "skipped", "warning", "error"]


@dataclass(frozen=True)
class Found:
    """What one check says of a dataset.

    severity : "error" where a test case or its subject is known from training, or no run is possible; "warning" where
        something else than the series tells the label, or a part of the data says nothing; "ok"; "skipped" where there
        is nothing to look at. what : with numbers. remedy : what to do, "" where nothing is to be done.
    """

    check: str
    severity: Severity
    what: str
    remedy: str = ""

    @property
    def finding(self) -> bool:
        """Say whether something is to be done."""
        return self.severity in ("warning", "error")
