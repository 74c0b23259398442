"""TNC: temporal neighbourhood coding (Tonekaboni et al., ICLR 2021, arXiv 2106.00750)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsbench import Batch, PanelShape, SSLMethod, Step, param
from tsbench.errors import MethodError
from tsbench.methods.params import Settings
from tsbench.nn import masked_max, masked_mean
from tsbench.nn.sampling import uniform


class TNC(SSLMethod):
    """Tell windows of one neighbourhood in time from distant windows, which may be alike by chance (section 3).

    A window is `window` points of one case. A discriminator on two encodings says whether both are of one
    neighbourhood; distant windows count as positive with weight w (eq. 2, positive-unlabelled learning). Negatives lie
    at least delta from the anchor or, where a case has no room for that, in another case. The representation of a
    case is the mean of its window encodings.
    """

    class Params(SSLMethod.Params):
        """Defaults of the published code where it has one for all data sets."""

        encoder: str = param("gru", like="encoder", doc="encoder of a window, section 4")
        epochs: int = param(100, like="epochs", doc="passes over the training cases, each with one anchor a case")
        batch_size: int = param(10, like="batch_size", doc="anchors per step")
        weight_decay: float = param(1e-5, like="weight_decay", doc="weight decay (L2)")
        w: float = param(
            0.05, low=0.0, high=1.0, tune=True, stage="training", doc="chance that a distant window is alike, eq. 2"
        )
        window: int | None = param(
            None,
            low=1,
            high=1_000_000,
            doc="points of a window; none: an eighth of the longest case, even, at least 4; not specified in the paper",
        )
        epsilon: float = param(
            3.0,
            low=0.01,
            high=1000.0,
            tune=True,
            stage="training",
            doc="standard deviation of the neighbourhood in windows",
        )
        delta: float = param(
            5.0,
            low=0.0,
            high=1000.0,
            stage="training",
            doc="distance of negatives, in epsilon * window; not specified in the paper",
        )
        samples: int = param(
            20, low=1, high=10_000, stage="training", doc="neighbours, and as many distant windows, of each anchor"
        )
        dropout: float = param(
            0.5, low=0.0, high=0.99, stage="training", doc="dropout of the discriminator; not specified in the paper"
        )
        stride: int | None = param(
            None,
            low=1,
            high=1_000_000,
            doc="points between the windows of a representation; none: half a window; not specified in the paper",
        )
        pooling: Literal["mean", "max", "mean-max"] = param(
            "mean", doc="how the encodings of a case's windows become one vector; not specified in the paper"
        )

    encode_elements: ClassVar[int] = 100_000  # overlapping windows, with hundreds of hidden values per time point

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make encoder and discriminator for windows of the longest source; MethodError if no case holds a window."""
        longest = max(shape.n_timepoints for shape in shapes)
        self.window = self.params.window or window_length(longest)
        if self.window > longest:
            raise MethodError(
                f"tnc: a window of {self.window} points is longer than every case ({longest}); set window"
            )
        self.stride: int = self.params.stride or max(1, self.window // 2)
        self.encoder = self.make_encoder([PanelShape(shape.n_channels, self.window) for shape in shapes])
        self.discriminator = Discriminator(self.encoder.out_dim, self.params.dropout)

    def prepare(self, batch: Batch) -> Batch:
        """Number the cases, `extra["case"]` (n,), so that a batch knows where it lies in the training set."""
        return batch.with_extra(case=torch.arange(len(batch), device=batch.x.device))

    def training_step(self, step: Step) -> Tensor:
        """Return the loss for one anchor of each case of the batch; MethodError where no negative can be drawn."""
        p, rng = self.params, step.rng
        case, n = step.batch.extra["case"], len(step.batch)
        room = (step.data.lengths - self.window).clamp(min=0)  # the last start of a window
        anchor = anchor_starts(room[case], self.window, rng)
        near = near_starts(anchor, room[case], p.samples, p.epsilon * self.window, rng)
        distance = round(p.delta * p.epsilon * self.window)
        far_case, far = far_starts(case, anchor, room, p.samples, distance, rng)
        cases = torch.cat([case[:, None], case[:, None].expand_as(near), far_case], dim=1)
        starts = torch.cat([anchor[:, None], near, far], dim=1)
        encodings = self.encoder(windows_at(step.data.x, cases.flatten(), starts.flatten(), self.window))
        z = encodings.view(n, 1 + 2 * p.samples, -1)
        logits = self.discriminator(z[:, :1], z[:, 1:])
        return pu_loss(logits[:, : p.samples], logits[:, p.samples :], p.w)

    def represent(self, batch: Batch) -> Tensor:
        """Return the pooled window encodings (n, out_dim), or (n, 2 out_dim) for mean-max."""
        z, inside = self.encode_windows(batch)
        mean = masked_mean(z, inside)
        if self.params.pooling == "mean":
            return mean
        largest = masked_max(z, inside)
        return largest if self.params.pooling == "max" else torch.cat([mean, largest], dim=1)

    def encode_windows(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the encodings (n, n_windows, out_dim) of windows at 0, stride ..., and which lie inside a case.

        The mask (n, n_windows) is True where a window ends within the case, and for the first window of every case: a
        case shorter than a window is padded with zeros.
        """
        missing = self.window - batch.x.shape[2]
        x = functional.pad(batch.x, (0, missing)) if missing > 0 else batch.x
        windows = x.unfold(2, self.window, self.stride).transpose(1, 2)
        start = torch.arange(windows.shape[1], device=x.device) * self.stride
        inside = start <= (batch.lengths - self.window).clamp(min=0)[:, None]
        z = self.encoder(windows[inside])
        encodings = z.new_zeros(*inside.shape, z.shape[1])
        encodings[inside] = z
        return encodings, inside

    @classmethod
    def padding_versions(cls, settings: Settings, trained: bool) -> dict[str, int]:
        """Return none: a window has as many points for every case."""
        return {}


class Discriminator(nn.Module):
    """Two-layer net that says, as a logit, whether two encodings are of one neighbourhood (section 3)."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * size, 4 * size)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(4 * size, 1)
        nn.init.xavier_uniform_(self.hidden.weight)
        nn.init.xavier_uniform_(self.out.weight)

    def forward(self, anchor: Tensor, other: Tensor) -> Tensor:
        """Map anchor (n, 1, d) and other (n, m, d) to logits (n, m)."""
        of_anchor, of_other = self.hidden.weight.chunk(2, dim=1)  # the anchor's half is computed once
        hidden = functional.linear(anchor, of_anchor) + functional.linear(other, of_other, self.hidden.bias)
        logits: Tensor = self.out(self.dropout(functional.relu(hidden)))
        return logits.squeeze(-1)


def pu_loss(near: Tensor, far: Tensor, w: float) -> Tensor:
    """Return half of the cross entropy of near pairs as positive and of far pairs as w positive, 1 - w negative.

    near, far : logits of any shape (eq. 2; the half is the published code's).
    """
    positive = functional.softplus(-near).mean()
    unlabelled = w * functional.softplus(-far).mean() + (1.0 - w) * functional.softplus(far).mean()
    return 0.5 * (positive + unlabelled)


def window_length(n_timepoints: int) -> int:
    """Return the default window: n_timepoints // 8, even, at least 4; a fifth where four windows do not fit."""
    window = max(4, n_timepoints // 8 // 2 * 2)
    return window if n_timepoints > 4 * window else max(1, n_timepoints // 5)


def anchor_starts(room: Tensor, window: int, rng: torch.Generator) -> Tensor:
    """Draw the start of one window per case (n,), from 0 to `room` (n,).

    The published code keeps the centre two windows from both ends; a case of at most four windows has no such margin.
    """
    margin = 2 * window - window // 2
    centred = room - 2 * margin - 1 >= 0
    low = torch.where(centred, margin, 0)
    high = torch.where(centred, room - margin - 1, room)
    return uniform(low, high, rng)


def near_starts(anchor: Tensor, room: Tensor, samples: int, spread: float, rng: torch.Generator) -> Tensor:
    """Draw starts (n, samples) from a normal distribution around the anchor (n,), kept within 0 to `room` (n,)."""
    noise = torch.randn((len(anchor), samples), generator=rng, device=anchor.device)
    starts = (anchor[:, None] + spread * noise).round().long()
    return starts.clamp(min=0).minimum(room[:, None])


def far_starts(
    case: Tensor, anchor: Tensor, room: Tensor, samples: int, distance: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw windows at least `distance` from the anchor, in the longer part of the case, else in another case.

    case, anchor : (n,). room : (n_cases,) last start of a window in every case. Returns (case, start), both
    (n, samples). Raises MethodError where there is neither room nor another case.
    """
    last = room[case]
    early = 2 * anchor > last
    low = torch.where(early, 0, anchor + distance)
    high = torch.where(early, anchor - distance, last)
    has_room = (low <= high)[:, None]
    if len(room) == 1 and not bool(has_room.all()):
        raise MethodError(
            f"tnc: the only training case has no window {distance} points from every anchor, and there is no other "
            "case to take one from; lower window, epsilon or delta"
        )
    shape = (len(case), samples)
    shift = torch.randint(1, max(2, len(room)), shape, generator=rng, device=case.device)
    far_case = torch.where(has_room, case[:, None], (case[:, None] + shift) % len(room))
    low = torch.where(has_room, low[:, None], 0)
    high = torch.where(has_room, high[:, None], room[far_case])
    return far_case, uniform(low.expand(shape), high.expand(shape), rng)


def windows_at(x: Tensor, case: Tensor, start: Tensor, window: int) -> Tensor:
    """Cut windows (m, n_channels, window) from x (n, n_channels, n_timepoints); 0 beyond the end of x."""
    if x.shape[2] < window:
        x = functional.pad(x, (0, window - x.shape[2]))
    channel = torch.arange(x.shape[1], device=x.device)[:, None]
    time = start[:, None] + torch.arange(window, device=x.device)
    return x[case[:, None, None], channel, time[:, None, :]]
