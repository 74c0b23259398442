import hashlib
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import UsageError
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.testing import gaps, noise
from tsbench_aimts.images import ImageMap, image_encoder, plot_limits, render
from tsbench_aimts.method import AimTS
from tsbench_imaging import frequency_spectrum
from tsbench_imaging.lines import channel_limits
from tsbench_imaging.networks import SmallCNN
from tsbench_imaging.spectrum import spectrum_values

MAPS = list(get_args(ImageMap))


def batch(panel):
    return Batch.from_panel(panel, "cpu")


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize(("n_channels", "side"), [(1, 1), (2, 2), (5, 3)])
def test_a_cell_for_each_channel_with_values_from_0_to_1(kind, n_channels, side):
    cases = batch(noise(c=n_channels))
    images = render(cases, kind, 24, plot_limits(cases, kind))
    assert images.shape == (6, 3, side * 24, side * 24)
    assert 0 <= images.min() < images.max() <= 1


@pytest.mark.parametrize("kind", MAPS)
def test_a_channel_changes_its_own_cell_only(kind):
    X = np.random.default_rng(0).normal(size=(2, 2, 40))
    X[:, 1, 0] = 5.0  # both cases have the same limits
    other = X.copy()
    other[:, 1, 10:20] = 0.1
    first, second = (batch(Panel.build(values)) for values in (X, other))
    limits = plot_limits(first, kind)
    changed = render(first, kind, 24, limits) != render(second, kind, 24, limits)
    assert not changed[..., :24].any()
    assert changed[..., :24, 24:].any()


@pytest.mark.parametrize("kind", MAPS)
def test_missing_values_unequal_lengths_and_a_channel_never_seen(kind):
    X, lengths = gaps().X.copy(), gaps().lengths
    X[:, 1] = np.nan
    cases = batch(Panel.build(X, lengths=lengths))
    assert torch.isfinite(render(cases, kind, 24, plot_limits(cases, kind))).all()


def test_what_is_missing_is_not_drawn():
    x = np.zeros((1, 1, 40))
    x[0, 0, [0, 1]] = -1, 1
    whole = batch(Panel.build(x))
    x[0, 0, 20:] = np.nan
    half = batch(Panel.build(x))
    limits = plot_limits(whole, "line-plot")
    drawn = [(render(cases, "line-plot", 64, limits) < 1).any(dim=1)[0].any(dim=0) for cases in (whole, half)]
    assert drawn[0][34:60].all()
    assert not drawn[1][34:].any()


def test_limits_are_the_extreme_values_of_the_source():
    cases = batch(gaps())
    expected = np.stack([np.nanmin(gaps().X, axis=(0, 2)), np.nanmax(gaps().X, axis=(0, 2))], axis=1)
    torch.testing.assert_close(plot_limits(cases, "line-plot"), torch.from_numpy(expected))
    assert plot_limits(cases, "gasf") is None


def test_spectra_are_drawn_between_the_extremes_of_the_source():
    cases = batch(gaps())
    values = spectrum_values(torch.from_numpy(gaps().X))
    limits = plot_limits(cases, "frequency-spectrum")
    torch.testing.assert_close(limits, channel_limits(values))
    expected = frequency_spectrum(torch.from_numpy(gaps().X), 24, limits=limits)
    torch.testing.assert_close(render(cases, "frequency-spectrum", 24, limits), expected)


def test_a_difference_field_is_another_image_than_a_summation_field():
    cases = batch(noise(c=1))
    summed, apart = (render(cases, kind, 24, None)[:, 0] for kind in ("gasf", "gadf"))
    torch.testing.assert_close(summed, summed.transpose(1, 2))
    torch.testing.assert_close(apart + apart.transpose(1, 2), torch.ones_like(apart))  # antisymmetric, scaled to [0, 1]


@pytest.mark.parametrize("kind", [kind for kind in MAPS if kind != "mtf"])
def test_a_single_time_point_has_an_image(kind):
    cases = batch(noise(length=1))
    assert torch.isfinite(render(cases, kind, 24, plot_limits(cases, kind))).all()


@pytest.mark.parametrize(("name", "size"), [("small-cnn", 256), ("test_resnet", 96)])
def test_the_network_is_frozen_and_normalises_over_the_batch(name, size):
    network, n_features = image_encoder(name, None)
    images = 100 * torch.rand(4, 3, 32, 32)
    features = network(images)
    assert features.shape == (4, n_features) == (4, size)
    assert not features.requires_grad
    torch.testing.assert_close(network(3 * images), features, atol=1e-3, rtol=1e-3)  # statistics of the batch


def test_resnet_18_is_that_of_the_paper():
    network, n_features = image_encoder("resnet18.tv_in1k", None)
    assert n_features == 512
    assert sum(p.numel() for p in network.parameters()) == 11_176_512


def test_another_content_of_the_file_is_another_run(tmp_path):
    path = str(tmp_path / "weights.pt")
    torch.save(SmallCNN().state_dict(), path)
    first = AimTS.create(image_weights=path).params.image_weights
    hexadecimal = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert first == f"sha256:{hexadecimal}@{path}"
    assert AimTS.create(image_weights=first).params.image_weights == first
    image_encoder("small-cnn", first)
    torch.save(SmallCNN().state_dict(), path)
    assert AimTS.create(image_weights=path).params.image_weights != first
    with pytest.raises(UsageError, match=r"weights\.pt has changed since the run was planned"):
        image_encoder("small-cnn", first)


def test_the_earlier_spelling_keeps_its_key_and_a_place_makes_none(tmp_path, installed, registry):
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_bytes(b"rubbish")
    hexadecimal = hashlib.sha256(b"rubbish").hexdigest()

    def spec(value):
        request = Request(["aimts"], ["UnitTest"], overrides={"image_weights": value})
        return make_plan(request, installed, registry).specs[0]

    first, second = spec(str(tmp_path / "a.pt")), spec(str(tmp_path / "b.pt"))
    assert first.key == second.key == spec(f"sha256:{hexadecimal}").key
    assert first.label == second.label == f"aimts[image_weights=sha256:{hexadecimal[:12]}]"
    assert (first.configuration, first.exposure) == (second.configuration, "unknown: image_weights")
    earlier = spec(f"w.pt@sha256:{hexadecimal}")
    assert earlier.identity()["params"]["image_weights"] == f"w.pt@sha256:{hexadecimal}"
    assert earlier.label == f"aimts[image_weights=w.pt@sha256:{hexadecimal}]"
    assert (
        earlier.key == "7ebfa96f323e3924a6152ae0f91ded518944086f3b7e09d43f6ab6425b997472"
        and earlier.exposure == "unknown: image_weights"
    )


@pytest.mark.parametrize("weights", [None, "pretrained"])
def test_what_names_no_file_is_left_alone_and_clean(weights, installed, registry):
    assert AimTS.create(image_weights=weights).params.image_weights == weights
    request = Request(["aimts"], ["UnitTest"], overrides={"image_weights": str(weights)})
    assert make_plan(request, installed, registry).specs[0].exposure == "clean"


def test_a_file_that_is_not_there():
    with pytest.raises(UsageError, match=r"image_weights: there is no file .*nowhere\.pt"):
        AimTS.create(image_weights="nowhere.pt")
