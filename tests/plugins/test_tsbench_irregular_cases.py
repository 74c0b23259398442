"""What test_tsbench_irregular asks of each method, of the variants of nets too; and reconstruction."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from irregular_series import irregular

from tsbench.data.batch import Batch
from tsbench.data.panel import PanelShape
from tsbench.discovery.plugins import Plugins
from tsbench.learning.loop import fit

PLUGINS = Plugins()
PLUGINS.load_entry_points()
STEPS, CHANNELS = 9, 3
SMALL = {"hidden": 6, "embedding": 8, "references": 7, "phi_width": 8, "latent": 8, "psi_width": 8, "psi_latent": 8}
SMALL |= {"key_dim": 8, "layers": 1, "image_encoder": "small-cnn", "cell_size": 16, "mlp": 8, "rho_width": 8}
CASES = [
    ("mtand", {"times": "fixed", "heads": 2}),
    ("raindrop", {"variant": "paper-transformer", "heads": 1}),
    ("raindrop", {"variant": "legacy", "heads": 1}),
    ("ip-net", {"absent": "no weight"}),
    ("dgm2-o", {"reads": "both"}),
]
IDS = ["-".join([name, *map(str, given.values())]) for name, given in CASES]
CLOSE = {"rtol": 1e-3, "atol": 1e-4}


def made(name, params, n_static=2):
    cls = PLUGINS["methods"].get(name)
    known = cls.Params.model_fields
    torch.manual_seed(0)
    method = cls.create(**{**{key: value for key, value in SMALL.items() if key in known}, **params})
    method.build([PanelShape(CHANNELS, STEPS, n_static=n_static, n_classes=2)])
    return method


def batch_of(seed, n, extra=0):
    series, times = irregular(torch.Generator().manual_seed(seed), n, CHANNELS, STEPS, extra)
    static = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))
    return Batch(series.x, series.lengths, series.mask, times, static, y=torch.arange(n) % 2)


@pytest.mark.parametrize(("name", "params"), CASES, ids=IDS)
@settings(max_examples=4, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 99), n=st.integers(2, 5), extra=st.integers(0, 12))
def test_neither_padding_nor_the_other_cases_change_a_decision(name, params, seed, n, extra):
    method, batch, wide = made(name, params), batch_of(seed, n), batch_of(seed, n, extra)
    method.on_fit_start([batch])
    method.eval()
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        features, scores = method.represent(batch), method.decide(batch)
        torch.testing.assert_close(method.represent(wide), features, **CLOSE)
        torch.testing.assert_close(method.decide(wide.select(order)), scores[order], **CLOSE)
        width = int(batch.lengths[0])
        alone = batch.select(slice(0, 1))
        alone = replace(
            alone, x=alone.x[..., :width], observed=alone.mask[..., :width], times=alone.times[:, :width], padded=False
        )
        torch.testing.assert_close(method.decide(alone), scores[:1], **CLOSE)


@pytest.mark.parametrize(("name", "params"), CASES, ids=IDS)
def test_two_steps_train_it_the_same_way_twice(name, params):
    found = []
    for _ in range(2):
        method = made(name, {**params, "max_steps": 2, "batch_size": 4})
        torch.manual_seed(1)
        before = [p.clone() for p in method.parameters()]
        report = fit(method, [batch_of(0, 8)], seed=3)
        assert report.steps == 2
        assert any(not torch.equal(old, new) for old, new in zip(before, method.parameters(), strict=True))
        found.append(method.decide(batch_of(1, 5)))
    assert torch.isfinite(found[0]).all()
    assert torch.equal(*found)


@pytest.mark.parametrize(("name", "params"), CASES, ids=IDS)
def test_odd_cases_are_decided(name, params):
    """One observation, none, a sensor that no case has, several values at one time, one class, no static values."""
    batch = batch_of(0, 6)
    mask = batch.mask.clone()
    mask[:, 1] = mask[0] = mask[1] = False
    mask[1, 0, 0] = True
    times = batch.times.clone()
    times[2, :] = times[2, 0]
    train = replace(
        batch, x=batch.x * mask, observed=mask, times=times, static=None, y=torch.zeros(6, dtype=torch.int64)
    )
    method = made(name, {**params, "max_steps": 2, "batch_size": 3}, n_static=0)
    fit(method, [train], seed=0)
    assert torch.isfinite(method.decide(train)).all()
    assert torch.isfinite(method.decide(replace(batch, static=None))).all()


@pytest.mark.parametrize("name", ["mtand-full", "ip-net"])
def test_what_is_missing_is_filled_in_at_its_time(name):
    method, batch = made(name, {}), batch_of(0, 4)
    method.on_fit_start([batch])
    method.eval()
    filled = method.reconstruct(batch)
    assert filled.shape == batch.x.shape and torch.isfinite(filled).all()
    assert torch.equal(filled[batch.mask], batch.x[batch.mask])
    torch.testing.assert_close(method.reconstruct(batch_of(0, 4, 5))[..., :STEPS], filled, **CLOSE)


def test_ip_net_fills_a_gap_from_what_is_near_it():
    generator = torch.Generator().manual_seed(0)
    times = torch.arange(24.0).expand(40, -1)
    x = torch.sin(times / 4 + 6 * torch.rand(40, 1, generator=generator))[:, None].repeat(1, CHANNELS, 1)
    observed = torch.rand(x.shape, generator=generator) > 0.3
    lengths, y = torch.full((40,), 24), torch.arange(40) % 2
    batch = Batch(x * observed, lengths, observed, times, torch.zeros(40, 2), y=y)
    method = made("ip-net", {"max_steps": 30, "lr": 0.05, "reconstruction": 1.0, "references": 24})
    fit(method, [batch], seed=0)
    filled = method.reconstruct(batch).detach()
    assert (filled - x)[~observed].std() < 0.5 * x.std()
