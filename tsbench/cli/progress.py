"""What `tsbench run` shows while it works: bars on a terminal, a line per run elsewhere; all on standard error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tsbench.run.driver import Reporter
from tsbench.run.spec import Result, RunSpec

REFRESH_SECONDS = 0.1


class Display:
    """A Reporter with an overall bar and one for the current run with its loss."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.overall = self.progress.add_task("all runs", total=None, note="")
        self.current = self.progress.add_task("", total=None, note="")
        self._last_shown = 0.0

    def __enter__(self) -> Display:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def started(self, spec: RunSpec, number: int, total: int) -> None:
        """Show which run begins."""
        self.progress.update(self.overall, total=total, completed=number)
        self.progress.reset(self.current, total=None, description=escape(_name(spec)), note="")

    def step(self, step: int, total: int, loss: float) -> None:
        """Show the training step and its loss, a few times a second."""
        now = time.monotonic()
        if now - self._last_shown >= REFRESH_SECONDS or step == total:
            self._last_shown = now
            self.progress.update(self.current, total=total, completed=step, note=f"loss {loss:.4f}")

    def finished(self, result: Result) -> None:
        """Print one line about the run that ended."""
        self.progress.advance(self.overall)
        name, seconds = escape(_name(result.spec)), result.finished - result.started
        if result.status == "succeeded":
            self.console.print(f"{name}: accuracy {result.metrics['accuracy']:.3f} in {seconds:.1f} s")
        else:
            self.console.print(f"[red]{name}: {result.status}:[/red] {escape(result.error)}")
        for warning in result.warnings:
            self.console.print(f"[yellow]{name}: warning:[/yellow] {escape(warning)}")


class _Quiet:
    def started(self, spec: RunSpec, number: int, total: int) -> None:
        """Show nothing."""

    def step(self, step: int, total: int, loss: float) -> None:
        """Show nothing."""

    def finished(self, result: Result) -> None:
        """Show nothing."""


@contextlib.contextmanager
def quiet() -> Iterator[Reporter]:
    """Return a Reporter that shows nothing."""
    yield _Quiet()


def _name(spec: RunSpec) -> str:
    parts = [spec.label, spec.dataset, spec.protocol.name]
    parts += [f"fold {spec.fold}"] if spec.protocol.split.scheme == "cv" else []
    return " ".join([*parts, f"seed {spec.seed}"])
