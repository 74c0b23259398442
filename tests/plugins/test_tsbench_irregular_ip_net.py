import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from irregular_series import example, fill

from tsbench.data.series import Series
from tsbench_irregular.ip_net import Interpolation, IPNetEncoder, hold_out
from tsbench_irregular.observations import Observations


def as_published(x, mask, times, at, kernel, mixing, mean, absent):
    """Return what the layers of github.com/mlds-lab/interp-net give for a case, in numpy: (r, 3 c)."""
    n_channels = len(x)
    rate = np.log1p(np.exp(kernel))
    y, intensity, transient = (np.zeros((len(at), n_channels)) for _ in range(3))
    for c in range(n_channels):
        t, v = times[mask[c]], x[c][mask[c]]
        if len(t) == 0:
            y[:, c] = transient[:, c] = mean[c]
            intensity[:, c] = np.exp(-rate[c] * at**2) if absent == "start" else 0.0
            continue
        for r, point in enumerate(at):
            w, narrow = np.exp(-rate[c] * (t - point) ** 2), np.exp(-10 * rate[c] * (t - point) ** 2)
            y[r, c], transient[r, c], intensity[r, c] = w @ v / w.sum(), narrow @ v / narrow.sum(), w.sum()
    share = intensity / intensity.sum(axis=1, keepdims=True)
    smooth = (share * (y - y.mean(axis=0))) @ mixing + y.mean(axis=0)
    return np.concatenate([smooth, intensity, transient - smooth], axis=1)


@pytest.mark.parametrize("absent", ["start", "no weight"])
def test_the_formulas_of_the_published_code(absent):
    series, times = example()
    net = fill(Interpolation(3, 10.0, absent))
    net.mean = torch.tensor([0.1, -0.2, 0.3])
    at = torch.linspace(0, 1, 5)
    result = net(Observations.of(series, times), at.expand(2, -1))
    x, mask = series.x.double().numpy(), series.mask.numpy()
    weights = [w.detach().double().numpy() for w in (net.kernel, net.mixing, net.mean)]
    for case in range(2):
        expected = as_published(x[case], mask[case], times[case].double().numpy(), at.numpy(), *weights, absent)
        np.testing.assert_allclose(result[case].detach(), expected, rtol=1e-4, atol=1e-5)


def test_one_value_of_it():
    series, times = example()
    expected = [[-0.7896097302, 0.9519944787], [-0.6755724549, 0.9682835341]]
    features = fill(IPNetEncoder(3, 2, 5, 1.0, 10.0, "start"))(series, times)
    torch.testing.assert_close(features, torch.tensor(expected), rtol=1e-5, atol=1e-5)


def test_narrow_kernels_return_the_samples_of_dense_data():
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    at = torch.arange(8.0).expand(2, -1)
    net = Interpolation(3, 10.0, "start")
    with torch.no_grad():
        net.kernel.fill_(200.0)
    y, intensity = net.alone(Observations.of(Series(x, torch.tensor([8, 8])), at), at)
    torch.testing.assert_close(y.transpose(1, 2), x)
    torch.testing.assert_close(intensity, torch.zeros(2, 8, 3), atol=1e-5, rtol=0)


def test_a_sensor_without_values_changes_no_other_where_it_has_no_weight():
    series, times = example(channels=2)
    wide = Series(
        torch.cat([series.x, series.x[:, :1] * 0], dim=1),
        series.lengths,
        torch.cat([series.mask, torch.zeros_like(series.mask[:, :1])], dim=1),
    )
    at = torch.linspace(0, 1, 5).expand(2, -1)
    narrow = Interpolation(2, 10.0, "no weight").predict(Observations.of(series, times), at, None)
    torch.testing.assert_close(
        Interpolation(3, 10.0, "no weight").predict(Observations.of(wide, times), at, None)[..., :2], narrow
    )


def test_far_from_every_observation_the_nearest_one_counts():
    series = Series(torch.tensor([[[1.0, 5.0]]]), torch.tensor([2]))
    net = Interpolation(1, 10.0, "start")
    y, intensity = net.alone(Observations.of(series, torch.tensor([[0.0, 1.0]])), torch.tensor([[500.0]]))
    assert y.item() == 5.0 and math.isfinite(intensity.item())


def test_a_fifth_of_each_series_is_held_out():
    mask = torch.zeros(2, 2, 20, dtype=torch.bool)
    mask[0, 0], mask[0, 1, :4], mask[1, 1, 3:13] = True, True, True
    held = hold_out(mask, 0.2, torch.Generator().manual_seed(0))
    assert held.sum(dim=-1).tolist() == [[4, 0], [0, 2]]
    assert not (held & ~mask).any()


def test_the_reconstruction_knows_nothing_of_what_is_held_out():
    series, times = example(steps=20)
    net = IPNetEncoder(3, 2, 5, 1.0, 10.0, "start")
    held = hold_out(series.mask, 0.2, torch.Generator().manual_seed(0))
    assert held.any()
    changed = replace(series, x=series.x + 100.0 * held)
    seen = [Observations.of(one, times, series.mask & ~held) for one in (series, changed)]
    predicted = [net.interpolate.predict(one, times, None).transpose(1, 2) for one in seen]
    torch.testing.assert_close(predicted[0], predicted[1])
    error = ((predicted[0] - series.x).square() * held).sum(dim=-1) / held.sum(dim=-1).clamp(min=1)
    net.variance = torch.tensor([4.0, 1.0, 1.0])
    loss = net.reconstruction_loss(series, times, 0.2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(loss, (error / net.variance).mean())
