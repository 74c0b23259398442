"""The parameters of SeqImage; what its summary does not give is said to be so."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from tsbench import TrainingParams, param, weights
from tsbench_imaging.networks import PRETRAINED_ON, ImageNetworkParams
from tsbench_seqimage.networks import Activation, Cell, Fusion, Layout
from tsbench_seqimage.pictures import MAPS, Filling, read_maps


def _maps(text: str) -> str:
    read_maps(text)
    return text


class SeqImageParams(ImageNetworkParams, TrainingParams):
    """Sizes and losses of the summary of arXiv 2502.06134; its optimisers, rates and weights are ours."""

    epochs: int = param(
        20,
        like="epochs",
        doc="passes over the training cases; not specified in the paper (ViTST: PAM 20, P12 4, P19 2)",
    )
    batch_size: int = param(48, like="batch_size", doc="cases per step; not specified in the paper")
    lr: float = param(
        1e-3, like="lr", doc="learning rate of generator and discriminator (Adam); not specified in the paper"
    )
    image_lr: float = param(
        2e-5,
        low=1e-7,
        high=1.0,
        log=True,
        tune=True,
        stage="training",
        doc="learning rate of the image network (AdamW); not specified in the paper",
    )
    joint_lr: float = param(
        1e-4,
        low=1e-7,
        high=1.0,
        log=True,
        tune=True,
        stage="training",
        doc="learning rate of joint layers and classifier (AdamW); not specified in the paper",
    )
    weight_decay: float = param(
        0.01, like="weight_decay", doc="decoupled weight decay of the last stage; not specified in the paper"
    )
    clip_norm: float | None = param(
        1.0, like="clip_norm", doc="clip each optimiser's gradient to this norm; not specified in the paper"
    )
    warmup_share: float | None = param(
        0.05,
        low=0.0,
        high=0.9,
        stage="training",
        doc="share of the steps in which rates rise, before they fall along a cosine; none: as schedule and "
        "warmup_steps say; not specified in the paper",
    )
    granularity: Literal["batch", "epoch"] = param(
        "batch", stage="training", doc="the three updates take turns on each batch, or each for an epoch (the paper)"
    )

    select: str = param(
        "auprc",
        like="select",
        doc="state kept: of the epoch with the best value of this metric on the validation part, or last; not "
        "specified in the paper",
    )
    balance: Literal["upsample", "none"] = param(
        "upsample",
        stage="training",
        doc="batches of as many cases of each class, or as they come; not specified in the paper",
    )
    loss: Literal["auto", "cross-entropy", "focal"] = param(
        "auto", stage="training", doc="of the classes; auto: focal for two, cross entropy for more, as in the paper"
    )
    focal_gamma: float = param(
        2.0, low=0.0, high=10.0, stage="training", doc="exponent of the focal loss; not specified in the paper"
    )
    focal_alpha: float | None = param(
        None,
        low=0.0,
        high=1.0,
        stage="training",
        doc="weight of the second of two classes, that of the first being 1 less it; none: classes weigh alike as they "
        "are drawn; not specified in the paper",
    )

    branches: Literal["both", "sequence", "image"] = param("both", doc="what the joint layers are given")
    generator_hidden: int = param(128, low=1, high=8192, doc="units of each layer and direction of the generator")
    generator_layers: int = param(4, low=1, high=32, doc="layers of the generator")
    decay_layers: Literal["all", "first"] = param(
        "all", doc="layers whose state decays between observations; not specified in the paper"
    )
    feature_reg: bool = param(
        False, doc="the generator regresses a value on the other sensors too, as BRITS; not in the paper"
    )
    pooling: Literal["last", "mean"] = param(
        "last", doc="the sequence's vector: both directions' last states, or the mean; not specified in the paper"
    )
    static: bool = param(
        False, doc="append numbers made of the static values to the sequence's vector; not specified in the paper"
    )
    static_size: int = param(32, low=1, high=8192, doc="how many numbers these are; not specified in the paper")
    adversarial_weight: float = param(
        1.0, low=0.0, high=100.0, stage="training", doc="weight of L_adv; 0: no discriminator"
    )
    saturating: bool = param(
        False, stage="training", doc="L_adv as the mean of log(1 - p), as USGAN; not specified in the paper"
    )
    discriminator_cell: Cell = param(
        "gru", stage="training", doc="cell of the discriminator's layers; not specified in the paper"
    )
    hint_rate: float | None = param(
        None,
        low=0.0,
        high=1.0,
        stage="training",
        doc="share of the values whose kind the discriminator is told, as GAIN (0.7); none: no hint; not specified in "
        "the paper",
    )
    rec_weight: float = param(
        1.0,
        low=0.0,
        high=100.0,
        tune=True,
        stage="training",
        doc="alpha, weight of L_rec; 0: off; value not specified in the paper",
    )
    rec_loss: Literal["nt-xent", "mse"] = param(
        "nt-xent", stage="training", doc="L_rec; mse: squared differences of predictions and values in its place"
    )
    rec_temperature: float = param(
        0.1, low=1e-3, high=100.0, log=True, stage="training", doc="of L_rec; not specified in the paper"
    )
    projection_size: int = param(
        128, low=1, high=8192, stage="training", doc="width of the two layers before L_rec; not specified in the paper"
    )
    rec_anchor: float = param(
        0.0,
        low=0.0,
        high=100.0,
        tune=True,
        stage="training",
        doc="weight of the absolute error of predicted observed values, which ties them to a scale; not in the paper; "
        "1: robust",
    )

    maps: Annotated[str, AfterValidator(_maps)] = param(
        "+".join(MAPS), doc="pictures, joined by +; a map may come more than once"
    )
    image_size: int = param(224, low=16, high=1024, doc="pixels of a picture, each way")
    image_encoder: str = param(
        "swin_base_patch4_window7_224.ms_in22k",
        doc="network that sees the pictures: a model of timm, imagenet-lite0, tiny-swin or small-cnn; size of the Swin "
        "Transformer not specified in the paper",
    )
    image_weights: str | None = weights(
        None,
        words=("pretrained",),
        pretrained_on=PRETRAINED_ON,
        doc="its weights: none (random), pretrained (timm's, downloaded) or a file; the paper's: pretrained",
    )
    image_frozen: bool = param(False, stage="training", doc="the image network is not trained")
    image_layout: Layout = param("each", doc="an image for each map, or all maps in one; not specified in the paper")
    image_fusion: Fusion = param(
        "mean", doc="the maps' features: their mean, side by side, or a learnt mean; not specified in the paper"
    )
    image_share: bool = param(True, doc="one network for all maps, or one for each; not specified in the paper")
    image_missing: Filling = param(
        "fill",
        doc="gaps in matrices: the last value before, that and black pixels, or what was imputed; not specified in the "
        "paper",
    )
    colormaps: str | None = param(
        None, doc="of matplotlib for matrices, joined by + and taken in turn; none: grey; not specified in the paper"
    )
    marker: Literal["*", "o", "none"] = param("*", doc="mark of each value on the line; not specified in the paper")
    marker_size: float = param(
        1.0, low=0.0, high=20.0, doc="size of that mark, points; not specified in the paper (ViTST: 2, on PAM 1)"
    )
    linewidth: float = param(
        1.0, low=0.1, high=20.0, doc="width of the line, points; not specified in the paper (ViTST: 1, on PAM 0.5)"
    )
    spectrum: Literal["fft", "lomb"] = param(
        "fft", doc="FFT of the windowed series, or Lomb-Scargle of the observed points; not specified in the paper"
    )
    mtf_bins: int = param(8, low=2, high=1024, doc="bins of the Markov transition field; not specified in the paper")
    recurrence: Literal["distances", "point", "distance"] = param(
        "distances", doc="recurrence plot: distances, or those below a threshold; not specified in the paper"
    )
    sensor_order: Literal["observed", "given"] = param(
        "observed",
        doc="cells of the sensors: those seen most in training first, or as given; not specified in the paper",
    )

    joint_width: int = param(1024, low=1, high=65_536, doc="first and third width of the joint layers")
    joint_bottleneck: int = param(512, low=1, high=65_536, doc="second width of the joint layers")
    joint_activation: Activation = param("gelu", doc="between joint layers; not specified in the paper")
    joint_norm: bool = param(True, doc="LayerNorm between joint layers; not specified in the paper")
    contrast_weight: float = param(
        0.1,
        low=0.0,
        high=100.0,
        tune=True,
        stage="training",
        doc="beta1, weight of L_cont; 0: off; value not specified in the paper",
    )
    contrast_size: int = param(
        256, low=1, high=65_536, stage="training", doc="size of the vectors of L_cont; not specified in the paper"
    )
    contrast_temperature: float = param(
        0.1, low=1e-3, high=100.0, log=True, tune=True, stage="training", doc="of L_cont; not specified in the paper"
    )
    margin: float = param(
        0.2,
        low=0.0,
        high=10.0,
        tune=True,
        stage="training",
        doc="m, added to the similarity of cases of two classes; value not specified in the paper",
    )
    same_class: Literal["negative", "dropped"] = param(
        "negative", stage="training", doc="other cases of the class in L_cont; not specified in the paper"
    )
    cluster_weight: float = param(
        0.1,
        low=0.0,
        high=100.0,
        tune=True,
        stage="training",
        doc="beta2, weight of L_cluster; 0: off; value not specified in the paper",
    )
    clusters: int | None = param(
        None,
        low=1,
        high=65_536,
        tune=False,
        stage="training",
        doc="k; none: 16 for two classes, else as many as there are classes; not specified in the paper",
    )
    cluster_temperature: float = param(
        0.1, low=1e-3, high=100.0, log=True, stage="training", doc="of L_cluster; not specified in the paper"
    )
    cluster_iterations: int = param(
        20, low=1, high=10_000, stage="training", doc="of k-means in each epoch; not specified in the paper"
    )
    cluster_after: int = param(
        1, low=0, high=100_000, stage="training", doc="epochs before L_cluster begins; not specified in the paper"
    )
