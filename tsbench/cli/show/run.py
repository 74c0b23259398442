"""tsbench show run: everything stored about a run, in the terminal, as JSON or drawn."""

from __future__ import annotations

import contextlib
import datetime
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsbench.cli.options import bench, open_store, settings
from tsbench.cli.show.answers import error_lines, filled_lines, label_lines
from tsbench.cli.show.repeat import obstacles, repeat_command, tune_command, tuning_metric
from tsbench.cli.ui.tables import print_facts
from tsbench.errors import TsbenchError
from tsbench.learning.curve import by_loss
from tsbench.terminal import ascii_only, echo, echo_json, echo_text
from tsbench.text import plain
from tsbench.tune import require

if TYPE_CHECKING:
    from tsbench.store.store import Store

MOST_CLASSES = 10  # of a confusion matrix that fits a terminal
MOST_LINES = 10
SPARK_WIDTH = 60


def show_run(prefix: str, as_json: bool, plot: Path | None) -> int:
    """Print everything stored about a run and the command that repeats it, or draw its curve and confusion matrix."""
    if plot is not None:
        from tsbench.plots.drawing import check_output

        check_output("--plot", plot)
    run = bench().show(prefix)
    attempt = next(one for one in run["attempts"] if one["id"] == run["attempt"])
    with contextlib.closing(open_store(must_exist=True)) as store:
        commands, notes = _repetition(run, attempt["device"], store)
    task, matrix, classes = run.pop("task"), run.pop("confusion"), run.pop("classes")
    answers = bench().predictions(run["key"]) if task in ("regression", "imputation") else None
    if plot is not None:  # before the screen: what cannot be printed loses no file
        from tsbench.cli.show.draw_run import draw_run

        draw_run(run, attempt["curve"], task, matrix, classes, answers, plot)
    if as_json:
        found = {**run, "task": task, "confusion": matrix, "classes": classes, "repeat": commands, "notes": notes}
        echo_json(found)
    else:
        _print_run(run, attempt)
        for line in [*curve_lines(attempt["curve"]), *_answer_lines(task, matrix, classes, answers)]:
            echo(line)
        _print_end(run, attempt, commands, notes)
    if plot is not None:
        echo(f"written to {plot}", err=as_json)
    return 0


def _answer_lines(task: str, matrix: Any, classes: Sequence[str], answers: Any) -> Iterator[str]:
    """Yield what a run predicted, as its task is looked at."""
    if task == "classification":
        yield from confusion_lines(matrix, classes)
    elif task == "multilabel":
        yield from label_lines(matrix, classes)
    elif task == "imputation":
        yield from filled_lines(answers["channel"], answers["truth"], answers["prediction"])
    elif answers is not None:
        yield from error_lines(answers.get("name", answers["case"]), answers["truth"], answers["prediction"])


def _print_run(run: dict[str, Any], attempt: dict[str, Any]) -> None:
    from tsbench.leaderboard.results import corruption_label, split_label

    spec = run["spec"]
    when = datetime.datetime.fromtimestamp(attempt["started"], datetime.UTC).isoformat(timespec="seconds")
    about = {name: run[name] for name in ("method", "method_version", "dataset", "protocol", "fold", "seed", "status")}
    about |= {"split": split_label(spec["protocol"].get("split")), "exposure": run["exposure"]}
    corruption = corruption_label(spec["protocol"].get("condition"))
    about |= {"corruption": corruption} if corruption else {}
    about |= {"attempts": ", ".join(one["status"] for one in run["attempts"]), "started": when}
    peak, held = f"{attempt['peak_memory_bytes'] / 2**20:.0f} MiB", attempt["facts"].get("memory_at_start_bytes")
    peak += "" if held is None else f" beyond the {held / 2**20:.0f} MiB its process held before"
    print_facts(f"run {run['key']}", {**about, "device": attempt["device"], "peak memory": peak})
    print_facts("versions", spec["versions"])
    print_facts("parameters", spec["params"])
    print_facts(
        "protocol", {**spec["protocol"], "hash": run["protocol_hash"], "normalisation used": spec["normalisation"]}
    )
    print_facts("metrics", run["metrics"])
    print_facts("seconds", attempt["durations"])
    print_facts("facts", attempt["facts"])
    print_facts("environment", run["environment"])


def _print_end(run: dict[str, Any], attempt: dict[str, Any], commands: list[str], notes: list[str]) -> None:
    for warning in attempt["warnings"]:
        echo(f"warning: {warning}")
    if attempt["error"]:
        echo(f"error: {attempt['error']}")
        echo_text(attempt["traceback"], indent="  ")
    later = run["attempts"][-1]
    if later["id"] > attempt["id"]:
        echo(f"a later attempt ({later['status']}) left this result as it is: {later['error']}".rstrip(": "))
    for note in notes:
        echo(f"note: {note}")
    for command in commands:
        echo(f"repeat: {command}")


def _repetition(run: dict[str, Any], device: str, store: Store) -> tuple[list[str], list[str]]:
    """Return the commands that repeat a run, one after the other, and what may keep them from doing so."""
    study, notes = None, list(obstacles(run))
    if "tuned" in run["spec"]:
        try:
            require("optuna")
            from tsbench.tune.source import study_of

            study, differences = study_of(run, tuning_metric(run["spec"]), store, settings().plugins())
        except TsbenchError as error:
            differences = [f"its study cannot be looked up: {error}"]
        notes += differences
    commands = [tune_command(run, device, study)] if study else []
    return [*commands, repeat_command(run, device, study)], notes


def curve_lines(curve: Any) -> Iterator[str]:
    """Yield the training curve of each loss as a line of bars, the lowest loss the lowest bar."""
    for name, points in by_loss(curve).items():
        yield from _points_lines(name, points)


def _points_lines(name: str, curve: Sequence[Sequence[float]]) -> Iterator[str]:
    losses = [loss for _, loss in curve if math.isfinite(loss)]
    if not curve:
        return
    steps = f"steps {curve[0][0]} to {curve[-1][0]}"
    if not losses:
        yield f"{name}, {steps}: never finite"
        return
    yield f"{name}, {steps}: first {losses[0]:.4g}, last {losses[-1]:.4g}, lowest {min(losses):.4g}"
    count = min(len(curve), SPARK_WIDTH)
    pieces = [curve[i * len(curve) // count : (i + 1) * len(curve) // count] for i in range(count)]
    yield "  " + _bars([sum(loss for _, loss in piece) / len(piece) for piece in pieces])


def _bars(values: Sequence[float]) -> str:
    bars = " .:-=+*#" if ascii_only() else "▁▂▃▄▅▆▇█"
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    return "".join(
        bars[round((value - low) / span * (len(bars) - 1))] if math.isfinite(value) else "?" for value in values
    )


def confusion_lines(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Iterator[str]:
    """Yield a confusion matrix with each class's recall; of many classes, what is confused most and recalled least."""
    names, counts = [plain(name) for name in classes], [sum(row) for row in matrix]
    recall = [row[i] / count if count else math.nan for i, (row, count) in enumerate(zip(matrix, counts, strict=True))]
    if len(classes) <= MOST_CLASSES:
        yield "confusion (a row per true class, a column per predicted one)"
        yield from _matrix_lines(matrix, names, [f"{value:.2f}" if value == value else "" for value in recall])
        return
    pairs = [(-n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j and n]
    yield f"most confused of {len(classes)} classes (true > predicted)"
    for n, i, j in sorted(pairs)[:MOST_LINES]:
        yield f"  {names[i]} > {names[j]}: {-n} of {counts[i]}"
    if not pairs:
        yield "  none"
    worst = sorted((value, i) for i, value in enumerate(recall) if value < 1)
    yield f"lowest recall ({sum(value == 1 for value in recall)} of {len(classes)} classes have 1.00)"
    for value, i in worst[:MOST_LINES]:
        yield f"  {names[i]}: {value:.2f} ({matrix[i][i]} of {counts[i]})"


def _matrix_lines(matrix: Sequence[Sequence[int]], names: Sequence[str], recall: Sequence[str]) -> Iterator[str]:
    from rich.cells import cell_len, set_cell_size

    names = [set_cell_size(name, 23) + "…" if cell_len(name) > 24 else name for name in names]
    heads = names
    if max(map(cell_len, names)) > 6:  # numbers in place of names keep the columns narrow
        heads = [str(number) for number in range(1, len(names) + 1)]
        names = [f"{number} {name}" for number, name in zip(heads, names, strict=True)]
    width = max(map(cell_len, names))
    room = max(max(map(cell_len, heads)), len(str(max(max(row) for row in matrix)))) + 2
    rows = [("", [*heads, "recall"])]
    rows += [(name, [*map(str, row), r]) for name, row, r in zip(names, matrix, recall, strict=True)]
    for name, cells in rows:
        padded = (
            " " * (size - cell_len(cell)) + cell for cell, size in zip(cells, [room] * len(names) + [8], strict=True)
        )
        yield f"  {set_cell_size(name, width)}{''.join(padded)}"
