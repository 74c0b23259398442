"""What `tsbench run` shows while it works: bars on a terminal, a line per run elsewhere; all on standard error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TimeElapsedColumn

from tsbench.execute.driver import Reporter
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.tasks import METRICS, measured_by
from tsbench.terminal import bars, echo, words

REFRESH_SECONDS = 0.1
COMPILED_SECONDS = 1.0  # from which on the line about a run says so


class Display:
    """A Reporter with an overall bar and one for each run under way with its loss."""

    def __init__(self) -> None:
        bar, note = BarColumn(bar_width=24), words("note")
        self.progress = bars(
            SpinnerColumn(), words("description"), bar, MofNCompleteColumn(), note, TimeElapsedColumn()
        )
        self.overall = self.progress.add_task("all runs", total=None, note="")
        self._bars: dict[str, TaskID] = {}
        self._shown: dict[str, float] = {}
        self._others = 0

    def __enter__(self) -> Display:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # a terminal that is gone hides no error
            self.progress.stop()

    def started(self, spec: RunSpec, number: int, total: int) -> None:
        """Show which run begins."""
        self.progress.update(self.overall, total=total)
        if spec.key not in self._bars:
            self._bars[spec.key] = self.progress.add_task(_name(spec), total=None, note="")

    def step(self, spec: RunSpec, step: int, total: int, loss: float) -> None:
        """Show the training step and its loss, a few times a second."""
        now = time.monotonic()
        if spec.key in self._bars and (now - self._shown.get(spec.key, 0.0) >= REFRESH_SECONDS or step == total):
            self._shown[spec.key] = now
            self.progress.update(self._bars[spec.key], total=total, completed=step, note=f"loss {loss:.4f}")

    def note(self, spec: RunSpec, doing: str) -> None:
        """Show what the run's process does once in place of the loss."""
        if spec.key in self._bars:
            self.progress.update(self._bars[spec.key], note=doing)

    def finished(self, result: Result) -> None:
        """Print one line about the run that ended."""
        self.progress.advance(self.overall)
        self._shown.pop(result.spec.key, None)
        if (bar := self._bars.pop(result.spec.key, None)) is not None:
            self.progress.remove_task(bar)
        name, seconds = _name(result.spec), result.finished - result.started
        if result.status == "succeeded":
            compiled = result.durations.get("compile", 0.0)
            apart = f", {compiled:.1f} s of them compiling" if compiled >= COMPILED_SECONDS else ""
            primary = METRICS[measured_by(result.spec.task).primary]
            value = result.metrics.get(primary.name)
            text = "not defined" if value is None else primary.text(value, percent=False)
            echo(f"{name}: {primary.name} {text} in {seconds:.1f} s{apart}", err=True)
        else:
            echo(f"{name}: {result.status}: {result.error}", err=True, colour="red")
        for warning in result.warnings:
            echo(f"{name}: warning: {warning}", err=True, colour="yellow")

    def waiting(self, count: int) -> None:
        """Print, when the number changes, how many runs other drivers are doing."""
        if count != self._others:
            self._others = count
            echo(f"waiting: {count} runs are being done by another driver of this store", err=True)


class _Quiet:
    def started(self, spec: RunSpec, number: int, total: int) -> None:
        """Show nothing."""

    def step(self, spec: RunSpec, step: int, total: int, loss: float) -> None:
        """Show nothing."""

    def note(self, spec: RunSpec, doing: str) -> None:
        """Show nothing."""

    def finished(self, result: Result) -> None:
        """Show nothing."""

    def waiting(self, count: int) -> None:
        """Show nothing."""


@contextlib.contextmanager
def quiet() -> Iterator[Reporter]:
    """Return a Reporter that shows nothing."""
    yield _Quiet()


def _name(spec: RunSpec) -> str:
    parts = [spec.label, spec.dataset, spec.protocol.name]
    several = spec.fold or not spec.protocol.archive_split  # an archive's own split may have several folds
    parts += [f"fold {spec.fold}"] if several else []
    return " ".join([*parts, f"seed {spec.seed}"])
