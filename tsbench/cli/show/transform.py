"""tsbench show transform: what a transform is and takes, or a picture of what a model sees of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tsbench.cli.options import open_registry, settings
from tsbench.errors import MethodError, MissingDataError, UsageError
from tsbench.plots.drawing import check_output, new_figure, save, short, style
from tsbench.terminal import echo
from tsbench.text import plain

if TYPE_CHECKING:
    from tsbench.data.panel import Panel
    from tsbench.methods.transform import Transform

MOST_CASES = 8
MOST_IMAGES = 4  # channels of a transform that gives an image per channel


def show_transform(
    name: str, dataset: str | None, cases: Sequence[int], overrides: Mapping[str, str], out: Path | None
) -> int:
    """Print what a transform is or, with a dataset, draw series and transform of one case per class into a file."""
    from tsbench.methods.params import validate

    plugins = settings().plugins()
    entry = plugins["transforms"].entry(name)
    cls = plugins["transforms"].get(name)
    transform: Transform = cls(validate(cls.Params, overrides, f"transform {name}"))
    if dataset is None:
        if out is not None or cases:
            raise UsageError(
                f"--out and --case draw the transform of a dataset: add --dataset to 'show transform {name}'"
            )
        _describe(name, entry, cls)
        return 0
    out = out or Path(f"{name}.png")
    check_output("--out", out)
    panel, chosen, how = _load(dataset, cases)
    with style():
        _draw(name, transform, panel, chosen, f"{dataset}, {how}", out)
    echo(f"{out}: {name} of {dataset}, cases {', '.join(map(str, chosen))}, {how}")
    return 0


def _describe(name: str, entry: Any, cls: type[Transform]) -> None:
    from tsbench.methods.params import declarations

    echo(f"{name} (version {cls.version}, plugin {entry.plugin})", f"{entry.summary} {entry.paper}".rstrip())
    if cls.__doc__:
        echo("", *(line.strip() for line in cls.__doc__.strip().split("\n")))
    found = declarations(cls.Params)
    echo("", "Parameters (--set KEY=VALUE):" if found else "No parameters.")
    for declared in found:
        limits = [f">= {declared.low:g}" if declared.low is not None else ""]
        limits += [f"<= {declared.high:g}" if declared.high is not None else ""]
        kind = ", ".join([declared.type, *(limit for limit in limits if limit)])
        echo(f"  {declared.name} = {declared.default!r}  ({kind})", f"      {declared.doc}")


def _load(dataset: str, cases: Sequence[int]) -> tuple[Panel, list[int], str]:
    """Return a dataset normalised as its default protocol does, the cases to draw, and what was done, in words."""
    import numpy as np

    from tsbench.data.normalise import channel_statistics
    from tsbench.plan.plan import expand_datasets

    registry = open_registry()
    handles = expand_datasets([dataset], settings().plugins(), registry)
    if len(handles) > 1:
        raise UsageError(f"--dataset {dataset} is a collection of {len(handles)} datasets: name one")
    handle = handles[0]
    if not handle.available():
        handle.load()  # raises with the dataset's own remedy
        raise MissingDataError(f"{dataset} is not on this machine")
    data = handle.load()
    panel, how = data.panel, "values as they are"
    protocol = registry.protocol(handle.card.default_protocol or handle.default_protocol)
    if protocol.resolve_normalisation(handle.card) == "channel":
        if panel.task == "classification" and (not protocol.needs_own_split or data.folds.get(protocol.split.name)):
            train, over = protocol.folds(data, handle.card)[0].train, "the training cases"
        else:
            train, over = np.arange(len(panel)), "all cases"
        panel, how = channel_statistics(panel, train).apply(panel), f"z-scored per channel over {over}"
    if cases:
        for case in cases:
            if not 0 <= case < len(panel):
                raise UsageError(f"--case {case}: {dataset} has cases 0 to {len(panel) - 1}")
        return panel, list(cases), how
    if panel.y is not None and panel.task == "classification":
        return panel, [int(i) for i in np.unique(panel.y, return_index=True)[1]][:MOST_CASES], how
    return panel, list(range(min(3, len(panel)))), how


def _draw(name: str, transform: Transform, panel: Panel, cases: list[int], title: str, out: Path) -> None:
    """Write a figure: a column per case, its series above and its transform below, row 0 of images at the top."""
    import torch

    from tsbench.data.series import Series
    from tsbench.methods.applied import series_of

    if transform.gives == "cases":
        raise UsageError(f"{name} makes cases, which 'tsbench data info DATASET+{name}=... --plot FILE' draws")
    X = torch.from_numpy(panel.X[cases])
    given = series_of(panel.select(cases).loaded()) if transform.takes == "series" else X
    try:
        found = transform(given, torch.Generator().manual_seed(0))
    except (ValueError, IndexError, RuntimeError) as error:
        raise MethodError(f"transform {name} cannot be applied to series {tuple(X.shape)}: {error}") from error
    images = found.x.masked_fill(~found.mask, float("nan")) if isinstance(found, Series) else found
    if images.ndim not in (3, 4) or len(images) != len(cases):
        raise MethodError(f"transform {name} gave shape {tuple(images.shape)}, which is neither series nor images")
    whole = images.ndim == 4 and images.shape[1] == 3 and transform.output_shape((1, panel.n_channels + 3, 64))[1] == 3
    n_rows = 1 if images.ndim == 3 or whole else min(images.shape[1], MOST_IMAGES)
    figure = new_figure(max(4.0, 2.6 * len(cases)), 2.0 + 2.4 * n_rows)
    axes = figure.subplots(1 + n_rows, len(cases), squeeze=False, height_ratios=[0.7, *[1.0] * n_rows])
    for column, case in enumerate(cases):
        axes[0, column].plot(X[column].T, linewidth=0.8)
        axes[0, column].set_title(_title(panel, case), fontsize=9)
        axes[0, column].tick_params(labelsize=7)
        for row in range(n_rows):
            axis = axes[1 + row, column]
            if images.ndim == 3:
                axis.plot(images[column].T, linewidth=0.8)
                continue
            picture = images[column].permute(1, 2, 0) if whole else images[column, row]
            aspect: Literal["equal", "auto"] = "equal" if picture.shape[0] == picture.shape[1] else "auto"
            axis.imshow(picture.numpy(), aspect=aspect, interpolation="nearest", cmap="viridis")
            axis.set_xticks([])
            axis.set_yticks([])
            if n_rows > 1 and column == 0:
                axis.set_title(_channel(panel, row), fontsize=7, loc="left")
    shown = (
        f", {n_rows} of {images.shape[1]} channels"
        if images.ndim == 4 and not whole and n_rows < images.shape[1]
        else ""
    )
    figure.suptitle(plain(f"{name}: {title}{shown}"), fontsize=9)
    save(figure, out)


def _title(panel: Panel, case: int) -> str:
    if panel.y is None or panel.task != "classification":
        return short(f"case {panel.case_names()[case]}", 24)
    return f"class {short(panel.classes[panel.y[case]])} (case {case})"


def _channel(panel: Panel, channel: int) -> str:
    return short(panel.channel_names[channel]) if panel.channel_names else f"channel {channel}"
