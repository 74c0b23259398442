"""Checks of what a plugin brings on data of every kind: a finite result, or a refusal whose reason the data gives.

A refusal is an error of tsbench in one line. Its reason must be on a list, here or of the caller, and must hold for the
data: what refuses data that is fine does not pass. The checks need hypothesis: pip install hypothesis.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tsbench.corruptions.base import Corrupter, Corruption, find_corruption
from tsbench.data.batch import Batch
from tsbench.data.dataset import Card, Data, Dataset
from tsbench.data.normalise import channel_statistics
from tsbench.data.panel import Panel
from tsbench.discovery.catalog import Entry
from tsbench.discovery.plugins import Plugins
from tsbench.errors import TsbenchError
from tsbench.learning.curve import by_loss
from tsbench.learning.learner import Learner
from tsbench.measure.worker import Worker
from tsbench.methods.applied import apply_transforms
from tsbench.methods.capabilities import capabilities, registered_for, trains
from tsbench.methods.classifier import Classifier
from tsbench.methods.encoder import Encoder
from tsbench.methods.params import BaseParams, resolve
from tsbench.methods.pictured import PICTURES, Pictured
from tsbench.methods.probe import Probe
from tsbench.methods.ssl import SSLMethod, prepared
from tsbench.methods.transform import Transform
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.plan.result import Result
from tsbench.protocol import Protocol
from tsbench.registry import Registry, load_registry
from tsbench.tasks import METRICS, TASKS
from tsbench.tasks.base import served_by
from tsbench.testing.generated import Parts, corners, datasets, features, labelled, make_data, quick

Reasons = Mapping[str, bool]  # {pattern of an error: whether the data gives this reason}
CORRUPTED = ("+noise=10@all", "+dropout=0.5@all", "+noise=-300", "+dropout=0.5@train+noise=10")
CONDITIONS = ("", "", "", "+labels=0.3", *CORRUPTED)
# Little training and small nets, for whatever has such a parameter
METHOD = {True: "random:supervised", False: "random:ts2vec"}  # what gives features, by whether labels are classes
SMALL: Mapping[str, Any] = {
    **{"max_steps": 2, "iterations": 2, "min_steps": 0, "epochs": 1, "batch_size": 4},
    **{"encoder.hidden": 8, "encoder.depth": 2, "encoder.out_dim": 8, "encoder.blocks": 1},
    **{"encoder.channels": 8, "encoder.reduced": 8, "encoder.out": 8},
    **{"image_encoder": "small-cnn", "cell_size": 8, "n_kernels": 84, "n_estimators": 3, "references": 8},
    **{"image_size": 32, "generator_hidden": 4, "generator_layers": 2, "joint_width": 8, "joint_bottleneck": 8},
}


def check_method(
    method: str | type[SSLMethod | Classifier],
    refusals: Callable[[Data], Reasons] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Run a method, and its untrained twin, on data of every kind; AssertionError where one neither works nor refuses.

    What it can do decides what is run: its features under a probe, its own rule, and that for each of its `tasks`, what
    it fills in. `reconstruct` must keep observed values and the shape and kind of `batch.x`, and give 0 beyond a case's
    end. The tags it is registered with are to say the same, where it has some.

    method : its name, or a class that no plugin registers. refusals : further reasons to refuse, given the data, such
    as `lambda data: {"needs 2 channels": data.panel.n_channels < 2}`. settings : values of parameters beside SMALL's.
    """
    plugins, name = with_given("methods", method)
    cls = plugins["methods"].get(name)
    twins, able = [f"random:{name}"] if trains(cls) else [], capabilities(cls)
    said = registered_for(plugins["methods"].entry(name))
    assert said in ((), able), f"registered with the tags {said}, and its class can {', '.join(able)}"
    tasks = sorted(getattr(cls, "tasks", ["classification"])) if "decide" in able else []
    measured_by = [("own", task) for task in tasks]
    if "represent" in able:
        measured_by.append(("knn", "classification"))
    if "reconstruct" in able:
        learnt = sorted(served_by(cls)) if cls.supervised else ["classification"]
        measured_by += [("impute", task) for task in learnt]
        _check_reconstruct(plugins, name, cls, settings or {})
    if callable(getattr(cls, "pictures", None)):
        _check_pictures(plugins, name, cls, settings or {})

    @quick()
    @corners(normalisation="channel", condition="")
    @given(data=datasets(), normalisation=st.sampled_from(["channel", "none"]), condition=st.sampled_from(CONDITIONS))
    def run(data: Data, normalisation: Any, condition: str) -> None:
        for one, (protocol, task) in itertools.product((name, *twins), measured_by):
            given = labelled(data, task)
            under = protocol if protocol == "impute" else f"{protocol}{condition}"
            result = run_on(plugins, given, one, under, normalisation, settings)
            check_result(result, reasons(given, condition) | dict(refusals(given) if refusals else {}))

    run()


def _check_reconstruct(plugins: Plugins, name: str, cls: type[SSLMethod], settings: Mapping[str, Any]) -> None:
    """Fill in the gaps of cases of unequal length, in one batch and case by case."""
    method, batch = _trained(plugins, name, cls, settings, min(served_by(cls)))

    def fill(cases: Batch) -> torch.Tensor:
        with torch.no_grad():
            filled: torch.Tensor = method.reconstruct(prepared(method, cases))  # type: ignore[operator]
            return filled

    filled = fill(batch)
    assert filled.shape == batch.x.shape, f"reconstruct gave {tuple(filled.shape)} for {tuple(batch.x.shape)}"
    assert filled.dtype == batch.x.dtype, f"reconstruct gave {filled.dtype} for {batch.x.dtype}"
    assert torch.equal(filled[batch.mask], batch.x[batch.mask]), "reconstruct changed observed values"
    assert batch.inside is not None
    assert torch.isfinite(filled).all(), "reconstruct gave values that are not finite"
    assert not filled.masked_fill(batch.inside[:, None], 0.0).any(), "reconstruct gave values beyond a case's end"
    alone = torch.cat([fill(batch.select(slice(case, case + 1))) for case in range(len(batch))])
    torch.testing.assert_close(alone, filled, rtol=1e-3, atol=1e-4, msg="what a case gets depends on those beside it")


def _check_pictures(plugins: Plugins, name: str, cls: type[SSLMethod], settings: Mapping[str, Any]) -> None:
    """Have a method see the pictures that it is given, of cases of unequal length."""
    method, batch = _trained(plugins, name, cls, settings, "classification")
    method.eval()
    cases, see = prepared(method, batch), getattr(method, "decide" if cls.supervised else "represent")
    drawn = method.pictures(cases)  # type: ignore[operator]
    assert isinstance(drawn, Pictured), f"pictures gave {type(drawn).__name__}, expected Pictured"
    n, k, _, height, width = drawn.pixels.shape
    assert n == len(batch) and len({*drawn.names}) == k, (
        f"pictures gave {n} cases of {k} pictures, called {drawn.names}"
    )
    assert drawn.channels.shape in ((k, height, width), (1, height, width)), f"channels are {drawn.channels.shape}"
    pixels = drawn.pixels.clone().requires_grad_()
    seen = see(cases.with_extra(**{PICTURES: pixels}))
    torch.testing.assert_close(seen, see(cases), msg="its own pictures, when they are given, are seen as others")
    reached = seen.requires_grad and torch.autograd.grad(seen.square().sum(), pixels, allow_unused=True)[0] is not None
    assert reached, "pictures that are given are not seen"


def _trained(
    plugins: Plugins, name: str, cls: type[SSLMethod], settings: Mapping[str, Any], task: str
) -> tuple[SSLMethod, Batch]:
    """Return a method trained on cases of unequal length with gaps, and these without their labels."""
    data = make_data((9, 0, 1), 2, 40, ragged=True, gaps=["points", "a channel of a case"])
    panel = labelled(data, task).panel
    panel = channel_statistics(panel, np.arange(len(panel))).apply(panel)
    small = _small_settings(plugins, cls, settings, name)
    learner = Learner.of(name, cls, resolve(cls.Params, small, lambda kind, part: plugins[kind].get(part), name))
    learner.build([panel.shape], "check")
    learner.train([panel])
    return learner.method, Batch.from_panel(panel.without_labels(), "cpu")


def check_encoder(encoder: str | type[Encoder], refusals: Callable[[Data], Reasons] | None = None) -> None:
    """Encode data of every kind with an encoder in its first state; arguments as for `check_method`."""
    plugins, name = with_given("encoders", encoder)
    cls = plugins["encoders"].get(name)
    sequence = cls.forward_sequence is not Encoder.forward_sequence

    @quick()
    @corners()
    @given(data=datasets())
    def run(data: Data) -> None:
        try:
            panel = channel_statistics(data.panel, np.arange(len(data.panel))).apply(data.panel)
            x = Batch.from_panel(panel, "cpu").x
            net = cls(panel.shape, cls.Params(**small_params(cls.Params))).eval()
            vectors, steps = net(x), net.forward_sequence(x) if sequence else None
        except TsbenchError as error:
            whole = {"has no observed value in the": not np.isfinite(data.panel.X).any(axis=(0, 2)).all()}
            check_refusal(str(error), whole | dict(refusals(data) if refusals else {}))
            return
        assert vectors.shape == (len(x), net.out_dim), f"forward gave {tuple(vectors.shape)}"
        assert torch.isfinite(vectors).all(), "forward gave values that are not finite"
        if steps is not None:
            assert len(steps) == len(x) and steps.shape[1] > 0, f"forward_sequence gave {tuple(steps.shape)}"
            assert torch.isfinite(steps).all(), "forward_sequence gave values that are not finite"

    run()


def check_probe(probe: str | type[Probe], refusals: Callable[[Data], Reasons] | None = None) -> None:
    """Probe untrained features of data of every kind, for each of its `tasks`; arguments as for `check_method`."""
    plugins, name = with_given("probes", probe)
    cls = plugins["probes"].get(name)
    protocol = Protocol(name=name, probe=name, probe_params=small_params(cls.Params))

    @quick()
    @corners(normalisation="channel", condition="")
    @given(data=datasets(), normalisation=st.sampled_from(["channel", "none"]), condition=st.sampled_from(CONDITIONS))
    def run(data: Data, normalisation: Any, condition: str) -> None:
        hard = protocol.under(condition.split("+")[1:], plugins["corruptions"])
        for task in sorted(cls.tasks):
            known = labelled(data, task)
            result = run_on(plugins, known, METHOD[task == "classification"], hard, normalisation)
            check_result(result, reasons(known, condition) | dict(refusals(known) if refusals else {}))

    run()
    if cls.needs == "features":
        for task in sorted(cls.tasks):
            _check_on_features(cls, task)


def check_transform(
    transform: str | type[Transform],
    refusals: Callable[[torch.Tensor], Reasons] | None = None,
    keeps_cases: bool = True,
) -> None:
    """Transform series and images of every kind, on their own and in a protocol; what is complete stays so.

    refusals : further reasons to refuse, given x. keeps_cases : False where missing values may take a case as a whole.
    """
    plugins, name = with_given("transforms", transform)
    cls = plugins["transforms"].get(name)

    @quick()
    @corners(image=False)
    @given(data=datasets(), image=st.booleans())
    def run(data: Data, image: bool) -> None:
        made, x = cls(), torch.from_numpy(data.panel.X)
        if image:
            x = x.nan_to_num()[:, :, None].repeat(1, 1, 2, 1)
        known = {**_transform_reasons(made, x), **(refusals(x) if refusals else {})}
        try:
            shape, out = made.output_shape(tuple(x.shape)), made(x, torch.Generator().manual_seed(0))
        except TsbenchError as error:
            check_refusal(str(error), known)
        else:
            assert tuple(out.shape) == shape, f"output_shape says {shape}, the output has {tuple(out.shape)}"
            assert out.dtype == torch.float32 and not torch.isinf(out).any(), "not finite float32"
            seen, kept = ~x.isnan().flatten(1), ~out.isnan().flatten(1)
            assert kept[seen.all(dim=1)].all(), "a complete case has missing values"
            whole = kept[seen.any(dim=1)].any(dim=1).all() or not keeps_cases
            assert whole, "a missing value takes the whole case along"
            known["on series it must keep"] = len(shape) != 3 or 0 in shape
        if image:
            return
        try:
            panel = apply_transforms(data.panel, (name,), plugins)
        except TsbenchError as error:
            check_refusal(str(error), known)
        else:
            assert len(panel) == len(data.panel) and panel.y is data.panel.y, "other cases or labels"

    run()


def check_corruption(
    corruption: str | type[Corruption],
    levels: Sequence[float],
    refusals: Callable[[Panel], Reasons] | None = None,
) -> None:
    """Corrupt panels of every kind at some levels, twice alike; each case as it is among others and without them.

    refusals : further reasons to refuse, given the panel, such as that the level leaves no value of a short case.
    """
    plugins, name = with_given("corruptions", corruption)
    cls = find_corruption(name, plugins["corruptions"])

    @quick()
    @corners(level=levels[0], task="classification")
    @given(data=datasets(), level=st.sampled_from(levels), task=st.sampled_from(["classification", "regression"]))
    def run(data: Data, level: float, task: str) -> None:
        panel = labelled(data, task).panel
        # Anything larger than this may overflow by the corruption of values, which is refused for a reason that holds.
        extreme = cls.makes == "values" and bool(np.nanmax(np.abs(panel.X), initial=0.0) > 1e4)
        known = {"infinite or too large for float32": extreme, **(refusals(panel) if refusals else {})}
        corrupter = Corrupter(cls(level), name, f"{name}={level:g}", "key")
        width, few = int(panel.lengths[1:].max()), np.arange(len(panel))[:0:-1]
        alone = panel.select(few)
        alone = replace(alone, X=alone.X[:, :, :width], times=None if alone.times is None else alone.times[:, :width])
        try:
            corrupter.fit(panel)
            X, again, apart = (corrupter.apply(one).X for one in (panel, panel, alone))
        except TsbenchError as error:
            check_refusal(str(error), known)
            return
        assert np.array_equal(X, again, equal_nan=True), "the same panel is corrupted otherwise the second time"
        same = np.array_equal(X[few][:, :, :width], apart, equal_nan=True)
        assert same or cls.acts_on == "prepared", "what happens to a case depends on the cases beside it"

    run()


def reasons(data: Data, condition: str = "") -> dict[str, bool]:
    """Return what a method or probe may refuse data for, and whether the data, under a condition, is such."""
    train, _, test = data.folds["archive"][0]
    X, y = data.panel.X, data.panel.y
    assert y is not None
    seen = np.isfinite(X[train])
    with np.errstate(over="ignore"):
        extreme = bool(np.nanmax(np.abs(X), initial=0.0) > 1e4) or "noise" in condition
    few = (np.isfinite(X[test]).sum(axis=(1, 2)) <= 1).all() or not seen.any(axis=(0, 2)).all()
    alike, alone = (
        len(np.unique(y[train], axis=0)) < 2 or "labels" in condition,
        len(train) < 2 or "labels" in condition,
    )
    return {
        "one class only": alike,
        "one value only|no label that differs": alike,
        "at least 2 training cases": alone,
        "one case only": alone,
        "has no observed value in the|no training case with an observed value": not seen.any(axis=(0, 2)).all(),
        "hides no observed value of the test part": bool(few),
        "time points": X.shape[2] < 10,
        "NaN or infinite|gave NaN scores|the loss is|infinite or too large for float32": extreme,
        "gave infinite logits": extreme,
        r"\bloss ('.*'|of .*) is (nan|inf|-inf)": extreme,
    }


def check_result(result: Result | str, reasons: Reasons) -> None:
    """Succeeded with finite scores, or refused for one of the reasons that hold, maybe by the plan."""
    if isinstance(result, str):
        check_refusal(result, reasons)
        return
    if result.status != "succeeded":
        assert result.status == "failed", result.error
        assert result.traceback.rstrip().splitlines()[-1].startswith("tsbench.errors."), result.traceback
        check_refusal(result.error, reasons)
        return
    assert result.predictions is not None and np.isfinite(result.predictions.scores).all(), "scores are not finite"
    fractions = [value for name, value in result.metrics.items() if METRICS[name].unit == "fraction"]
    assert all(0 <= value <= 1 for value in fractions), result.metrics
    assert result.metrics and np.isfinite(list(result.metrics.values())).all(), result.metrics
    curves = by_loss(result.curve)
    assert all(np.isfinite(loss) for points in curves.values() for _, loss in points), curves


def check_refusal(error: str, reasons: Reasons) -> None:
    """It is one line with something to read, and names one of the reasons that hold."""
    assert "\n" not in error and 20 <= len(error) < 1000, error
    named = [pattern for pattern in reasons if re.search(pattern, error)]
    assert named, f"refused for a reason that is on no list: {error}"
    assert any(reasons[pattern] for pattern in named), f"refused for a reason that the data does not give: {error}"


def run_on(
    plugins: Plugins,
    data: Data,
    method: str,
    protocol: str | Protocol = "knn",
    normalisation: Any = "channel",
    settings: Mapping[str, Any] | None = None,
) -> Result | str:
    """Run a method on data with little training (SMALL, beside which `settings` are set); plugins of `with_given`.

    Returns in words why the plan refuses the data, where it does.
    """
    Given.data = data
    cls, given = plugins["methods"].get(method.removeprefix("random:")), settings or {}
    overrides = {key: str(value) for key, value in _small_settings(plugins, cls, given, method).items()}
    name = protocol if isinstance(protocol, str) else "knn" if data.panel.task == "classification" else "ridge"
    plan = make_plan(Request([method], ["given"], (name,), overrides=overrides), plugins, _registry())
    if plan.invalid:
        return plan.invalid["given"]
    spec = replace(plan.specs[0], normalisation=normalisation)
    return Worker(plugins).run(spec if isinstance(protocol, str) else replace(spec, protocol=protocol))


def _small_settings(plugins: Plugins, cls: Any, settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return SMALL, beside which `settings` are set, for the parameters that a method has."""
    known = resolve(cls.Params, settings, lambda kind, part: plugins[kind].get(part), name).flat()
    return {key: value for key, value in {**SMALL, **settings}.items() if key in known}


class Given(Dataset):
    """The dataset `given`, whose data is what a check puts here."""

    data: ClassVar[Data]

    @property
    def card(self) -> Card:
        """Return its name and task."""
        return Card("given", task=type(self).data.panel.task)

    def load(self) -> Data:
        """Return the data."""
        return type(self).data


def with_given(kind: str = "methods", thing: str | type[Any] = "") -> tuple[Plugins, str]:
    """Return the installed plugins with the dataset `given`, and the name of a thing, for which a class is added."""
    found = Plugins()
    found.load_entry_points()
    found["datasets"].add([Entry("given", Given, "tests")])
    if isinstance(thing, str):
        return found, thing
    found[kind].add([Entry("checked", thing, "tests")])
    return found, "checked"


def small_params(params: type[BaseParams]) -> dict[str, Any]:
    """Return the values of SMALL for the parameters that an encoder or a probe has."""
    plain = {key.removeprefix("encoder."): value for key, value in SMALL.items()}
    return {key: value for key, value in plain.items() if key in params.model_fields}


@functools.cache
def _registry() -> Registry:
    return load_registry()


def _check_on_features(cls: type[Probe], task: str) -> None:
    @quick(10)
    @given(parts=features(task))
    def run(parts: Parts) -> None:
        train, validation, test = parts
        try:
            made = cls(cls.Params(**small_params(cls.Params)))
            predictor = made.fit(None, train, validation, np.random.default_rng(0))
            answer = predictor.predict(test.x)
        except TsbenchError as error:
            known = {"one class only": len(np.unique(train.y)) < 2, "one case only": len(train.x) < 2}
            check_refusal(str(error), known)
            return
        try:
            given = TASKS[task].check(cls.__name__, answer, len(test.x), test.n_classes, predictor.probabilities)
        except TsbenchError as error:
            raise AssertionError(str(error)) from error
        assert np.isfinite(given.scores).all(), "scores are not finite"
        if task == "classification":
            assert np.isin(given.y_pred, train.y).all(), "a class without training cases is predicted"

    run()


def _transform_reasons(made: Transform, x: torch.Tensor) -> dict[str, bool]:
    return {
        r"takes images \(n, c, F, T\)": x.ndim == 3,
        r"takes series|expected a floating-point tensor \(n_cases, n_channels, n_timepoints\)": x.ndim == 4,
        "image_size = .* an integer must be": x.shape[-1] < (getattr(made.params, "image_size", None) or 0),
        "values observed": bool(x.isnan().any()),
    }
