from typing import Literal

import pytest

from tsbench.errors import UsageError
from tsbench.methods.params import BaseParams, param, resolve
from tsbench.tune.space import Dimension, search_space, tunable


class Part(BaseParams):
    hidden: int = param(64, low=1, high=8192, tune=True, doc="size")


class Component:
    Params, version = Part, 1


class Params(BaseParams):
    lr: float = param(1e-3, low=1e-7, high=1.0, log=True, tune=True, doc="rate")
    tau: float = param(0.7, low=0.0, high=1.0, tune=True, doc="decay")
    ratio: float = param(6.0, low=1.0, high=1000.0, tune=True, doc="ratio")
    jitter: float | None = param(0.3, low=0.0, high=100.0, tune=True, doc="noise")
    cell: Literal["lstm", "gru"] = param("lstm", tune=True, doc="net")
    bias: bool = param(True, tune=True, doc="bias")
    depth: int = param(3, low=1, high=5, doc="not searched")
    free: float = param(0.0, doc="not searched, no bounds")
    encoder: str = param("part", component="encoders", doc="encoder")


class Unbounded(BaseParams):
    shift: float = param(0.0, tune=True, doc="no bounds, no scale")


class Plain(BaseParams):
    lr: float = param(1e-3, doc="rate")


def settings(cls=Params, **overrides):
    return resolve(cls, overrides, lambda kind, name: Component, "m")


def by_key(*arguments, **fields):
    return {one.key: one for one in search_space(settings(), *arguments, **fields)}


def test_declared_ranges_are_cut_to_the_neighbourhood_of_the_default():
    found = by_key()
    assert list(found) == ["lr", "tau", "ratio", "jitter", "cell", "bias", "encoder.hidden"]
    assert found["lr"] == Dimension("lr", 1e-4, 1e-2, log=True)
    assert found["tau"] == Dimension("tau", 0.0, 1.0)
    assert found["ratio"] == Dimension("ratio", 2.0, 18.0)
    assert found["jitter"] == Dimension("jitter", 0.0, pytest.approx(0.9))
    assert found["cell"].choices == ("lstm", "gru")
    assert found["bias"].choices == (False, True)
    assert found["encoder.hidden"] == Dimension("encoder.hidden", 16, 256, integer=True, log=True)


def test_a_dimension_knows_what_it_holds():
    found = by_key()
    assert found["lr"].holds(1e-3) and not found["lr"].holds(0.5)
    assert found["cell"].holds("gru") and not found["cell"].holds("rnn")
    assert not found["jitter"].holds(None)


def test_fixed_parameters_are_not_searched():
    assert list(by_key(("lr", "encoder.hidden", "depth"))) == ["tau", "ratio", "jitter", "cell", "bias"]


def test_a_space_asked_for_replaces_the_declared_one_and_takes_what_is_not_declared():
    found = by_key((), {"lr": "0.001:0.1", "tau": "0.5:0.9:log", "depth": "1:4", "cell": "gru,lstm"})
    assert found["lr"] == Dimension("lr", 0.001, 0.1, log=True)
    assert found["tau"] == Dimension("tau", 0.5, 0.9, log=True)
    assert found["depth"] == Dimension("depth", 1, 4, integer=True)
    assert found["cell"].choices == ("gru", "lstm")
    assert found["depth"].text() == "depth 1:4"


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("lrr", "0:1", "did you mean 'lr'"),
        ("lr", "0.1", "LOW:HIGH"),
        ("lr", "1:0.1", "LOW below HIGH"),
        ("lr", "a:b", "LOW below HIGH"),
        ("lr", "0.1:0.2:lin", "LOW:HIGH:log"),
        ("free", "1:inf", "two finite numbers"),
        ("free", "-1e308:1e308", "two finite numbers"),
        ("free", "0:nan", "LOW below HIGH"),
        ("lr", "0.1:2", "takes 1e-07 to 1.0"),
        ("tau", "0:1:log", "above 0"),
        ("cell", "lstm", "at least two of lstm, gru"),
        ("cell", "lstm,rnn", "at least two of lstm, gru"),
        ("encoder", "a,b", "component"),
        ("bias", "fixed", "fixed by --set"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(key, text, message):
    with pytest.raises(UsageError, match=message):
        search_space(settings(), ("bias",), {key: text})


def test_nothing_to_tune_is_refused():
    assert tunable(settings())
    assert not tunable(settings(Plain))
    with pytest.raises(UsageError, match="m has no parameter to tune; --space"):
        search_space(settings(Plain), owner="m")
    with pytest.raises(UsageError, match="'shift' is declared without bounds"):
        search_space(settings(Unbounded))
