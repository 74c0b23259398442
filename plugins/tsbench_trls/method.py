"""TRLS: Time series (medical signal) Representation Learning framework via Spectrogram (arXiv 2401.05431)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsbench import Batch, Diagnosis, Encoder, PanelShape, Pictured, SSLMethod, Step, param
from tsbench.errors import MethodError
from tsbench.methods.params import Settings
from tsbench.nn import (
    jitter,
    nt_xent,
    permute_segments,
    project_each,
    projection_head,
    regression_loss,
    scale,
    update_average,
)
from tsbench_spectral.augment import brightness_contrast, gaussian_blur, time_flip
from tsbench_spectral.maps import Scaling, Spectrogram, minmax

View = Literal["jitter", "blur", "none", "time:jitter-scale", "time:permutation"]


class TRLS(SSLMethod):
    """Predict one augmented spectrogram of a case from another at several scales, BYOL style (section 2).

    Online net: encoder, projector, predictor; target net: encoder and projector, a moving average of the online
    ones (eq. 3), in training mode like them. Both views go through both nets (eq. 2). The BatchNorm of the heads
    takes its statistics per view and per scale; the heads serve training only. Needs at least 2 training cases.
    """

    class Params(SSLMethod.Params):
        """Section 3.1 where the paper says; "not specified in the paper" where it does not."""

        encoder: str = param("tfr", like="encoder", doc="encoder of the map; K is its parameter 'scales'")
        epochs: int = param(50, like="epochs", doc="passes over the training cases, section 3.1")
        min_steps: int = param(500, like="min_steps", doc="floor in steps for small sets; not specified in the paper")
        batch_size: int = param(32, like="batch_size", low=2, doc="cases per step, section 3.1")
        lr: float = param(3e-4, like="lr", doc="learning rate of Adam, section 3.1")
        weight_decay: float = param(1e-4, like="weight_decay", doc="weight decay (L2), section 3.1")
        beta1: float = param(0.9, low=0.0, high=0.9999, stage="training", doc="first moment decay of Adam, section 3.1")
        beta2: float = param(
            0.99, low=0.0, high=0.99999, stage="training", doc="second moment decay of Adam, section 3.1"
        )
        tau: float = param(
            0.999,
            low=0.0,
            high=1.0,
            tune=True,
            stage="training",
            doc="moving average decay, eq. 3; section 3.1 has 0.7, as trls-paper",
        )

        spectrogram: bool = param(True, doc="False: the raw series is the map (w/o spectrogram, Table 5)")
        n_fft: int | None = param(
            None, low=2, high=65_536, doc="window size; none: 32, or 128 from 1000 time points on (section 3.1)"
        )
        hop: int | None = param(
            None, low=1, high=65_536, doc="time points between frames; none: n_fft / 4; not specified in the paper"
        )
        scaling: Scaling = param("log1p", doc="scale of the magnitude; not specified in the paper")
        map_norm: Literal["case", "bin", "none"] = param(
            "case",
            doc="map scaled to [0, 1] over a case, over each frequency of a channel of a case, or left as it is; "
            "not specified in the paper",
        )
        channels: Literal["concat_frequency", "channel_independent", "mean"] = param(
            "concat_frequency",
            doc="channels stacked along frequency, encoded one by one and averaged, or averaged before; "
            "not specified in the paper",
        )

        view1: View = param("jitter", stage="training", doc="augmentation of the first view, section 2 and Table 5")
        view2: View = param("blur", stage="training", doc="augmentation of the second view, section 2 and Table 5")
        flip_probability: float = param(
            0.0,
            low=0.0,
            high=1.0,
            stage="training",
            doc="probability of time reversal in each view; section 2 flips, with a probability that is not specified "
            "in the paper, as trls-paper",
        )
        brightness: float = param(
            0.4, low=0.0, high=1.0, stage="training", doc="brightness range; not specified in the paper"
        )
        contrast: float = param(
            0.4, low=0.0, high=1.0, stage="training", doc="contrast range; not specified in the paper"
        )
        blur_radius: int | None = param(
            None,
            low=0,
            high=64,
            stage="training",
            doc="the kernel has 2 radius + 1 points; none: 1, or 2 from 65 frequencies on; not specified in the paper",
        )
        blur_sigma_low: float = param(
            0.1, low=1e-3, high=100.0, stage="training", doc="narrowest blur, pixels; not specified in the paper"
        )
        blur_sigma_high: float = param(
            2.0, low=1e-3, high=100.0, stage="training", doc="widest blur, pixels; not specified in the paper"
        )
        jitter_sigma: float = param(
            0.8, low=0.0, high=10.0, stage="training", doc="noise of time:jitter-scale; not specified in the paper"
        )
        scale_sigma: float = param(
            1.1,
            low=0.0,
            high=10.0,
            stage="training",
            doc="spread of the factor of time:jitter-scale; not specified in the paper",
        )
        max_segments: int = param(
            8, low=1, high=1000, stage="training", doc="pieces of time:permutation; not specified in the paper"
        )

        projector_hidden: int = param(1024, low=1, high=8192, doc="hidden size; not specified in the paper")
        projector_dim: int = param(512, low=1, high=8192, doc="size of a projection; not specified in the paper")
        predictor_hidden: int = param(1024, low=1, high=8192, doc="hidden size; not specified in the paper")
        per_scale_heads: bool = param(False, doc="heads of its own for every scale; not specified in the paper")
        negatives: bool = param(False, doc="NT-Xent between projections instead (w/ Negative samples, Table 5)")
        temperature: float = param(
            0.2,
            low=0.01,
            high=10.0,
            stage="training",
            doc="temperature of NT-Xent, with negatives; not specified in the paper",
        )

    version: ClassVar[int] = 3
    prepares_cases: ClassVar[bool] = True

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make online and target net for the longest of the sources."""
        p = self.params
        longest = max(shapes, key=lambda shape: shape.n_timepoints)
        n_fft, hop = Spectrogram(n_fft=p.n_fft, hop=p.hop).sizes(longest.n_timepoints)
        self.stft = Spectrogram(n_fft=n_fft, hop=hop, scaling=p.scaling)  # the same for a shorter test set
        n_frequencies, n_frames = 1, longest.n_timepoints
        if p.spectrogram:
            n_frequencies, n_frames = self.stft.output_shape((1, 1, longest.n_timepoints))[2:]
        self.blur_radius: int = p.blur_radius if p.blur_radius is not None else (1 if n_frequencies < 65 else 2)
        maps = [
            PanelShape(s.n_channels * n_frequencies if p.channels == "concat_frequency" else n_frequencies, n_frames)
            for s in shapes
        ]
        self.encoder = self.make_encoder(maps)
        n_scales, size = 1, self.encoder.out_dim
        if self.encoder.can("scales"):
            n_scales, size = self.encoder.n_scales, self.encoder.scale_dim
        # A scale that repeats another would count twice.
        self.n_scales: int = getattr(self.encoder, "n_distinct_scales", n_scales)
        n_heads = self.n_scales if p.per_scale_heads else 1
        self.projector = nn.ModuleList(
            projection_head(size, p.projector_hidden, p.projector_dim) for _ in range(n_heads)
        )
        if p.negatives:
            return
        self.predictor = nn.ModuleList(
            projection_head(p.projector_dim, p.predictor_hidden, p.projector_dim) for _ in range(n_heads)
        )
        self.target_encoder = copy.deepcopy(self.encoder).requires_grad_(False)
        self.target_projector = copy.deepcopy(self.projector).requires_grad_(False)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam over the online net."""
        p = self.params
        trainable = [weight for weight in self.parameters() if weight.requires_grad]
        adam = torch.optim.Adam(trainable, lr=p.lr, betas=(p.beta1, p.beta2), weight_decay=p.weight_decay, fused=True)
        return {"main": adam}

    def prepare(self, batch: Batch) -> Batch:
        """Add the maps, `extra["map"]` (n, c, F, T) in [0, 1]."""
        return batch.with_extra(map=self._map(batch.x))

    def training_step(self, step: Step) -> Tensor:
        """Return L + L' (eq. 1 and 2), in [0, 8]; raises MethodError for a single case."""
        n = len(step.batch)
        if n < 2:
            raise MethodError(
                "TRLS needs at least 2 training cases: BatchNorm in its heads normalises over the cases of a batch"
            )
        views = torch.cat([self._view(step.batch, name, step.rng) for name in (self.params.view1, self.params.view2)])
        projected = _apply_heads(self.projector, self._scales(self.encoder, views, n))
        if self.params.negatives:
            first, second = projected.unbind(1)
            scales = range(projected.shape[2])
            losses = [nt_xent(first[:, k], second[:, k], self.params.temperature) for k in scales]
            return torch.stack(losses).mean()
        predicted = _apply_heads(self.predictor, projected)
        with torch.no_grad():
            target = _apply_heads(self.target_projector, self._scales(self.target_encoder, views, n))
        return regression_loss(predicted, target.flip(1)).mean(dim=(0, 2)).sum()

    def on_step_end(self) -> None:
        """Move the target net (eq. 3)."""
        if not self.params.negatives:
            update_average(self.target_encoder, self.encoder, self.params.tau)
            update_average(self.target_projector, self.projector, self.params.tau)

    def represent(self, batch: Batch) -> Tensor:
        """Return the online encoder's representation (n, out_dim) of a prepared batch."""
        given = batch.extra.get("pictures")
        return self._encode(self.encoder, batch.extra["map"] if given is None else given.squeeze(2))

    def pictures(self, batch: Batch) -> Pictured:
        """Return the maps, one of each channel."""
        maps = batch.extra["map"]
        names = batch.channel_names or [str(i) for i in range(maps.shape[1])]
        channels = torch.arange(maps.shape[1], device=maps.device)
        return Pictured(maps.unsqueeze(2), tuple(names), channels[:, None, None].expand(maps.shape[1:]))

    @torch.no_grad()
    def diagnose(self, data: Sequence[Batch]) -> Diagnosis:
        """Report the spread of the projections: mean over dimensions of the std over cases, of unit vectors.

        1 / sqrt(D) is the value of an isotropic cloud in D dimensions; below a twentieth of it the net has collapsed.
        """
        some = [batch.select(slice(None, None, max(1, len(batch) // 256))) for batch in data if len(batch) > 1]
        maps = [batch.extra["map"] for batch in some]
        if not maps:
            return Diagnosis()
        was_training = self.training
        self.eval()
        try:
            projections = [_apply_heads(self.projector, self._scales(self.encoder, m, len(m))) for m in maps]
        finally:
            self.train(was_training)
        spread = min(float(functional.normalize(z, dim=-1).std(dim=0, correction=0).mean()) for z in projections)
        threshold = 0.05 / self.params.projector_dim**0.5
        warning = f"representation collapsed: projections vary by {spread:.2g} between cases, below {threshold:.2g}"
        values = {"collapse_std": spread, "collapse_threshold": threshold}
        return Diagnosis(values, (warning,) if spread < threshold else ())

    def _map(self, x: Tensor) -> Tensor:
        """Map series (n, c, L) to images (n, c, F, T) in [0, 1]."""
        maps = self.stft(x) if self.params.spectrogram else x[:, :, None, :]
        if self.params.map_norm == "none":
            return maps
        return minmax(maps) if self.params.map_norm == "case" else minmax(maps.flatten(0, 2)).view_as(maps)

    def _view(self, batch: Batch, name: View, rng: torch.Generator) -> Tensor:
        """Return an augmented copy of the maps, (n, c, F, T)."""
        p = self.params
        if name == "jitter":
            high = float("inf") if p.map_norm == "none" else 1.0
            view = brightness_contrast(batch.extra["map"], rng, p.brightness, p.contrast, high)
        elif name == "blur":
            view = gaussian_blur(batch.extra["map"], rng, self.blur_radius, (p.blur_sigma_low, p.blur_sigma_high))
        elif name == "none":
            view = batch.extra["map"]
        elif name == "time:permutation":
            view = self._map(permute_segments(batch.x, rng, p.max_segments, batch.lengths))
        else:
            x = jitter(scale(batch.x, rng, p.scale_sigma), rng, p.jitter_sigma)
            view = self._map(x if batch.observed is None else x * batch.observed)
        return time_flip(view, rng, p.flip_probability, self._frames(batch, view.shape[-1]))

    def _frames(self, batch: Batch, n_frames: int) -> Tensor | None:
        """Return how many frames of its map are of a case itself; None where that is all, of every case."""
        if not batch.padded:
            return None
        hop = self.stft.params.hop if self.params.spectrogram else 1
        return (batch.lengths // hop + int(self.params.spectrogram)).clamp(max=n_frames)

    def _encode(self, encode: Callable[[Tensor], Tensor], maps: Tensor) -> Tensor:
        """Apply encode to maps (m, c, F, T) with the channels merged as asked; (m, ...)."""
        if self.params.channels == "concat_frequency":
            return encode(maps.flatten(1, 2))
        if self.params.channels == "mean":
            return encode(maps.mean(dim=1))
        each = encode(maps.flatten(0, 1))
        return each.view(*maps.shape[:2], *each.shape[1:]).mean(dim=1)

    def _scales(self, encoder: Encoder, maps: Tensor, n: int) -> Tensor:
        """Encode the maps of all views, (views * n, c, F, T), in one call; returns (n, views, scales, d)."""
        encode = encoder.scales if encoder.can("scales") else lambda x: encoder(x)[:, None]
        scales = self._encode(encode, maps)[:, : self.n_scales]
        return scales.view(-1, n, *scales.shape[1:]).transpose(0, 1).contiguous()

    @classmethod
    def padding_versions(cls, settings: Settings, trained: bool) -> dict[str, int]:
        """Return none: a map is of the whole time axis, for the encoder as for the paper."""
        return {}


class TRLSPaper(TRLS):
    """TRLS with the flips of section 2, the moving average and the epochs of section 3.1.

    `encoder.dropout=0.2` is the other reading of its dropout.
    """

    class Params(TRLS.Params):
        """As section 3.1 has them."""

        min_steps: int = param(0, like="min_steps")
        tau: float = param(0.7, like="tau", doc="moving average decay, eq. 3 and section 3.1")
        flip_probability: float = param(
            0.5, like="flip_probability", doc="probability of time reversal in each view; not specified in the paper"
        )


def _apply_heads(heads: nn.ModuleList, r: Tensor) -> Tensor:
    """Map r (n, views, K, d) to (n, views, K, d'): one head for all scales, or one each."""
    if len(heads) == 1:
        return project_each(heads[0], r)
    return torch.stack([project_each(head, r[:, :, k]) for k, head in enumerate(heads)], dim=2)
