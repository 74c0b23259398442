"""Data of any kind for any plugin, and what may come of it: a finite result, or a refusal in one clear line."""

import os

import numpy as np
from hypothesis import HealthCheck, example, settings
from hypothesis import strategies as st

from tsbench.catalog import Entry
from tsbench.dataset import Card, Data, Dataset, Fold
from tsbench.interfaces import Features, SSLMethod
from tsbench.panel import Panel
from tsbench.params import resolve
from tsbench.plugins import Plugins
from tsbench.run.plan import Request, make_plan

DEEP = int(os.environ.get("TSBENCH_FUZZ", "0"))
LARGEST = 200_000 if DEEP else 12_000  # values of a panel
LABELS = {
    "int": lambda i: i - 1,
    "unicode": lambda i: ["ярлык", "标签", "é", "a b", "🙂", "نص", "ß", "Ω"][i % 8] + str(i // 8),
    "float": lambda i: i + 0.5,
    "text": lambda i: f"class, {i}",
}
VALUES = {
    "noise": lambda rng, shape: rng.normal(size=shape),
    "walk": lambda rng, shape: rng.normal(size=shape).cumsum(axis=-1),
    "two levels": lambda rng, shape: rng.integers(0, 2, shape),
    "constant": lambda rng, shape: np.ones(shape),
    "constant cases": lambda rng, shape: np.broadcast_to(rng.normal(size=(shape[0], 1, 1)), shape).copy(),
    "zero": lambda rng, shape: np.zeros(shape),
    "one spike": lambda rng, shape: np.eye(1, shape[0] * shape[1] * shape[2], 0).reshape(shape),
    "far from 0": lambda rng, shape: 1e6 + rng.normal(size=shape),
}


def quick(quickly=4):
    """A few examples, always the same; with TSBENCH_FUZZ=n in the environment n new ones."""
    return settings(
        max_examples=DEEP or quickly,
        derandomize=not DEEP,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


GAPS = {
    "points": lambda rng, X: rng.random(X.shape) < 0.3,
    "a case": lambda rng, X: rng.integers(len(X)),
    "a channel": lambda rng, X: (slice(None), rng.integers(X.shape[1])),
    "a channel of a case": lambda rng, X: (rng.integers(len(X)), rng.integers(X.shape[1])),
    "the beginning": lambda rng, X: (..., slice(0, X.shape[2] // 3)),
    "all but a point": lambda rng, X: (0, slice(None), slice(1, None)),
}
# class index of each case, given the number of training cases and of all
CLASSES = {
    "two": lambda n_train, n: np.arange(n) % 2,
    "one": lambda n_train, n: np.zeros(n, int),
    "one per case": lambda n_train, n: np.arange(n),
    "three, two of them rare": lambda n_train, n: np.abs(np.arange(n) - n_train + 1).clip(max=2),
    "unseen in training": lambda n_train, n: np.arange(n) % 2 + 2 * (np.arange(n) >= n_train),
}


def make(
    sizes=(4, 0, 2),
    channels=1,
    length=31,
    values="noise",
    scale=1.0,
    ragged=False,
    gaps=(),
    classes="two",
    names="int",
    seed=0,
):
    """Return Data with the fold "archive"; sizes are the cases in training, validation (0: none) and test part."""
    rng, n = np.random.default_rng(seed), sum(sizes)
    X = VALUES[values](rng, (n, channels, length)) * scale
    lengths = rng.integers(1, length + 1, n) if ragged else np.full(n, length)
    X = np.where(np.arange(length) < lengths[:, None, None], X, np.nan)
    for gap in gaps:
        X[GAPS[gap](rng, X)] = np.nan
    labels = [LABELS[names](int(i)) for i in CLASSES[classes](sizes[0], n)]
    train, validation, test = np.split(np.arange(n), np.cumsum(sizes)[:2])
    fold = Fold(train, validation if len(validation) else None, test)
    return Data(Panel.build(X, labels, lengths=lengths), {"archive": [fold]})


SIZES = st.tuples(st.sampled_from([4, 2, 1, 3, 7, 17]), st.sampled_from([0, 0, 1, 3]), st.sampled_from([2, 1, 5]))
LENGTHS = st.one_of(st.sampled_from([31, 1, 2, 3, 8, 9, 130]), st.integers(1, 3000))
CHANNELS = st.one_of(st.sampled_from([1, 2, 3]), st.integers(1, 64))


@st.composite
def datasets(draw):
    """2 to 25 cases, 1 to 64 channels, 1 to 3,000 time points, no more than LARGEST values, gaps of every kind."""
    sizes = draw(SIZES)
    length = min(draw(LENGTHS), LARGEST // sum(sizes))
    return make(
        sizes,
        max(1, min(draw(CHANNELS), LARGEST // (sum(sizes) * length))),
        length,
        draw(st.sampled_from(list(VALUES))),
        10.0 ** draw(st.sampled_from([0, 0, 0, -30, 30, -6, 6])),
        draw(st.booleans()),
        draw(st.lists(st.sampled_from(list(GAPS)), max_size=2)),
        draw(st.sampled_from(["two", "two", "two", *CLASSES])),
        draw(st.sampled_from(list(LABELS))),
        draw(st.integers(0, 2**16)),
    )


def corners(**others):
    """Let a test of `data` meet, whatever else is drawn, the kinds of data that most often do harm."""

    def decorate(test):
        for data in (
            make(length=1, classes="one per case"),
            make(sizes=(1, 0, 1)),
            make(sizes=(5, 2, 3), classes="unseen in training", names="unicode", gaps=["a case"]),
            make(channels=3, length=2, values="constant", scale=1e30),
            make(channels=2, length=130, scale=1e-30, ragged=True, gaps=["points", "a channel of a case"]),
        ):
            test = example(data=data, **others)(test)
        return test

    return decorate


class Given(Dataset):
    """The dataset `given`, whose data is what the test puts here."""

    data: Data

    @property
    def card(self):
        return Card("given")

    def load(self):
        return type(self).data


def with_given():
    """Return the installed plugins and the dataset `given`."""
    found = Plugins()
    found.load_entry_points()
    found["datasets"].add([Entry("given", Given, "tests")])
    return found


SMALL = {
    **{"max_steps": 2, "iterations": 2, "min_steps": 0, "epochs": 1, "batch_size": 4},
    **{"encoder.hidden": 8, "encoder.depth": 2, "encoder.out_dim": 8, "encoder.blocks": 1},
    **{"image_encoder": "small-cnn", "cell_size": 8, "n_kernels": 84, "n_estimators": 3},
}


def plan(plugins, registry, data, method, protocol="knn", **components):
    """Return the run of a method on data, with little training; components name its encoder, say."""
    Given.data = data
    cls = plugins["methods"].get(method.removeprefix("random:"))
    known = resolve(cls.Params, components, lambda kind, name: plugins[kind].get(name), method).flat()
    settings = {key: str(value) for key, value in {**SMALL, **components}.items() if key in known}
    (spec,) = make_plan(Request([method], ["given"], (protocol,), overrides=settings), plugins, registry).specs
    return spec


def check_error(error):
    """It is one line with something to read."""
    assert "\n" not in error and 20 <= len(error) < 1000, error


def check(result):
    """Succeeded with finite scores, or refused by an error of tsbench in one line."""
    if result.status != "succeeded":
        assert result.status == "failed", result.error
        assert result.traceback.rstrip().splitlines()[-1].startswith("tsbench.errors."), result.traceback
        check_error(result.error)
        return
    p = result.predictions
    assert np.isfinite(p.scores).all()
    assert all(0 <= value <= 1 or np.isnan(value) for value in result.metrics.values())
    assert np.isfinite(result.metrics["accuracy"])
    assert all(np.isfinite(loss) for _, loss in result.curve)


def trains(cls):
    return isinstance(cls, type) and issubclass(cls, SSLMethod) and cls.trains


def small_params(params):
    """Return the parameters of SMALL that an encoder or a probe has."""
    plain = {key.removeprefix("encoder."): value for key, value in SMALL.items()}
    return {key: value for key, value in plain.items() if key in params.model_fields}


@st.composite
def features(draw):
    """Return Features for training, validation (or None) and test: any size, scale and fault."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    (n, n_validation, n_test), d = draw(SIZES), draw(st.sampled_from([3, 1, 40]))
    n *= draw(st.sampled_from([1, 4]))
    n_classes = draw(st.integers(1, 5))
    x = rng.normal(size=(n + n_validation + n_test, d)) * 10.0 ** draw(st.sampled_from([0, 0, 3, 15, 30, 38, -30, -45]))
    x += 10.0 ** draw(st.sampled_from([-50, -50, 0, 7, 30]))
    fault = draw(st.sampled_from(["none", "none", "constant", "a nan", "an infinity", "one constant feature"]))
    if fault == "constant":
        x[:] = x[0, 0]
    elif fault == "one constant feature":
        x[:, 0] = x[0, 0]
    elif fault != "none":
        x[rng.integers(len(x)), rng.integers(d)] = np.nan if fault == "a nan" else np.inf
    with np.errstate(over="ignore"):
        x = x.astype(np.float32)
    y = rng.integers(0, n_classes, len(x))
    train, validation, test = (
        Features(x[part], y[part], n_classes) for part in np.split(np.arange(len(x)), [n, n + n_validation])
    )
    return train, validation if n_validation else None, test
