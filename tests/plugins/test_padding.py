"""How far a case is padded changes no feature of it, but for what its paper pads: named in COUNTED."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel, PanelShape
from tsbench.data.series import Series
from tsbench.discovery.plugins import Plugins
from tsbench.learning.learner import Learner
from tsbench.methods.encoder import Encoder
from tsbench.testing.checks import small_params

PLUGINS = Plugins()
PLUGINS.load_entry_points()
WIDTH = 40
# Settings of encoders whose defaults count padding, as their papers' code does, under which they ignore it.
COUNTED = {"dilated-cnn": {"padding": "ignored"}, "aimts-cnn": {"padding": "ignored"}, "tfr": {"frequency": "off"}}
VARIANTS = {"gru": [{"last": "state"}], "tcn": [{"kernel": 5, "stride": 3}], "tfr": [{"cell": "tcn"}]}
CASES = [
    (name, {**COUNTED.get(name, {}), **extra})
    for name in PLUGINS["encoders"].names()
    for extra in ({}, *VARIANTS.get(name, []))
]
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def built(name, params, width=WIDTH, seed=0):
    cls = PLUGINS["encoders"].get(name)
    torch.manual_seed(seed)
    channels = 1 if name == "aimts-cnn" else 2
    net = cls(PanelShape(channels, width), cls.Params(**{**small_params(cls.Params), **params}))
    with torch.no_grad():
        for norm in (module for module in net.modules() if isinstance(module, torch.nn.BatchNorm1d)):
            norm.bias.normal_()  # so that a padded point is not 0 by chance
    return net, channels


def padded(x, lengths, width, beyond=7.0):
    out = torch.full((len(lengths), x.shape[1], width), beyond)  # whatever lies there is not looked at
    for case, length in enumerate(lengths):
        out[case, :, :length] = x[case, :, :length]
    return Series(out, torch.tensor(lengths))


lengths_of_cases = st.lists(st.integers(1, WIDTH), min_size=1, max_size=5)


@pytest.mark.parametrize(("name", "params"), CASES)
@settings(max_examples=12, deadline=None)
@given(lengths=lengths_of_cases, extra=st.integers(0, 60), seed=st.integers(0, 99))
def test_padding_changes_no_vector(name, params, lengths, extra, seed):
    net, channels = built(name, params)
    net.eval()
    x = torch.randn(len(lengths), channels, WIDTH, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        alone = torch.cat([net(x[i : i + 1, :, :length]) for i, length in enumerate(lengths)])
        together = net(padded(x, lengths, max(lengths) + extra))
    torch.testing.assert_close(together, alone, **CLOSE)
    with torch.enable_grad():
        torch.testing.assert_close(net(padded(x, lengths, max(lengths) + extra)), alone, **CLOSE)


@pytest.mark.parametrize(("name", "params"), CASES)
@settings(max_examples=8, deadline=None)
@given(lengths=lengths_of_cases, extra=st.integers(0, 60))
def test_steps_are_those_of_the_case_alone_and_then_zero(name, params, lengths, extra):
    net, channels = built(name, params)
    net.eval()
    x = torch.randn(len(lengths), channels, WIDTH, generator=torch.Generator().manual_seed(1))
    series = padded(x, lengths, max(lengths) + extra)
    with torch.no_grad():
        steps = net.forward_sequence(series)
        own = net.own_steps(series, steps.shape[1])
        assert (own is None) == (not series.padded)
        for i, length in enumerate(lengths):
            alone = net.forward_sequence(x[i : i + 1, :, :length])[0]
            torch.testing.assert_close(steps[i, : len(alone)], alone, **CLOSE)
            assert (steps[i, len(alone) :] == 0).all()
            assert own is None or int(own[i].sum()) == len(alone)


@pytest.mark.parametrize("name", [name for name, _ in CASES if name in ("fcn", "tcn")])
def test_statistics_in_training_do_not_count_padding(name):
    lengths, x = [20, 20, 20], torch.randn(3, 2, 20)
    nets = [built(name, {})[0].train() for _ in range(2)]
    for net in nets:
        for module in net.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    wide = padded(x, lengths, 50)
    torch.testing.assert_close(nets[0](wide), nets[1](x), **CLOSE)
    for one, other in zip(nets[0].buffers(), nets[1].buffers(), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)
    gradients = [
        torch.autograd.grad(net(cases).square().sum(), net.parameters())
        for net, cases in zip(nets, (wide, x), strict=True)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_the_exceptions_are_what_they_are_said_to_be(name):
    """By default they count padding: whoever mends one takes it from the list."""
    cls = PLUGINS["encoders"].get(name)
    assert not cls.ignores_padding(cls.Params())
    assert cls.ignores_padding(cls.Params(**COUNTED[name]))
    assert {"padding", "frequency"} & COUNTED[name].keys()


def test_a_net_over_frequency_reads_zeros_up_to_the_frames_it_was_built_for():
    """So it sees no difference either, as long as it crops nothing."""
    net, _ = built("tfr", {})
    x = torch.randn(2, 2, 30)
    torch.testing.assert_close(net.eval()(padded(x, [30, 30], WIDTH, 0.0)), net(x), **CLOSE)


METHODS = [
    *(("simclr", {"encoder": name}) for name in ("fcn", "gru", "tcn", "causal-cnn")),
    ("ts-tcc", {}),
    ("cpc", {"representation": "mean"}),
    ("cpc", {"encoder": "gru", "representation": "max"}),
    ("supervised", {}),
    ("t-loss", {}),
    ("t-loss", {"encoder": "fcn"}),
    ("tnc", {}),
    ("ts2vec", {"encoder.padding": "ignored"}),
    ("ts2vec", {"encoder.padding": "ignored", "masked_max": True}),
    ("ts2vec", {"encoder": "fcn"}),
    ("aimts", {"encoder.padding": "ignored", "image_weight": 0.0}),
    ("aimts", {"encoder": "gru", "image_weight": 0.0}),
]


@pytest.mark.parametrize(("name", "params"), METHODS)
def test_padding_changes_no_feature_of_a_trained_method(name, params):
    rng, lengths = np.random.default_rng(0), np.array([160, 40, 7, 120, 40, 90])
    X = rng.normal(size=(6, 2, 160))
    X[np.broadcast_to((np.arange(160) >= lengths[:, None])[:, None], X.shape)] = np.nan
    panel = Panel.build(X, [0, 1, 0, 1, 0, 1], lengths=lengths)
    small = {"encoder.hidden": 8, "encoder.depth": 2, "encoder.out_dim": 8, "batch_size": 6}
    known = Learner(name, **params).settings.flat()
    learner = Learner(
        name, **{**{k: v for k, v in small.items() if k in known}, "max_steps": 1, "min_steps": 1, **params}
    )
    features = learner.fit(panel).encode(panel)
    cut = panel.select([1, 4])
    cut = replace(cut, X=np.ascontiguousarray(cut.X[:, :, :40]))
    np.testing.assert_allclose(learner.encode(cut), features[[1, 4]], rtol=1e-3, atol=1e-4)


class Mean01(Encoder):
    """As an encoder of version 0.1 was written."""

    out_dim = 2

    def forward(self, x):
        assert isinstance(x, torch.Tensor)
        return x.mean(dim=2)

    def forward_sequence(self, x):
        return x.transpose(1, 2)


def test_an_encoder_of_version_0_1_gets_tensors_from_methods_of_now_and_then():
    batch = Batch(torch.randn(3, 2, 9), torch.tensor([9, 4, 2]))
    net = Mean01(PanelShape(2, 9), None)
    for given_to_it in (batch, batch.x):
        torch.testing.assert_close(net(given_to_it), batch.x.mean(dim=2))
        torch.testing.assert_close(net.forward_sequence(given_to_it), batch.x.transpose(1, 2))
    assert net.own_steps(batch, 9) is None and not Mean01.ignores_padding(None)


def test_a_child_of_a_built_in_encoder_written_for_version_0_1_gets_tensors():
    fcn = PLUGINS["encoders"].get("fcn")

    class Doubled(fcn):
        def forward(self, x):
            return super().forward(2 * x)

    torch.manual_seed(0)
    net, x = Doubled(PanelShape(2, 9), None).eval(), torch.randn(3, 2, 9)
    plain = fcn(PanelShape(2, 9), None).eval()
    plain.load_state_dict(net.state_dict())
    torch.testing.assert_close(net(Batch(x, torch.tensor([9, 4, 2]))), plain(2 * x))
    assert not Doubled.ignores_padding(None) and fcn.ignores_padding(None)


class Named(Encoder):
    """An encoder of version 0.1 that has names of its own for what later became functions."""

    out_dim, scales = 2, (1, 2)

    def __init__(self, shape, params):
        super().__init__(shape, params)
        self.step = torch.nn.Identity()

    def forward(self, x):
        return self.step(x).mean(dim=2) * len(self.scales)


def test_names_of_an_encoder_of_version_0_1_are_its_own():
    x = torch.randn(3, 2, 9)
    assert not Named.can("scales") and not Named.can("forward_sequence")
    torch.testing.assert_close(Named(PanelShape(2, 9), None)(x=x), 2 * x.mean(dim=2))
