"""The score of one case as a function of what is explained: its values, or the pictures that a net sees of it."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError, UsageError, returned
from tsbench.measure.decider import Decider, Explainable
from tsbench.methods.pictured import PICTURES, Pictured
from tsbench.methods.ssl import prepared

Floats = npt.NDArray[np.float64]
VALUES = 2_000_000  # of a batch
PIECES = 20  # of a channel, that occlusion takes away one at a time
TILES = 8  # of a picture each way, that come and go as one


class Scorer:
    """The score of one case for a target, as a function of its values and of which of them are there.

    x : (1, ...), what is explained; nothing : like x, what stands where it is missing. units : int64 of the shape of
    the places of x, here (n_channels, n_timepoints), by number what can be taken away; -1 where nothing is to take.
    """

    what, at_nothing = "series", "every value 0"

    def __init__(self, decider: Decider, case: Batch, task: str) -> None:
        self.decider, self.case, self.task, self.target = decider, case, task, 0
        self.x, self.nothing = case.x, torch.zeros_like(case.x)
        seen = case.mask[0].cpu().numpy()
        self.units = np.where(seen, seen.cumsum().reshape(seen.shape) - 1, -1)

    @property
    def n_units(self) -> int:
        """How many there are."""
        return int(self.units.max(initial=-1)) + 1

    def by(self, decider: Decider) -> Self:
        """Return the score that another decider gives of the same."""
        other = copy.copy(self)
        other.decider = decider
        return other

    def __call__(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        """Return the scores (n, n_classes) of n variants of the case, x (n, ...).

        there : bool (n, places), False where it stands for nothing; as of the case where it is not given.
        """
        case = self._spread(len(x))
        return self.decider(replace(case, x=x, observed=case.observed if there is None else there))

    def _spread(self, n: int) -> Batch:
        """Return the case n times."""

        def spread(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.expand(n, *tensor.shape[1:])

        case, lengths = self.case, self.case.lengths.expand(n)
        x, observed, times, static = case.x.expand(n, -1, -1), *map(spread, (case.observed, case.times, case.static))
        return replace(case, x=x, lengths=lengths, observed=observed, times=times, static=static)

    def score(self, x: Tensor) -> Tensor:
        """Return the scores (n,) that are explained, with what is the case's own there."""
        return self.of_target(self(x))

    def of_target(self, scores: Tensor) -> Tensor:
        """Return the target's of scores (n, n_classes); of classes less the mean of the others', which decides.

        A class that training lacked scores -inf and does not count.
        """
        own = scores[:, self.target]
        if self.task != "classification":
            return own
        others = torch.isfinite(scores[0])
        others[self.target] = False
        return own - scores[:, others].mean(dim=1) if others.any() else own

    @torch.no_grad()
    def confidence(self, kept: npt.NDArray[np.bool_], raw: bool = False) -> Floats:
        """Return what the target gets where only some units are there, kept (n, n_units).

        Softmax of the scores for classes, the logistic function for labels, the number of regression; raw : the score.
        """
        found, chunk = [], max(1, VALUES // self.x[0].numel())
        for first in range(0, len(kept), chunk):
            places = kept[first : first + chunk][:, self.units] & (self.units >= 0)
            there = torch.from_numpy(places).to(self.x.device)
            scores = self(torch.where(self.widened(there), self.x, self.nothing), there).double()
            if raw or self.task == "regression":
                values = self.of_target(scores)
            else:
                values = (scores.softmax(dim=1) if self.task == "classification" else scores.sigmoid())[:, self.target]
            found.append(values.cpu().numpy())
        confidence: Floats = np.concatenate(found)
        if np.isnan(confidence).any():
            raise MethodError("the method gives NaN where values of the case are missing: it cannot be judged")
        return confidence

    def widened(self, there: Tensor) -> Tensor:
        """Return what says which places are there in the shape of x."""
        return there

    def summed(self, attribution: Floats) -> Floats:
        """Return attributions (places) of those of x[0]."""
        return attribution

    def pieces(self) -> npt.NDArray[np.bool_]:
        """Return what occlusion takes away, (n_pieces, n_units): a piece of a channel, never all."""
        edges = np.unique(np.linspace(0, int(self.case.lengths[0]), PIECES + 1).round().astype(int))
        found = []
        for channel in self.units:
            for first, last in pairwise(edges):
                piece = np.zeros(self.n_units, dtype=bool)
                piece[channel[first:last][channel[first:last] >= 0]] = True
                found += [piece] if piece.any() and not piece.all() else []
        return np.array(found).reshape(-1, self.n_units)

    def places(self, panel: Panel) -> dict[str, Any]:
        """Return columns that say of each place with a unit what it is; panel : the case."""
        channel, step = np.nonzero(self.units >= 0)
        return {
            "channel": channel,
            "name": np.asarray(_names(panel))[channel],
            "step": step,
            "time": step if panel.times is None else panel.times[0, step],
            "value": panel.X[0, channel, step],
        }


class PictureScorer(Scorer):
    """The score as a function of the pictures that the method's net sees of the case; all else stays as it is.

    x : (1, k, colours, height, width); nothing : the pictures of the case without any value. A unit is a tile of a
    picture, an eighth of its height and width, in which something is drawn. Places are (k, height, width).
    """

    what, at_nothing = "pictures", "blank pictures"

    def __init__(self, decider: Decider, case: Batch, task: str) -> None:
        super().__init__(decider, case, task)
        empty = replace(case, x=torch.zeros_like(case.x), observed=torch.zeros_like(case.mask))
        with torch.no_grad():
            self.drawn, blank = _drawn(decider, case), _drawn(decider, empty)
        self.x, self.nothing = self.drawn.pixels, blank.pixels
        self.units = _tiles((self.x != self.nothing)[0].any(dim=1).cpu().numpy())

    def __call__(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        """Return the scores (n, n_classes) of n variants of the pictures."""
        return self.decider(self._spread(len(x)).with_extra(**{PICTURES: x}))

    def widened(self, there: Tensor) -> Tensor:
        """Return the same with an axis of colours."""
        return there.unsqueeze(2)

    def summed(self, attribution: Floats) -> Floats:
        """Return the sums over colours."""
        total: Floats = attribution.sum(axis=1)
        return total

    def pieces(self) -> npt.NDArray[np.bool_]:
        """Return what occlusion takes away: a tile."""
        return np.eye(self.n_units, dtype=bool) if self.n_units > 1 else np.zeros((0, self.n_units), dtype=bool)

    def seen(self) -> list[tuple[str, Floats]]:
        """Return name and pixels (colours, height, width) of each picture."""
        return list(zip(self.drawn.names, self.x[0].double().cpu().numpy(), strict=True))

    def places(self, panel: Panel) -> dict[str, Any]:
        """Return picture, channel and name ("" where a pixel is of none), row and column of each pixel with a unit."""
        picture, row, column = np.nonzero(self.units >= 0)
        channel = self.drawn.channels.expand(self.units.shape).cpu().numpy()[picture, row, column]
        names = np.array([*_names(panel), ""])  # of channel -1 the last
        of_picture = np.asarray(self.drawn.names)[picture]
        return {"picture": of_picture, "channel": channel, "name": names[channel], "row": row, "column": column}


def scorer_of(run: Explainable, case: Batch, over: str) -> Scorer:
    """Return what scores a case over "values" or "pixels"; raises UsageError for pixels where there are none."""
    if over == "values":
        return Scorer(run.trained, case, run.task)
    if not callable(getattr(run.trained.method, "pictures", None)):
        raise UsageError(f"--over pixels: {run.name} sees no pictures when it decides; take --over values")
    return PictureScorer(run.trained, case, run.task)


def draws_apart(decider: Decider, case: Batch) -> bool:
    """Tell whether the method's net sees pictures of a case through which no gradient reaches its values."""
    x = case.x.clone().requires_grad_()
    try:
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            return not _drawn(decider, replace(case, x=x)).pixels.requires_grad
    except (AttributeError, UsageError):  # it sees none, ever or as it was set
        return False


def _drawn(decider: Decider, case: Batch) -> Pictured:
    method = decider.method
    pictures: Any = method.pictures
    drawn: Pictured = returned(pictures(prepared(method, case)), Pictured, f"{type(method).__name__}.pictures")
    return drawn


def _tiles(drawn: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the number of each pixel's tile, -1 in those where no pixel of drawn (k, height, width) is True."""
    picture, row, column = np.indices(drawn.shape)
    tiles = (picture * TILES + row * TILES // drawn.shape[1]) * TILES + column * TILES // drawn.shape[2]
    units = np.full(drawn.shape, -1)
    filled = np.isin(tiles, tiles[drawn])
    units[filled] = np.unique(tiles[filled], return_inverse=True)[1]
    return units


def _names(panel: Panel) -> list[str]:
    return list(panel.channel_names or [str(i) for i in range(panel.n_channels)])
