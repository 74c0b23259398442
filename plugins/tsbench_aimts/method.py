"""AimTS: augmented series and image contrastive learning (ICDE 2025, arXiv 2504.09993)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint

from tsbench import Batch, PanelShape, Series, SSLMethod, Stage, Step, param, weights
from tsbench.errors import MethodError, UsageError
from tsbench.nn import jitter, masked_max, projection_head, scale
from tsbench_aimts.augment import slice_window, warp_time, warp_window
from tsbench_aimts.images import ImageMap, image_encoder, plot_limits, render
from tsbench_aimts.losses import adaptive_temperatures, augmentation_loss, prototype_loss, series_image_loss
from tsbench_imaging.networks import PRETRAINED_ON, ImageNetworkParams

Augmentation = Callable[[Tensor], Tensor]


class AimTS(SSLMethod):
    """Contrast the prototypes of augmented series, the augmentations, and series with images of them.

    The encoder sees one channel at a time, so sources and targets may differ in channels and length. Pre-training takes
    the mean over channels, then the largest value over time; a representation is the largest value over time of each
    channel, channels side by side. The weights that encode are the average after each step that follows the warm-up.
    Heads and image encoder live while it trains and are not part of the weights that are kept.
    """

    class Params(ImageNetworkParams, SSLMethod.Params):
        """Defaults of the published code; the paper's text leaves most of them open."""

        encoder: str = param("aimts-cnn", like="encoder", doc="encoder of one channel, a vector per time point")
        epochs: int = param(60, like="epochs", doc="passes over the training cases after the warm-up")
        warmup_epochs: int = param(
            1, low=0, high=100_000, stage="training", doc="passes before, with the series-image loss only"
        )
        batch_size: int = param(16, like="batch_size", low=2, doc="cases per step, of one source")
        lr: float = param(7e-4, like="lr", doc="learning rate of AdamW")
        weight_decay: float = param(0.01, like="weight_decay", doc="decoupled weight decay")
        lr_rule: Literal["constant", "published"] = param(
            "constant",
            stage="training",
            doc="published: lr times 0.5^(e - 1) after each tenth epoch e, 1/512 after the tenth, nothing later",
        )
        jitter: float | None = param(
            0.3, low=0.0, high=100.0, tune=True, stage="training", doc="noise; none: no such view"
        )
        scaling: float | None = param(
            0.5, low=0.0, high=100.0, tune=True, stage="training", doc="spread of the factor; none: no view"
        )
        slicing: float | None = param(
            0.5, low=0.01, high=1.0, tune=True, stage="training", doc="share that is kept; none: no view"
        )
        time_warping: int | None = param(
            100, low=1, high=10_000, stage="training", doc="changes of speed; none: no such view"
        )
        speed_ratio: float = param(
            10.0, low=1.0, high=1000.0, tune=True, stage="training", doc="highest speed over the lowest"
        )
        window_warping: float | None = param(
            0.3, low=0.01, high=1.0, tune=True, stage="training", doc="share warped; none: no view"
        )
        shrink: float = param(0.5, low=0.01, high=100.0, stage="training", doc="one factor of the warped window")
        stretch: float = param(2.0, low=0.01, high=100.0, stage="training", doc="the other factor")
        inter_weight: float = param(
            0.9, low=0.0, high=100.0, tune=True, stage="training", doc="weight of L_inter, prototypes; 0: off"
        )
        intra_weight: float = param(
            0.1, low=0.0, high=100.0, tune=True, stage="training", doc="weight of L_intra, augmentations; 0: off"
        )
        temperature_low: float = param(
            1.0, low=1e-3, high=100.0, stage="training", doc="temperature of the positives of L_intra"
        )
        temperature_high: float = param(
            1.01, low=1e-3, high=100.0, stage="training", doc="temperature of the farthest pair of L_intra"
        )
        image_weight: float = param(
            1.0, low=0.0, high=100.0, tune=True, stage="training", doc="weight of L_SI, images; 0: no images"
        )
        image_temperature: float = param(
            0.07,
            low=1e-3,
            high=100.0,
            log=True,
            tune=True,
            stage="training",
            doc="temperature of L_SI; not specified in the paper",
        )
        mix_weight: float = param(
            0.5,
            low=0.0,
            high=1.0,
            stage="training",
            doc="share of L_SI with mixed negatives; not specified in the paper; 0: no mixup",
        )
        mix_alpha: float = param(
            0.1, low=1e-3, high=100.0, stage="training", doc="both parameters of the Beta distribution of the mix"
        )
        image_map: ImageMap = param("line-plot", stage="training", doc="image of a channel")
        cell_size: int = param(64, low=8, high=1024, stage="training", doc="pixels of a channel's image, each way")
        image_encoder: str = param(
            "resnet18.tv_in1k", stage="training", doc="frozen network: a model of timm, imagenet-lite0 or small-cnn"
        )
        image_weights: str | None = weights(
            None,
            stage="training",
            words=("pretrained",),
            pretrained_on=PRETRAINED_ON,
            doc="its weights: none (random), pretrained (ImageNet, downloaded) or a file; the paper's: pretrained",
        )
        dropout: float = param(0.1, low=0.0, high=0.9, stage="training", doc="dropout of the projections")
        recompute: bool = param(
            False,
            stage="training",
            doc="keep no activations of the augmented views: less memory, more time",
            neutral=False,
        )
        channels: Literal["concatenate", "mean"] = param(
            "concatenate", stage="probe", doc="channels in a representation: side by side, or averaged"
        )

    version: ClassVar[int] = 2
    any_channels: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("forward_sequence",)
    encode_elements: ClassVar[int] = 8192

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make the encoder of one channel; raises UsageError when there is nothing to learn from."""
        p = self.params
        self._uses_views = bool(p.inter_weight or p.intra_weight)
        if not (self._uses_views or p.image_weight):
            raise UsageError("AimTS: inter_weight, intra_weight and image_weight are all 0: nothing to learn from")
        if self._uses_views and not self._augmentations(None, None):
            raise UsageError("AimTS: every augmentation is off; leave one on, or set inter_weight=0 intra_weight=0")
        self.encoder = self.make_encoder([replace(shape, n_channels=1) for shape in shapes])
        self._fitting: _Fitting | None = None

    def prepare(self, batch: Batch) -> Batch:
        """Raise MethodError for a source of a single training case: there is nothing to contrast it with."""
        if self.training and len(batch) < 2:
            raise MethodError("AimTS needs at least 2 training cases in each source, got 1")
        return batch

    def total_steps(self, data: Sequence[Batch], steps_per_epoch: int) -> int:
        """Return the steps of `epochs`, min_steps and max_steps, the warm-up's included."""
        epochs = self.params.epochs + self._warmup_epochs if self.params.epochs else 0
        total = max(epochs * steps_per_epoch, self.params.min_steps)
        return int(total if self.params.max_steps is None else min(total, self.params.max_steps))

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Make what only training needs: heads, image encoder, limits of the line plots, optimiser, average."""
        self._fitting = _Fitting.make(self.encoder, self.params, data)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return AdamW over the encoder and the heads."""
        return {"main": self._state.optimizer}

    def training_stages(self, steps: int, steps_per_epoch: int) -> list[Stage]:
        """Return the warm-up and what follows, those of the two that have steps."""

        def published(step: int, budget: int) -> float:
            return published_rate(step // steps_per_epoch)

        warmup, optimizers = min(self._warmup_epochs * steps_per_epoch, steps), self.optimizers()
        rule = published if self.params.lr_rule == "published" else None
        stages = [
            Stage("warm-up", self.warmup_step, optimizers, warmup),
            Stage("main", self.training_step, optimizers, steps - warmup, rule),
        ]
        return [stage for stage in stages if stage.budget]

    def warmup_step(self, step: Step) -> Tensor:
        """Return the weighted L_SI."""
        loss: Tensor = self.params.image_weight * self.image_loss(step)
        return loss

    def training_step(self, step: Step) -> dict[str, Tensor]:
        """Return the weighted L_SI, and L_inter with L_intra; the image's head rests."""
        self._state.warming_up = False
        self._state.image_head.requires_grad_(False)
        losses = {}
        if self.params.image_weight:
            losses["images"] = self.warmup_step(step)
        if self._uses_views:
            losses["views"] = self.view_loss(step)
        return losses

    def image_loss(self, step: Step) -> Tensor:
        """Return L_SI of a batch: each series finds its image among those of the batch, and the other way round."""
        p, state = self.params, self._state
        sequence = self._sequence(step.batch)
        series = state.series_head(masked_max(sequence, self.encoder.own_steps(step.batch, sequence.shape[1])))
        with torch.no_grad():
            seen = state.image_encoder(render(step.batch, p.image_map, p.cell_size, state.limits[step.source]))
        image = state.image_head(seen)
        # Drawn on the host: the generator of torch knows no Beta distribution
        drawn = np.random.default_rng((step.rng.initial_seed(), step.index)).beta(p.mix_alpha, p.mix_alpha, len(series))
        share = torch.from_numpy(drawn).to(series.device, torch.float32)
        with torch.autocast(series.device.type, enabled=False):
            return series_image_loss(series.float(), image.float(), share, p.image_temperature, p.mix_weight)

    def view_loss(self, step: Step) -> Tensor:
        """Return the weighted sum of L_inter and L_intra of two draws of every augmentation."""
        p = self.params
        views = self.views(step.batch, step.rng)
        hidden = torch.stack([self._hidden(step.batch.with_values(view)) for draw in views for view in draw])
        # (views, time points, cases, .)
        projected = self._state.prototype_head[1:](hidden.flatten(0, 2)).float()
        first, second = projected.view(2, -1, *hidden.shape[1:3], projected.shape[1]).transpose(2, 3)
        with torch.autocast(projected.device.type, enabled=False):
            loss: Tensor = projected.new_zeros(())
            if p.inter_weight:
                loss += p.inter_weight * prototype_loss(first, second)
            if p.intra_weight and len(first) > 1:
                temperatures = adaptive_temperatures(
                    torch.stack(views[0]), torch.stack(views[1]), p.temperature_low, p.temperature_high
                )
                loss += p.intra_weight * augmentation_loss(first.amax(2), second.amax(2), temperatures)
        return loss

    def views(self, batch: Batch, rng: torch.Generator) -> tuple[list[Tensor], list[Tensor]]:
        """Return two draws of every augmentation that is on, each of the batch's shape; what is missing is 0."""
        x, lengths = batch.x, None
        if batch.observed is not None:
            x, lengths = x.masked_fill(~batch.observed, float("nan")), batch.lengths
        augmentations = self._augmentations(rng, lengths)
        first, second = ([augment(x).nan_to_num(nan=0.0) for augment in augmentations] for _ in range(2))
        return first, second

    def on_step_end(self) -> None:
        """Take the encoder's new weights into the average, once the warm-up is over."""
        if not self._state.warming_up:
            self._state.average.update_parameters(self.encoder)

    @torch.no_grad()
    def on_fit_end(self) -> None:
        """Make the average the weights of the encoder, and forget heads and image encoder."""
        if self._fitting is not None and self._fitting.average.n_averaged:
            average = self._fitting.average.module.parameters()
            torch._foreach_copy_(list(self.encoder.parameters()), list(average))
        self._fitting = None

    def represent(self, batch: Batch) -> Tensor:
        """Return the largest value over time of each channel, (n, n_channels * out_dim) or their mean (n, out_dim)."""
        rows = _channels(batch)
        # In training, an encoder with BatchNorm must see all rows at once
        size = len(rows) if self.training else max(1, self.encode_elements // rows.x.shape[2])
        pooled = torch.cat([self._largest(rows.select(slice(i, i + size))) for i in range(0, len(rows), size)])
        per_channel = pooled.view(len(batch), -1, pooled.shape[1])
        return per_channel.flatten(1) if self.params.channels == "concatenate" else per_channel.mean(dim=1)

    @property
    def _state(self) -> _Fitting:
        assert self._fitting is not None, "only while it trains"
        return self._fitting

    @property
    def _warmup_epochs(self) -> int:
        return self.params.warmup_epochs if self.params.image_weight else 0

    def _largest(self, rows: Series) -> Tensor:
        """Return the largest value over time, (n, out_dim), of single channels (n, 1, n_timepoints)."""
        vectors: Tensor = self.encoder.forward_sequence(rows)
        return masked_max(vectors, self.encoder.own_steps(rows, vectors.shape[1]))

    def _sequence(self, series: Series) -> Tensor:
        """Return the mean over channels, (n, n_steps, out_dim)."""
        vectors: Tensor = self.encoder.forward_sequence(_channels(series))
        shape = series.x.shape
        return vectors.view(*shape[:2], *vectors.shape[1:]).mean(dim=1) if shape[1] > 1 else vectors

    def _hidden(self, view: Series) -> Tensor:
        """Return the first layer of the prototypes' head for a view, time first as `dilated-cnn` has it in memory."""

        def first_layer(view: Series) -> Tensor:
            hidden: Tensor = self._state.prototype_head[0](self._sequence(view).transpose(0, 1))
            return hidden

        if not self.params.recompute:
            return first_layer(view)
        hidden: Tensor = checkpoint(first_layer, view, use_reentrant=False)
        return hidden

    def _augmentations(self, rng: torch.Generator | None, lengths: Tensor | None) -> list[Augmentation]:
        """Return the augmentations that are on, in the order of the published code."""
        p = self.params
        scales = (p.shrink, p.stretch)
        every: list[tuple[float | None, Augmentation]] = [
            (p.jitter, lambda x: jitter(x, rng, p.jitter)),
            (p.scaling, lambda x: scale(x, rng, p.scaling)),
            (p.slicing, lambda x: slice_window(x, rng, p.slicing, lengths)),
            (p.time_warping, lambda x: warp_time(x, rng, p.time_warping, p.speed_ratio, lengths)),
            (p.window_warping, lambda x: warp_window(x, rng, p.window_warping, scales, lengths)),
        ]
        return [augment for strength, augment in every if strength is not None]


def _channels(series: Series) -> Batch:
    """Return each channel of each case as a case of its own."""
    n_channels = series.x.shape[1]
    lengths = series.lengths if n_channels == 1 else series.lengths.repeat_interleave(n_channels)
    return Batch(series.x.flatten(0, 1)[:, None], lengths, padded=series.padded)


@dataclass
class _Fitting:
    """What exists while the method trains: heads, image encoder, average, limits of plots."""

    series_head: nn.Sequential
    image_head: nn.Sequential
    prototype_head: nn.Sequential
    image_encoder: nn.Module
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    limits: list[Tensor | None]
    warming_up: bool = True

    @classmethod
    def make(cls, encoder: nn.Module, p: AimTS.Params, sources: Sequence[Batch]) -> _Fitting:
        device = next(encoder.parameters()).device
        network, n_features, limits = nn.Module(), 1, []
        if p.image_weight:
            network, n_features = image_encoder(p.image_encoder, p.image_weights)
            limits = [plot_limits(source, p.image_map) for source in sources]
        n_values = _vector_size(encoder, sources[0].x)
        series, image, prototype = (
            projection_head(size, 256, 128, p.dropout).to(device) for size in (n_values, n_features, n_values)
        )
        weights = [weight for module in (encoder, series, image, prototype) for weight in module.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=p.lr, weight_decay=p.weight_decay, fused=True)
        return cls(series, image, prototype, network.to(device), AveragedModel(encoder), optimizer, limits)


def published_rate(epoch: int) -> float:
    """Return the factor of the learning rate in an epoch after the warm-up, as the published code has it."""
    return 0.5 ** (epoch // 10 * 10 - 1) if epoch >= 10 else 1.0


@torch.no_grad()
def _vector_size(encoder: nn.Module, x: Tensor) -> int:
    """Return the size of an encoder's vectors per time point, which need not be that of its representation."""
    encoder.eval()
    size = encoder.forward_sequence(x[:1, :1]).shape[2]  # type: ignore[operator]
    encoder.train()
    return int(size)
