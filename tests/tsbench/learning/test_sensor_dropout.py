import numpy as np
import pytest
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError
from tsbench.learning import loop
from tsbench.learning.learner import Learner
from tsbench.learning.sensor_dropout import sensor_dropout, without_sensors


@pytest.fixture
def six():
    """200 cases of 6 sensors and 8 time points, some of which are missing or padding."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6, 8)) + 9
    X[:, :, 6:] = np.nan
    X[rng.random(X.shape) < 0.2] = np.nan
    return Panel.build(X, np.arange(200) % 2, lengths=np.full(200, 6))


def out(before, after):
    """Return which sensors that had a value have none, (n, n_channels)."""
    return before.mask.any(dim=2) & ~after.mask.any(dim=2)


def test_each_case_lacks_from_none_to_the_share_of_its_sensors(six):
    batch = Batch.from_panel(six, "cpu")
    thin = without_sensors(batch, 0.5, torch.Generator().manual_seed(0))
    gone = out(batch, thin).sum(dim=1)
    assert set(gone.tolist()) == {0, 1, 2, 3}
    assert np.bincount(gone).min() > 30 and len(set(map(tuple, out(batch, thin).tolist()))) > 20
    kept = thin.mask
    assert not thin.x[~kept].any() and (thin.x[kept] == batch.x[kept]).all() and (kept <= batch.mask).all()


def test_a_case_keeps_a_value(six):
    X = np.full((200, 6, 8), np.nan)
    X[np.arange(200), np.arange(200) % 6, 3] = 1.0
    batch = Batch.from_panel(Panel.build(X), "cpu")
    assert without_sensors(batch, 0.8, torch.Generator().manual_seed(0)).mask.sum() == 200


def test_draws_go_on_and_begin_alike(six):
    batch = Batch.from_panel(six, "cpu")
    thin, again = (sensor_dropout(0.5, [batch], 7) for _ in range(2))
    first = thin(batch).x
    assert torch.equal(first, again(batch).x) and not torch.equal(first, thin(batch).x)
    assert sensor_dropout(0.0, [batch], 7) is None


@pytest.mark.parametrize(("share", "n_channels", "message"), [(0.3, 1, "none of its 1"), (0.9, 4, "all of its 4")])
def test_no_sensor_and_all_are_refused(share, n_channels, message):
    with pytest.raises(MethodError, match=f"sensor_dropout={share:g}: a share of {share:g} is {message} sensor"):
        Learner("ts2vec", sensor_dropout=share, max_steps=1).fit(Panel.build(np.ones((4, n_channels, 9))))


@pytest.mark.parametrize("method", ["trls", "tnc", "ts2vec", "supervised"])
def test_what_a_method_prepares_and_draws_from_lacks_sensors_too(six, method, monkeypatch):
    given = []
    prepared = loop.prepared
    monkeypatch.setattr(loop, "prepared", lambda m, batch: given.append(batch) or prepared(m, batch))
    settings = {"max_steps": 3, "batch_size": 100}
    one, again = (Learner(method, sensor_dropout=s, **settings).fit(six).encode(six) for s in (0.5, 0.5))
    clean, *thin = given[: len(given) // 2]
    assert len(thin) == 2 and not out(clean, clean).any()  # an epoch has two steps
    assert all(out(clean, one).any() for one in thin) and not torch.equal(thin[0].x, thin[1].x)
    np.testing.assert_array_equal(one, again)
    assert (one != Learner(method, **settings).fit(six).encode(six)).any()
