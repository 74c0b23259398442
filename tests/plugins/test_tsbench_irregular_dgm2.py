import pytest
import torch
from irregular_series import example, fill, irregular

from tsbench_irregular.dgm2 import DGM2Encoder


def test_the_values_of_the_published_code():
    """Weights by formula, given to DGM2_O of github.com/mims-harvard/Raindrop, at times 0, 1, ...; last step."""
    series, _ = example()
    net = fill(DGM2Encoder(3, 6, 4, 5, "both"))
    states = net.states(series, torch.arange(6.0).expand(2, -1))
    expected = [
        [-0.1626594961, -0.2434595376, -1.3991581202, -1.0782032013],
        [0.0536947325, -0.4024229646, -1.2394229174, -0.9397106171],
    ]
    torch.testing.assert_close(states[:, -1], torch.tensor(expected), rtol=1e-5, atol=1e-5)
    expected = [
        [0.0439650007, 0.1326449364, 0.2562929690, 0.0995778963, 0.4675191939],
        [0.0460893326, 0.1296400726, 0.2620873153, 0.1005750149, 0.4616081715],
    ]
    torch.testing.assert_close(net.probabilities(states)[:, -1], torch.tensor(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("reads", "size"), [("states", 4), ("clusters", 5), ("both", 9)])
def test_the_features_are_those_of_each_step_and_0_behind_the_last(reads, size):
    series, times = irregular(torch.Generator().manual_seed(3), 4, 3, 8)
    torch.manual_seed(0)
    net = DGM2Encoder(3, 10, 4, 5, reads)
    features = net(series, times).view(4, 10, size)
    assert net.out_dim == 10 * size
    for case, length in enumerate(series.lengths):
        assert (features[case, length:] == 0).all() and (features[case, :length] != 0).any(dim=1).all()


def test_a_longer_gap_lets_the_state_drift_further():
    series, times = example()
    net = fill(DGM2Encoder(3, 6, 4, 5, "states"))
    assert not torch.allclose(net(series, times), net(series, 3 * times))
    torch.testing.assert_close(net(series, times), net(series, times + 5))
