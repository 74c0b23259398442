"""The checks must find what they are for."""

import functools
import importlib
import sys

import numpy as np
import pytest
import torch

from tsbench import (
    BaseParams,
    Classifier,
    Corruption,
    Encoder,
    Pictured,
    Predictor,
    Probe,
    SSLMethod,
    Transform,
    each_case,
    testing,
)
from tsbench.discovery.catalog import Entry
from tsbench.discovery.plugins import plugins
from tsbench.errors import MethodError
from tsbench.testing import (
    check_corruption,
    check_encoder,
    check_method,
    check_probe,
    check_transform,
    checks,
    make_data,
)
from tsbench.testing.checks import check_refusal, reasons

pytestmark = pytest.mark.filterwarnings("ignore::tsbench.errors.TsbenchWarning")


class Even(Classifier):
    """Takes everything but what `fault` says."""

    fault = ""

    def fit(self, train, validation, rng):
        self.n_classes = len(train.classes)
        if self.fault:
            raise MethodError(self.fault)

    def predict_scores(self, panel):
        return np.full((len(panel), self.n_classes), 1 / self.n_classes)


def even(**members):
    return type("Checked", (Even,), members)


def test_a_method_that_takes_everything_passes():
    check_method(even())


class Net(SSLMethod):
    """A linear map of the channels' means that decides by itself, and has no features."""

    supervised, represent = True, None

    def build(self, shapes):
        self.head = torch.nn.Linear(shapes[0].n_channels, shapes[0].n_classes)

    def training_step(self, step):
        return torch.nn.functional.cross_entropy(self.head(step.batch.x.mean(2)), step.batch.y)

    def decide(self, batch):
        return self.head(batch.x.mean(2))


def test_a_net_is_checked_by_what_it_can_do(monkeypatch):
    check_method(Net)
    monkeypatch.setattr(Net, "decide", lambda self, batch: self.head(batch.x.mean(2))[:, :1])
    with pytest.raises(AssertionError, match="on no list: Net gave scores of shape"):
        check_method(Net)


def test_tags_that_say_something_else_are_found(monkeypatch):
    monkeypatch.setattr(checks, "Entry", functools.partial(Entry, tags=("represent",)))
    with pytest.raises(AssertionError, match=r"registered with the tags \('represent',\), and its class can decide"):
        check_method(even())


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("Even needs at least 2 training cases, whatever it is given", "the data does not give"),
        ("Even does not work today, come again tomorrow", "on no list"),
    ],
)
def test_a_method_that_always_refuses_does_not_pass(fault, message):
    with pytest.raises(AssertionError, match=f"{message}: {fault}"):
        check_method(even(fault=fault))


def test_a_refusal_of_the_callers_list_passes_where_it_is_true():
    class TwoChannels(Even):
        def fit(self, train, validation, rng):
            super().fit(train, validation, rng)
            if train.n_channels < 2:
                raise MethodError("TwoChannels needs 2 channels or more")

    check_method(TwoChannels, lambda data: {"needs 2 channels": data.panel.n_channels < 2})
    with pytest.raises(AssertionError, match="the data does not give"):
        check_method(TwoChannels, lambda data: {"needs 2 channels": False})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_do_not_pass(value):
    with pytest.raises(AssertionError, match="NaN scores|scores are not finite"):
        check_method(even(predict_scores=lambda self, panel: np.full((len(panel), self.n_classes), value)))


def test_an_error_that_is_no_refusal_does_not_pass():
    def broken(self, panel):
        raise ZeroDivisionError

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        check_method(even(predict_scores=broken))


class Mean(Encoder):
    def __init__(self, shape, params):
        super().__init__(shape, params)
        self.out_dim = shape.n_channels

    def forward(self, x):
        return x.mean(dim=2)

    def forward_sequence(self, x):
        return x.transpose(1, 2)


def test_encoders():
    check_encoder(Mean)
    wrong = {"forward gave": lambda self, x: x.mean(dim=2)[:, :0], "not finite": lambda self, x: x.mean(dim=2) / 0}
    for message, forward in wrong.items():
        with pytest.raises(AssertionError, match=message):
            check_encoder(type("Wrong", (Mean,), {"forward": forward}))

    class Picky(Mean):
        def forward(self, x):
            raise MethodError("Picky takes no series today")

    with pytest.raises(AssertionError, match="on no list"):
        check_encoder(Picky)


class First(Probe):
    """Predicts a class of the training part."""

    unseen = 0.0

    def fit(self, method, train, validation, rng):
        return Always(train.y[0], train.n_classes, self.unseen)


class Always(Predictor):
    def __init__(self, label, n_classes, score):
        self.label, self.scores = label, np.full(n_classes, score)
        self.scores[label] += 1.0

    def predict(self, x):
        return np.full(len(x), self.label), np.tile(self.scores, (len(x), 1))


def test_probes():
    check_probe(First)
    with pytest.raises(AssertionError):
        check_probe(type("Wrong", (First,), {"unseen": float("nan")}))


class Twice(Transform):
    def __call__(self, x, rng=None):
        return 2 * x.clamp(-1e30, 1e30)


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("output_shape says", {"output_shape": lambda self, shape: (*shape[:-1], shape[-1] + 1)}),
        ("not finite float32", {"__call__": lambda self, x, rng=None: x.double()}),
        (
            "takes the whole case along",
            {"__call__": lambda self, x, rng=None: x + 0 * x.mean(dim=tuple(range(1, x.ndim)), keepdim=True)},
        ),
        ("missing value", {"__call__": lambda self, x, rng=None: torch.full_like(x, float("nan"))}),
    ],
)
def test_transforms(message, change):
    check_transform(Twice)
    with pytest.raises(AssertionError, match=message):
        check_transform(type("Wrong", (Twice,), change))


def test_data_that_is_fine_gives_no_reason_to_refuse():
    assert not any(reasons(make_data()).values())
    assert reasons(make_data(sizes=(1, 0, 1)))["at least 2 training cases"]
    assert reasons(make_data(classes="one"))["one class only"]
    assert reasons(make_data(), "+labels=0.3")["one class only"]
    assert reasons(make_data(values="far from 0"))[
        "NaN or infinite|gave NaN scores|the loss is|infinite or too large for float32"
    ]


@pytest.mark.parametrize("error", ["one class only", "two lines,\nbut one class only in the training part"])
def test_a_refusal_is_one_line_that_says_something(error):
    with pytest.raises(AssertionError):
        check_refusal(error, {"one class only": True})


def test_without_hypothesis_series_are_there_and_the_rest_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "tsbench.testing.generated")
    monkeypatch.delitem(sys.modules, "tsbench.testing.checks")
    assert importlib.reload(testing).noise(3).X.shape == (3, 2, 40)
    for name in ("datasets", "check_method"):
        with pytest.raises(ImportError, match=f"tsbench.testing.{name} needs hypothesis: pip install hypothesis"):
            getattr(testing, name)


class Average(Probe):
    """Predicts the mean of numbers."""

    tasks = frozenset({"regression"})

    def fit(self, method, train, validation, rng):
        assert train.task == "regression" and train.n_classes == 0
        return Constant(train.y.mean())


class Constant(Predictor):
    def __init__(self, value):
        self.value = value

    def predict(self, x):
        return np.full(len(x), self.value), None


def test_a_probe_is_checked_for_the_tasks_it_serves():
    check_probe(Average)

    class Lost(Average):
        def fit(self, method, train, validation, rng):
            return Constant(float("nan"))

    with pytest.raises(AssertionError, match="NaN or infinite prediction"):
        check_probe(Lost)

    class Both(Average):
        tasks = frozenset({"regression", "multilabel"})

    with pytest.raises(AssertionError):
        check_probe(Both)


class Thin(Corruption):
    """Each value goes with a probability, all but the first that a case has."""

    def __call__(self, panel, draws):
        def change(x, rng):
            gone = rng.random(x.shape) < self.level
            gone.flat[np.flatnonzero(~np.isnan(x))[:1]] = False
            return np.where(gone, np.float32(np.nan), x)

        return each_case(panel, draws, change)


def test_a_corruption_that_draws_per_case_passes():
    check_corruption(Thin, [0.5, 0.0])


@pytest.mark.parametrize("name", plugins()["corruptions"].names())
def test_the_corruptions_of_the_core_pass(name):
    def refused(panel):
        return {
            "is (none|all) of its": name.startswith("sensors")
            and not 0 < round(panel.n_channels / 2) < panel.n_channels,
            "goes by one class per case": name == "mnar" and panel.task != "classification",
            "has no observed value": name == "mnar-severity" and bool(np.isnan(panel.X).all(axis=(0, 2)).any()),
        }

    check_corruption(name, [0.5], refused)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"__call__": lambda self, panel, draws: thinned(panel, draws.at_once())}, "depends on the cases beside it"),
        ({"__call__": lambda self, panel, draws: thinned(panel, np.random.default_rng())}, "otherwise the second time"),
        ({"__call__": lambda self, panel, draws: panel.X * np.float32(np.nan)}, "left no value of case 0"),
        ({"__call__": lambda self, panel, draws: panel.X + 1}, "says that it makes gaps alone"),
        ({"__call__": lambda self, panel, draws: panel.X[:, :, 1:]}, "expected floats of shape"),
        ({"__call__": lambda self, panel, draws: panel.X / 0, "makes": "values"}, "infinite or too large for float32"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_corruption_that_breaks_a_rule_does_not_pass(members, message):
    with pytest.raises(AssertionError, match=message):
        check_corruption(type("Checked", (Thin,), members), [0.5])


def thinned(panel, rng):
    gone = rng.random(panel.X.shape) < 0.5
    gone[:, :, 0] = False
    return np.where(gone & ~np.isnan(panel.X[:, :, :1]), np.float32(np.nan), panel.X)


class Fills(SSLMethod):
    """Fills with the mean, but for a fault."""

    class Params(BaseParams):
        pass

    represent, trains = None, False

    def build(self, shapes):
        pass

    def training_step(self, step):
        raise NotImplementedError

    def reconstruct(self, batch):
        return self.fault(batch.x, batch) if hasattr(self, "fault") else batch.x


def test_what_fills_in_passes_and_is_run():
    check_method(Fills)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda self, x, batch: x + 1, "reconstruct changed observed values"),
        (
            lambda self, x, batch: torch.where(batch.mask, x, torch.ones(())),
            "reconstruct gave values beyond a case's end",
        ),
        (lambda self, x, batch: x.double(), "reconstruct gave torch.float64"),
        (lambda self, x, batch: x[:, :, :-1], "reconstruct gave"),
        (lambda self, x, batch: torch.where(batch.mask, x, x / 0), "not finite"),
        (
            lambda self, x, batch: torch.where(batch.mask | ~batch.inside[:, None], x, x.mean()),
            "what a case gets depends on those beside it",
        ),
    ],
)
def test_what_breaks_the_contract_of_filling_in_is_found(fault, said):
    with pytest.raises(AssertionError, match=said):
        check_method(type("Faulty", (Fills,), {"fault": fault}))


class Sees(SSLMethod):
    """Its features are a picture of each case, but for a fault."""

    class Params(BaseParams):
        pass

    trains = False

    def build(self, shapes):
        pass

    def training_step(self, step):
        raise NotImplementedError

    def pictures(self, batch):
        pixels = batch.x[:, None, None, :, :8]
        return Pictured(pixels, ("values",), torch.zeros(pixels.shape[2:], dtype=torch.int64))

    def represent(self, batch):
        return batch.extra.get("pictures", self.pictures(batch).pixels).flatten(1)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"represent": lambda self, batch: self.pictures(batch).pixels.flatten(1)}, "that are given are not seen"),
        ({"represent": lambda self, batch: batch.extra.get("pictures", batch.x[:, :, :8] + 1).flatten(1)}, "as others"),
        ({"pictures": lambda self, batch: batch.x}, "pictures gave Tensor, expected Pictured"),
    ],
)
def test_what_sees_no_pictures_though_it_says_so_is_found(members, said):
    with pytest.raises(AssertionError, match=said):
        check_method(type("Faulty", (Sees,), members))


def test_what_sees_pictures_passes():
    check_method(Sees)
