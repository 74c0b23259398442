"""Every registered method, encoder, transform and probe on data of every kind: a finite result or a clear refusal."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.generated import (
    DEEP,
    check,
    check_error,
    corners,
    datasets,
    features,
    make,
    plan,
    quick,
    small_params,
    trains,
    with_given,
)
from tsbench.batch import Batch
from tsbench.errors import TsbenchError
from tsbench.normalise import channel_statistics
from tsbench.protocol import Protocol
from tsbench.run.transforms import apply_transforms
from tsbench.run.worker import Worker

PLUGINS = with_given()
# Of a family the member that its summary names; those with a short name of their own only where time allows.
ENTRIES = [entry for entry in PLUGINS["methods"] if DEEP or not entry.alias]
METHODS = [e.name if e.name[-1] != ":" else re.search(rf"{e.name}\w+", e.summary)[0] for e in ENTRIES]
pytestmark = pytest.mark.filterwarnings("ignore::tsbench.errors.TsbenchWarning")  # a warning is an answer
PROBES = PLUGINS["probes"].names()
CONDITIONS = ["", "", "", "+labels=0.3", "+noise=10@all", "+dropout=0.5@all", "+noise=-300"]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_and_its_untrained_twin_give_a_result_or_refuse(method, registry):
    twins = [f"random:{method}"] if trains(PLUGINS["methods"].get(method)) else []

    @quick()
    @corners(normalisation="channel", condition="")
    @given(data=datasets(), normalisation=st.sampled_from(["channel", "none"]), condition=st.sampled_from(CONDITIONS))
    def run(data, normalisation, condition):
        for name in (method, *twins):
            spec = plan(PLUGINS, registry, data, name, f"knn{condition}")
            check(Worker(PLUGINS).run(replace(spec, normalisation=normalisation)))

    run()


@pytest.mark.parametrize("encoder", PLUGINS["encoders"].names())
@pytest.mark.parametrize("method", [name for name in METHODS if trains(PLUGINS["methods"].get(name))])
def test_a_method_takes_or_refuses_any_encoder(method, encoder, registry):
    spec = plan(PLUGINS, registry, make(sizes=(5, 1, 2), channels=2), method, encoder=encoder)
    check(Worker(PLUGINS).run(spec))


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_gives_a_result_or_refuses(probe, registry):
    cls = PLUGINS["probes"].get(probe)
    protocol = Protocol(name=probe, probe=probe, probe_params=small_params(cls.Params))

    @quick()
    @corners(normalisation="channel", condition="")
    @given(data=datasets(), normalisation=st.sampled_from(["channel", "none"]), condition=st.sampled_from(CONDITIONS))
    def run(data, normalisation, condition):
        spec = plan(PLUGINS, registry, data, "random:supervised")
        hard = protocol.under(condition.split("+")[1:])
        check(Worker(PLUGINS).run(replace(spec, normalisation=normalisation, protocol=hard)))

    run()


@pytest.mark.parametrize(
    "probe", [n for n in PLUGINS["probes"].names() if PLUGINS["probes"].get(n).needs == "features"]
)
def test_a_probe_takes_or_refuses_any_features(probe):
    cls = PLUGINS["probes"].get(probe)

    @quick(10)
    @given(parts=features())
    def run(parts):
        train, validation, test = parts
        try:
            predictor = cls(cls.Params(**small_params(cls.Params))).fit(
                None, train, validation, np.random.default_rng(0)
            )
            y, scores = predictor.predict(test.x)
        except TsbenchError as error:
            check_error(str(error))
            return
        assert y.shape == (len(test.x),) and scores.shape == (len(test.x), test.n_classes)
        assert np.isfinite(scores).all()
        assert np.isin(y, train.y).all()

    run()


@pytest.mark.parametrize("encoder", PLUGINS["encoders"].names())
def test_an_encoder_gives_a_finite_vector_or_refuses(encoder):
    cls = PLUGINS["encoders"].get(encoder)

    @quick()
    @corners()
    @given(data=datasets())
    def run(data):
        try:
            panel = channel_statistics(data.panel, np.arange(len(data.panel))).apply(data.panel)
            x = Batch.from_panel(panel, "cpu").x
            net = cls(panel.shape, cls.Params(**small_params(cls.Params))).eval()
            vectors, steps = net(x), net.forward_sequence(x)
        except TsbenchError as error:
            check_error(str(error))
            return
        assert vectors.shape == (len(x), net.out_dim)
        assert len(steps) == len(x) and steps.shape[1] > 0
        assert torch.isfinite(vectors).all() and torch.isfinite(steps).all()

    run()


@pytest.mark.parametrize("transform", PLUGINS["transforms"].names())
def test_a_transform_of_series_or_images_is_finite_or_refused(transform):
    cls = PLUGINS["transforms"].get(transform)

    @quick()
    @corners(image=False)
    @given(data=datasets(), image=st.booleans())
    def run(data, image):
        x = torch.from_numpy(data.panel.X)
        if image:
            x = x.nan_to_num()[:, :, None].repeat(1, 1, 2, 1)
        try:
            made = cls()
            shape, out = made.output_shape(tuple(x.shape)), made(x, torch.Generator().manual_seed(0))
        except TsbenchError as error:
            check_error(str(error))
            return
        assert tuple(out.shape) == shape and out.dtype == torch.float32
        assert not torch.isinf(out).any()
        seen, kept = ~x.isnan().flatten(1), ~out.isnan().flatten(1)
        assert kept[seen.all(dim=1)].all()  # what is complete stays so
        assert kept[seen.any(dim=1)].any(dim=1).all()  # a missing value does not take the whole case along

    run()


@pytest.mark.parametrize("transform", PLUGINS["transforms"].names())
def test_a_transform_in_a_protocol_gives_a_panel_or_is_refused(transform):
    @quick()
    @corners()
    @given(data=datasets())
    def run(data):
        try:
            panel = apply_transforms(data.panel, (transform,), PLUGINS)
        except TsbenchError as error:
            check_error(str(error))
            return
        assert len(panel) == len(data.panel) and panel.y is data.panel.y

    run()
