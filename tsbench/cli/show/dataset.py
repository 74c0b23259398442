"""tsbench data info, show dataset: a dataset's card, what it holds on this machine, and a picture of a few series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsbench.cli.options import open_registry, settings
from tsbench.cli.ui.tables import print_facts
from tsbench.errors import MissingDataError, TsbenchError, UsageError
from tsbench.terminal import echo

if TYPE_CHECKING:
    from tsbench.data.dataset import Data, Fold
    from tsbench.data.panel import Panel
    from tsbench.plan.datasets import DatasetHandle

MAX_FILES = 10
MANY = 20  # classes called by numbers, from which on the labels may be values
CARD = ("summary", "task", "source", "licence", "citation", "cohort", "unit", "label_unit", "positive", "group")


def show_dataset(name: str, plot: Path | None) -> int:
    """Print a dataset's card and, where it is on this machine, what it holds; draw series of its training part."""
    from tsbench.plan.plan import expand_datasets

    handles = expand_datasets([name], settings().plugins(), open_registry())
    if plot is not None:
        from tsbench.plots.drawing import check_output

        if len(handles) > 1:
            raise UsageError(f"--plot: {name} is a collection of {len(handles)} datasets; name one")
        check_output("--plot", plot)
    for handle in handles:
        if not handle.available():
            _print_card(handle)
            echo(f"  not on this machine: {handle.remedy()}")
            if plot is not None:
                raise MissingDataError(f"--plot: {handle.name} is not on this machine: {handle.remedy()}")
            continue
        try:
            data = handle.load()  # before the card, some of which is counted while it is read
        except TsbenchError:
            _print_card(handle)
            raise
        drawn = "" if plot is None else _draw(handle, data, plot)  # what cannot be printed loses no file
        _print_card(handle)
        files = _some(handle.files())
        print_facts("on this machine", held(data) | ({"files": files} if files else {}))
        if drawn:
            echo(drawn)
    return 0


def _draw(handle: DatasetHandle, data: Data, plot: Path) -> str:
    """Draw series of the training part to a file; return what to say of it."""
    from tsbench.cli.show.draw_dataset import draw_dataset

    train, part = _training_part(handle, data)
    left_out = draw_dataset(handle.name, data.panel, train, part, plot)
    return f"written to {plot}{f'; left out: {left_out}' if left_out else ''}"


def _some(files: Sequence[Path]) -> str:
    """Return the paths, of a long list the first ones and the number of the others."""
    more = f" and {len(files) - MAX_FILES} more" if len(files) > MAX_FILES else ""
    return ", ".join(map(str, files[:MAX_FILES])) + more


def held(data: Data) -> dict[str, object]:
    """Return {name: value} of a loaded dataset: sizes, lengths, missing share, splits, labels, fingerprint."""
    import numpy as np

    from tsbench.data.stream import blocks
    from tsbench.protocol import ARCHIVE_SPLIT

    panel = data.panel
    facts: dict[str, object] = {"cases": len(panel), "channels": panel.n_channels}
    if panel.channel_names:
        facts["channels"] = f"{panel.n_channels} ({', '.join(panel.channel_names)})"
    if panel.units:
        facts["units"] = ", ".join(f"{channel} {unit}" for channel, unit in panel.units.items())
    facts["time points"] = _lengths(panel)
    if panel.sampling_rate is not None:
        seconds = f"{panel.n_timepoints / panel.sampling_rate:g} s"
        facts["sampling rate"] = f"{panel.sampling_rate:g} Hz (the longest case takes {seconds})"
    inside = np.arange(panel.n_timepoints) < panel.lengths[:, None]
    missing = sum(int((np.isnan(panel.X[b]) & inside[b, None, :]).sum()) for b in blocks(panel.X))
    total = int(panel.lengths.sum()) * panel.n_channels
    facts["missing values"] = f"{missing} ({100 * missing / total:.2g}%)" if missing else 0
    also = {"times": panel.times, "static": panel.static, "text": panel.text, **panel.meta}
    facts["also per case"] = ", ".join(name for name, array in also.items() if array is not None) or "nothing"
    if panel.static_names:
        facts["static values"] = ", ".join(_static(panel, name) for name in panel.static_names)
    if data.unlabelled is not None:
        facts["unlabelled"] = f"{len(data.unlabelled)} cases of {_lengths(data.unlabelled)} time points"
    for scheme, folds in data.folds.items():
        facts[f"{scheme} split"] = f"{len(folds)} folds: " * (len(folds) > 1) + "; ".join(map(_sizes, folds))
    if set(data.folds) - {ARCHIVE_SPLIT}:
        facts["a named split"] = "--protocol PROTOCOL+split=NAME"
    return {**facts, **_labels(panel), "fingerprint": data.fingerprint()}


def _static(panel: Panel, name: str) -> str:
    """Return the name of a static value, with its categories where it has some."""
    return f"{name} ({', '.join(panel.categories[name])})" if name in panel.categories else name


def _lengths(panel: Panel) -> str:
    import numpy as np

    shortest, longest = panel.lengths.min(), panel.lengths.max()
    return f"{longest}" if shortest == longest else f"{shortest} to {longest} (median {np.median(panel.lengths):g})"


def _print_card(handle: DatasetHandle) -> None:
    card, registry = handle.card, open_registry()
    facts: dict[str, Any] = {name.replace("_", " "): getattr(card, name) for name in CARD}
    name = card.default_protocol or handle.default_protocol
    protocol = registry.protocol(name)
    split = f"{protocol.split.folds} folds, {'resampled' if protocol.needs_own_split else 'cross-validated'}"
    if protocol.own_split:
        split = "the dataset's own split" + f" '{protocol.split.name}'" * (not protocol.archive_split)
    facts |= {
        "normalised": "yes" if card.normalised else "no: a protocol z-scores each channel, unless it says otherwise",
        "sharing": "" if card.shareable else "what is predicted for its cases may not be published",
        "checksum": card.checksum,
        "extent": card.extent,
        "default protocol": f"{name} ({split})",
        **card.facts,
    }
    print_facts(handle.name, {key: value for key, value in facts.items() if value not in ("", None)})


def _sizes(fold: Fold) -> str:
    validation = "" if fold.validation is None else f"{len(fold.validation)} validation, "
    return f"{len(fold.train)} train, {validation}{len(fold.test)} test"


def _labels(panel: Panel) -> dict[str, object]:
    """Return how many cases each class or label has, or the range of the values to be predicted."""
    import numpy as np

    if panel.y is None:
        return {"labels": "none"}
    if panel.task == "regression":
        low, *quarters, high = (f"{value:.4g}" for value in np.quantile(panel.y, [0, 0.25, 0.5, 0.75, 1]))
        spread = f"mean {panel.y.mean():.4g}, standard deviation {panel.y.std():.4g}, quartiles {', '.join(quarters)}"
        return {"labels": "numbers (regression)", "values": f"{low} to {high}, {spread}"}
    counts = panel.y.sum(axis=0) if panel.y.ndim == 2 else np.bincount(panel.y, minlength=len(panel.classes))
    names = panel.classes or [str(number) for number in range(len(counts))]
    listed = [f"{c} ({n}, {100 * n / len(panel):.1f}%)" for c, n in zip(names, counts, strict=True)]
    found: dict[str, object] = {"classes": f"{len(listed)}: {', '.join(listed)}"}
    if panel.task == "multilabel":
        none = int((panel.y.sum(axis=1) == 0).sum())
        return {
            "labels": f"several per case (multilabel), {panel.y.sum(axis=1).mean():.2g} on average; {none} have none",
            **found,
        }
    if len(names) >= MANY and len(names) > len(panel) / MANY and all(map(_is_number, names)):
        found["labels"] = f"taken for classes; {len(names)} different numbers may be values: see --task regression"
    return found


def _is_number(name: str) -> bool:
    try:
        return bool(float(name) == float(name))
    except ValueError:
        return False


def _training_part(handle: DatasetHandle, data: Data) -> tuple[Any, str]:
    """Return the cases that may be looked at, and which they are, in words: test cases stay unseen."""
    import numpy as np

    from tsbench.protocol import ARCHIVE_SPLIT

    protocol = open_registry().protocol(handle.card.default_protocol or handle.default_protocol)
    if ARCHIVE_SPLIT in data.folds and (protocol.archive_split or not protocol.own_split):
        return data.folds[ARCHIVE_SPLIT][0].train, "training part"
    try:
        return protocol.folds(data, handle.card)[0].train, f"training part of fold 0 of {protocol.name}"
    except TsbenchError:  # no labels, or too few cases: then there is no test part either
        return np.arange(len(data.panel)), "all cases, which cannot be split"
