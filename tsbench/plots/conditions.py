"""The boards of a protocol under its conditions, as a row per method and condition; lines drawn of such rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from tsbench.condition import Condition
from tsbench.errors import UsageError
from tsbench.plots.about import About, check_units
from tsbench.plots.marks import label_ends, mark
from tsbench.protocol import Protocol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsbench.leaderboard.table import Board

HIDDEN = "+samples=0.5"  # what is filled in must have been hidden
Place = tuple[str, float]
"""What is corrupted (the name of a panel, "" where there is one), and how much: a level or a share."""
Varied = Callable[[Condition, Condition], Place | None]
"""Returns the place of a condition in a picture of a base; None where it differs in what the picture does not show."""


def boards_under(
    base: Protocol,
    names: Iterable[str],
    read: Callable[[str], Protocol],
    make: Callable[[str], Board],
    varied: Varied,
    example: str,
) -> dict[Place, Board]:
    """Return {place: board} of the protocols among names that differ from a base in what is varied alone.

    read, make : return the protocol, and the board, of a name; without the one or the other it is left out. example :
    what is written after the name of a protocol that a corruption may change the values of. Raises UsageError where
    less than two are left.
    """
    found, said = {}, ""
    for name in sorted(names):
        if name != base.name and not name.startswith(f"{base.name}+"):
            continue
        try:
            protocol = read(name)  # which may be of a registry or a plugin that is not here
            place = varied(base.condition, protocol.condition)
            if place is not None and _bare(protocol) == _bare(base):
                found[place] = make(name)
        except UsageError as error:
            said = said or f" ({error})"
    if len(found) < 2:
        raise UsageError(
            f"this needs results under protocol '{base.name}' and under conditions such as "
            f"'{base.name}{HIDDEN if base.imputes else example}', and here is {len(found)} of them{said}"
        )
    return dict(sorted(found.items()))


def _bare(protocol: Protocol) -> str:
    return protocol.model_copy(update={"condition": Condition()}).hash()


def collected(boards: Mapping[Place, Board]) -> pd.DataFrame:
    """Return panel, level, method, mean, std_seeds, n_datasets: means over the datasets that all of it has.

    Methods with fewer cells than others are left out. std_seeds : sample standard deviation over seeds of the mean, NaN
    where there is one seed. Raises UsageError where nothing is left, or in several units.
    """
    runs = [board.runs.assign(panel=panel, level=level) for (panel, level), board in boards.items()]
    values = pd.concat(runs).rename(columns={"label": "method"})
    cells = values.groupby(["method", "dataset"])[["panel", "level"]].apply(lambda part: len(part.drop_duplicates()))
    whole = (cells == len(boards)).unstack("dataset", fill_value=False)  # a row per method, a column per dataset
    kept = whole[(whole.sum(axis=1) > 0) & (whole.sum(axis=1) == whole.sum(axis=1).max())]
    common = kept.columns[kept.all()]
    values = values[values["method"].isin(kept.index) & values["dataset"].isin(common)]
    if values.empty:
        raise UsageError("this needs a method that has a dataset under each of the conditions, and there is none")
    check_units(next(iter(boards.values())), common)
    place = ["panel", "level", "method"]
    seeds = values.groupby([*place, "dataset", "seed"])["value"].mean().groupby([*place, "seed"]).agg(["mean", "size"])
    seeds = seeds[seeds["size"] == len(common)]  # a seed that lacks a dataset has another mean
    means = values.groupby([*place, "dataset"])["value"].mean().groupby(place).mean()
    spread = seeds["mean"].groupby(place).std().reindex(means.index)
    table = pd.DataFrame({"mean": means, "std_seeds": spread, "n_datasets": len(common)})
    return table.reset_index()


def draw_lines(axis: Axes, frame: pd.DataFrame, about: About) -> None:
    """Draw a line per method with its spread over seeds, and its name at the end."""
    ends, names = [], list(dict.fromkeys(frame["method"]))
    for number, name in enumerate(names):
        line = frame[frame["method"] == name].sort_values("level")
        mean, spread = about.scale * line["mean"], about.scale * line["std_seeds"]
        axis.errorbar(line["level"], mean, yerr=spread.where(spread.notna(), 0), capsize=2, **mark(number))
        ends.append((float(line["level"].iloc[-1]), float(mean.iloc[-1])))
    axis.margins(x=0.04)
    axis.tick_params(labelsize=8)
    axis.grid(color="0.92")
    axis.set_ylabel(f"mean {about.value}", fontsize=9)
    label_ends(axis, ends, names)
