"""SeqImage: sequences and pictures of irregular series together (AAAI 2025, arXiv 2502.06134)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tsbench import Alternating, Batch, Diagnosis, PanelShape, Pictured, Series, SSLMethod, Stage, Step
from tsbench.errors import MethodError, UsageError
from tsbench.methods.stages import SCHEDULES, scheduled
from tsbench.nn import balanced, class_weights, focal_loss, last_step, nt_xent
from tsbench_seqimage.diagnosis import diagnose
from tsbench_seqimage.generator import Generator, Imputed
from tsbench_seqimage.losses import (
    adversarial_loss,
    cluster_loss,
    discriminator_loss,
    margin_contrast,
    over,
    spherical_k_means,
)
from tsbench_seqimage.networks import Discriminator, ImageBranch, joint_layers, projection
from tsbench_seqimage.params import SeqImageParams
from tsbench_seqimage.pictures import Pictures, inside_of, read_maps

_PART = 128  # cases looked at together
LOOKED_AT = 256  # cases a diagnosis is made of


class SeqImage(SSLMethod):
    """A generator that imputes in both directions and a network that sees six pictures, joined and trained on labels.

    Three updates take turns: the discriminator learns to tell observed values from imputed ones; the generator to
    deceive it, and to agree with itself over directions and before and after imputing; then all but the discriminator
    learn the classes, that a sequence belongs to its own pictures, and to lie near the centre of their cluster.

    The pictures are of the series as observed. The joint vector is the representation.
    """

    class Params(SeqImageParams):
        """See tsbench_seqimage.params."""

    version: ClassVar[int] = 2
    supervised: ClassVar[bool] = True
    reads: ClassVar[frozenset[str]] = frozenset({"times", "static"})
    encode_elements: ClassVar[int] = 500_000

    longest: Tensor
    class_weight: Tensor

    @classmethod
    def unsuited(cls, params: Any, task: str) -> str | None:
        """Refuse to fill in missing values without the generator."""
        if task == "imputation" and params.branches == "image":
            return "branches=image imputes nothing; set branches=both or sequence"
        return None

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make the branches, the joint layers and what only training needs; raises UsageError where nothing learns."""
        p, shape = self.params, max(shapes, key=lambda one: one.n_timepoints)
        if p.static and not shape.n_static:
            raise UsageError("SeqImage: static=true, and the dataset has no static values; leave it false")
        if p.static and p.branches == "image":
            raise UsageError("SeqImage: static=true joins the sequence's vector; set branches=both or sequence")
        if p.focal_alpha is not None and shape.n_classes != 2:
            raise UsageError(f"SeqImage: focal_alpha is a weight of two classes, and there are {shape.n_classes}")
        self.register_buffer("longest", torch.full((), torch.nan))
        self.register_buffer("class_weight", torch.ones(shape.n_classes))
        self.n_timepoints, size = shape.n_timepoints, 0
        self.generator: Generator | None = None
        self.images: ImageBranch | None = None
        self.statics: nn.Linear | None = None
        if p.branches != "image":
            decaying = 1 if p.decay_layers == "first" else None
            self.generator = Generator(
                shape.n_channels, p.generator_hidden, p.generator_layers, p.feature_reg, decaying, p.pooling
            )
            size += self.generator.out_dim
            if p.static:
                self.statics = nn.Linear(shape.n_static, p.static_size)
                size += p.static_size
        sequence_size = size
        if p.branches != "sequence":
            self.images = ImageBranch(
                self._pictures(shape), p.image_encoder, p.image_weights, p.image_layout, p.image_fusion, p.image_share,
                p.image_frozen,
            )  # fmt: skip
            size += self.images.out_dim
            self.most_steps = self.images.pictures.width
        self.joint = joint_layers(size, p.joint_width, p.joint_bottleneck, p.joint_activation, p.joint_norm)
        self.head = nn.Linear(p.joint_width, shape.n_classes)
        self._build_training(shape.n_channels, sequence_size)

    def _pictures(self, shape: PanelShape) -> Pictures:
        p = self.params
        if p.image_missing == "imputed" and p.branches == "image":
            raise UsageError("SeqImage: image_missing=imputed needs the generator; set branches=both")
        return Pictures(
            shape,
            read_maps(p.maps),
            p.image_size,
            tuple(p.colormaps.split("+")) if p.colormaps else (),
            p.image_missing,
            None if p.recurrence == "distances" else p.recurrence,
            p.mtf_bins,
            p.spectrum,
            p.marker,
            p.sensor_order == "observed",
            p.marker_size,
            p.linewidth,
        )

    def _build_training(self, n_channels: int, sequence_size: int) -> None:
        """Make what nothing but the training uses, last, so that the rest begins alike without it."""
        p = self.params
        self.directions: nn.Module | None = None
        self.encodings: nn.Module | None = None
        self.discriminator: Discriminator | None = None
        self.sequence_head: nn.Module | None = None
        self.image_head: nn.Module | None = None
        if self.generator is not None and p.rec_weight and p.rec_loss == "nt-xent":
            self.directions = projection(p.generator_hidden, p.projection_size)
            self.encodings = projection(2 * p.generator_hidden, p.projection_size)
        if self.generator is not None and p.adversarial_weight:
            self.discriminator = Discriminator(n_channels, p.discriminator_cell, p.hint_rate is not None)
        if self.generator is not None and self.images is not None and p.contrast_weight:
            self.sequence_head = nn.Linear(sequence_size, p.contrast_size)
            self.image_head = nn.Linear(self.images.out_dim, p.contrast_size)
        self._drawn: tuple[Batch, Batch] | None = None
        self._shared: tuple[Batch, Imputed] | None = None
        self._clusters: dict[int, _Clusters] = {}

    def prepare(self, batch: Batch) -> Batch:
        """Number the cases, by which their clusters are known."""
        return batch.with_extra(case=torch.arange(len(batch), device=batch.x.device))

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Take the longest time, and the limits of the pictures, from the training cases of the first source."""
        parts = data[0].parts(_PART)
        ends = [last_step(part.times, part.lengths).max() for part in parts if part.times is not None]
        if ends:
            self.longest.copy_(torch.stack(ends).max())
        if self.images is not None:
            self.images.pictures.fit(self.timed(part) for part in data[0].parts(_PART))
        if data[0].y is not None:
            self.class_weight.copy_(self._weights(data[0].y))
        self._clusters.clear()

    def _weights(self, y: Tensor) -> Tensor:
        """Return what a case of each class weighs in the focal loss."""
        p = self.params
        if p.focal_alpha is not None:
            return torch.tensor([1 - p.focal_alpha, p.focal_alpha])
        if p.balance == "upsample":
            return torch.ones_like(self.class_weight)
        return class_weights(y, len(self.class_weight))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the AdamW of the last stage, over all but the discriminator and the heads of L_rec."""
        p, rates = self.params, {"generator": self.params.lr, "images": self.params.image_lr}
        groups = [
            {"params": list(module.parameters()), "lr": rates.get(name, p.joint_lr)}
            for name, module in self.named_children()
            if name not in ("discriminator", "directions", "encodings")
        ]
        return {"main": torch.optim.AdamW(groups, lr=p.joint_lr, weight_decay=p.weight_decay)}

    def training_stages(self, steps: int, steps_per_epoch: int) -> Sequence[Stage | Alternating]:
        """Return the three updates, those of them that have something to learn, which take turns."""
        p, rule = self.params, None if self.params.warmup_share is None else self._rate
        stages = []

        def adam(*modules: nn.Module | None) -> dict[str, torch.optim.Optimizer]:
            weights = [weight for module in modules if module is not None for weight in module.parameters()]
            return {"main": torch.optim.Adam(weights, lr=p.lr)}

        if self.discriminator is not None:
            stages.append(Stage("discriminator", self.judge, adam(self.discriminator), steps, rule))
        if self.generator is not None and (self.discriminator is not None or p.rec_weight or p.rec_anchor):
            own = adam(self.generator, self.directions, self.encodings)
            stages.append(Stage("generator", self.impute, own, steps, rule))
        stages.append(Stage("joint", self.training_step, self.optimizers(), steps, rule))
        return [Alternating(stages, every="step" if p.granularity == "batch" else "epoch")]

    def _rate(self, step: int, budget: int) -> float:
        """Return the factor of the learning rates: it rises in the warm-up and then falls along a cosine."""
        return scheduled(SCHEDULES["cosine"], int(self.params.warmup_share * budget))(step, budget)

    def judge(self, step: Step) -> Tensor:
        """Return L_dis of imputed series, which get no gradient."""
        assert self.discriminator is not None
        batch = self._batch(step)
        with torch.set_grad_enabled(self.params.granularity == "batch"):  # the generator's own update takes it up
            made = self._imputed_once(batch)
        logits = self.discriminator(made.values.detach(), self._hint(batch, step.rng))
        return discriminator_loss(logits, batch.mask, inside_of(batch))

    def impute(self, step: Step) -> dict[str, Tensor]:
        """Return the weighted L_adv and L_rec, and the anchor where there is one."""
        p, batch, losses = self.params, self._batch(step), {}
        made, self._shared = self._imputed_once(batch), None
        if self.discriminator is not None:
            logits = self.discriminator(made.values, self._hint(batch, step.rng))
            missing = inside_of(batch) & ~batch.mask
            losses["adversarial"] = p.adversarial_weight * adversarial_loss(logits, missing, p.saturating)
        if p.rec_weight:
            losses["reconstruction"] = p.rec_weight * self._reconstruction(batch, made)
        if p.rec_anchor:
            errors = [over(batch.mask, (found - batch.x).abs()) for found in (made.forward, made.backward)]
            losses["anchor"] = p.rec_anchor * (errors[0] + errors[1]) / 2
        return losses

    def training_step(self, step: Step) -> dict[str, Tensor]:
        """Return the loss of the classes and the weighted L_cont and L_cluster."""
        p, batch = self.params, self._batch(step)
        y = batch.y
        assert y is not None
        joint, sequence, images = self.branches(batch)
        losses = {"classes": self._class_loss(self.head(joint), y)}
        if self.sequence_head is not None and self.image_head is not None:
            pair = self.sequence_head(sequence).float(), self.image_head(images).float()
            contrast = margin_contrast(*pair, y, p.margin, p.contrast_temperature, p.same_class == "dropped")
            losses["contrast"] = p.contrast_weight * contrast
        if p.cluster_weight and (found := self._clustered(step)) is not None:
            centroids, assigned = found
            own = assigned[batch.extra["case"]]
            losses["clusters"] = p.cluster_weight * cluster_loss(joint.float(), centroids, own, p.cluster_temperature)
        return losses

    def _class_loss(self, scores: Tensor, y: Tensor) -> Tensor:
        kind = self.params.loss if self.params.loss != "auto" else "focal" if scores.shape[1] == 2 else "cross-entropy"
        if kind == "cross-entropy":
            return cross_entropy(scores, y)
        return focal_loss(scores, y, self.params.focal_gamma, self.class_weight)

    def on_fit_end(self) -> None:
        """Forget what the last steps shared."""
        self._drawn = self._shared = None
        self._clusters.clear()

    def represent(self, batch: Batch) -> Tensor:
        """Return the joint vectors, (n, joint_width)."""
        return self.branches(batch)[0]

    def decide(self, batch: Batch) -> Tensor:
        """Return the classifier's logits, (n, n_classes)."""
        scores: Tensor = self.head(self.branches(batch)[0])
        return scores

    def reconstruct(self, batch: Batch) -> Tensor:
        """Return the values (n, n_channels, n_timepoints), the generator's where they are missing, 0 beyond an end."""
        return self.imputed(self.timed(batch)).values

    def diagnose(self, data: Sequence[Batch]) -> Diagnosis:
        """Say what pictures, contrast, clusters and discriminator are like, on some training cases."""
        return diagnose(self, data[0].select(slice(0, LOOKED_AT)))

    def branches(self, batch: Batch) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the joint vectors and those of both branches, None for one that is off."""
        series, sequence, images, imputed = self.timed(batch), None, None, None
        if self.generator is not None:
            made = self.imputed(series)
            sequence, imputed = made.vector, made.values.detach()
            if self.statics is not None:
                sequence = torch.cat([sequence, self.statics(series.static)], dim=1)
        if self.images is not None:
            images = self.images(series, imputed, series.extra.get("pictures"))
        joint: Tensor = self.joint(torch.cat([one for one in (sequence, images) if one is not None], dim=1))
        return joint, sequence, images

    def pictures(self, batch: Batch) -> Pictured:
        """Return what the image network sees; raises UsageError where the branch is off."""
        if self.images is None:
            raise UsageError("SeqImage with branches=sequence sees no pictures")
        series, drawing = self.timed(batch), self.images.pictures
        imputed = self.imputed(series).values if drawing.missing == "imputed" else None
        pixels = self.images.images(series, imputed)
        if self.images.layout == "super-grid":
            return Pictured(pixels, ("all maps",), torch.full_like(pixels[0, :1, 0], -1, dtype=torch.int64))
        return Pictured(pixels, tuple(f"{i} {name}" for i, name in enumerate(drawing.maps, 1)), drawing.channels())

    def imputed(self, series: Series) -> Imputed:
        """Return what the generator makes of cases with times from 0 to 1, or without any."""
        if self.generator is None:
            raise MethodError("SeqImage with branches=image imputes nothing; set branches=both or sequence")
        made: Imputed = self.generator(series, 1.0 if series.times is not None else self.n_timepoints)
        return made

    def _batch(self, step: Step) -> Batch:
        """Return the batch of a step, or one of as many cases of each class, the same for all updates of a turn."""
        if self.params.balance == "none":
            return step.batch
        if self._drawn is None or self._drawn[0] is not step.batch:
            assert step.data.y is not None
            index = balanced(step.data.y, len(self.class_weight), len(step.batch), step.rng)
            self._drawn = step.batch, step.data.select(index)
        return self._drawn[1]

    def _imputed_once(self, batch: Batch) -> Imputed:
        """Return what the generator makes of a batch; its updates on one batch share it where nothing has changed."""
        if self._shared is None or self._shared[0] is not batch:
            self._shared = batch, self.imputed(self.timed(batch))
        return self._shared[1]

    def _reconstruction(self, batch: Batch, made: Imputed) -> Tensor:
        p = self.params
        if self.directions is None or self.encodings is None:
            mean = (made.forward + made.backward) / 2
            agreement = over(inside_of(batch), (made.forward - made.backward).square())
            return agreement + over(batch.mask, (mean - batch.x).square())
        whole = replace(self.timed(batch), x=made.values, observed=inside_of(batch) if batch.padded else None)
        again = self.imputed(whole)
        before, after = (self.encodings(torch.cat([one.past, one.future], dim=1)) for one in (made, again))
        ways = nt_xent(self.directions(made.past), self.directions(made.future), p.rec_temperature)
        return ways + nt_xent(before, after, p.rec_temperature)

    def _hint(self, batch: Batch, rng: torch.Generator) -> Tensor | None:
        """Return 1 and 0 for some values that were observed and missing, and 1/2 for the others."""
        if self.params.hint_rate is None:
            return None
        told = torch.rand(batch.x.shape, generator=rng, device=batch.x.device) < self.params.hint_rate
        return torch.where(told, batch.mask.to(batch.x.dtype), 0.5)

    def timed(self, batch: Batch) -> Batch:
        """Return cases with times from 0 to 1, the longest of training; of each case, where there was none."""
        if batch.times is None:
            return batch
        longest = self.longest if bool(self.longest.isfinite()) else last_step(batch.times, batch.lengths)[:, None]
        return replace(batch, times=batch.times / torch.where(longest > 0, longest, 1.0))

    def _clustered(self, step: Step) -> tuple[Tensor, Tensor] | None:
        """Return centroids and each training case's cluster, made anew in each epoch; None before the first."""
        state = self._clusters.setdefault(step.source, _Clusters())
        if state.epoch != step.epoch:
            state.epoch, state.passes = step.epoch, state.passes + 1
            if state.passes > self.params.cluster_after:
                found = joint_vectors(self, step.data)
                state.found = spherical_k_means(found, self.n_clusters, self.params.cluster_iterations)
        return state.found

    @property
    def n_clusters(self) -> int:
        """Return k, which few cases may not reach."""
        n_classes = self.head.out_features
        return int(self.params.clusters or (16 if n_classes == 2 else n_classes))


@dataclass
class _Clusters:
    """Those of a source: of which epoch, how many that were, centroids and each case's cluster."""

    epoch: int = -1
    passes: int = 0
    found: tuple[Tensor, Tensor] | None = None


@torch.no_grad()
def joint_vectors(method: SeqImage, data: Batch) -> Tensor:
    """Return the joint vectors of prepared cases in eval mode, a part at a time; the mode is restored."""
    training = method.training
    method.eval()
    vectors = torch.cat([method.represent(part) for part in data.parts(_PART)]).float()
    method.train(training)
    return vectors
