"""Faults of plugins as a user meets them: one clear line, a row where a run began, and nothing earlier lost."""

import re
import shutil

import pytest

from tsbench.cli import main
from tsbench.store.store import Store

# One of everything; a fault is a statement put first in the body of one of its functions.
SOUND = """
import numpy as np
import torch
from tsbench import (
    Card, Classifier, Data, Dataset, Encoder, Fold, Panel, Predictor, Probe, SSLMethod, Transform, hookimpl
)


class MyData(Dataset):
    @property
    def card(self):
        return Card("mine")

    def load(self):
        X = np.random.default_rng(0).normal(size=(12, 2, 16))
        labels, train, test = np.arange(12) % 2, np.arange(8), np.arange(8, 12)
        pass  # fold
        return Data(Panel.build(X, labels), {"archive": [Fold(train, None, test)]})

    def available(self):
        return True

    def files(self):
        return []


class MyEncoder(Encoder):
    def __init__(self, shape, params):
        super().__init__(shape, params)
        self.net, self.out_dim = torch.nn.Linear(shape.n_channels * shape.n_timepoints, 4), 4

    def forward(self, x):
        return self.net(x.flatten(1))


class MyTransform(Transform):
    def __call__(self, x, rng=None):
        return x + 1

    def output_shape(self, shape):
        return shape


class MyMethod(SSLMethod):
    def build(self, shapes):
        self.encoder = self.make_encoder(shapes)

    def prepare(self, batch):
        return super().prepare(batch)

    def optimizers(self):
        return super().optimizers()

    def total_steps(self, data, steps_per_epoch):
        return super().total_steps(data, steps_per_epoch)

    def training_stages(self, steps, steps_per_epoch):
        return super().training_stages(steps, steps_per_epoch)

    def on_fit_start(self, data):
        pass

    def on_epoch_start(self, data):
        pass

    def training_step(self, step):
        return self.encoder(step.batch.x).square().mean()

    def on_step_end(self):
        pass

    def on_fit_end(self):
        pass

    def diagnose(self, data):
        return super().diagnose(data)

    def represent(self, batch):
        return super().represent(batch)


class MyClassifier(Classifier):
    def fit(self, train, validation, rng):
        self.n_classes = len(train.classes)

    def predict_scores(self, panel):
        return np.zeros((len(panel), self.n_classes))


class MyPredictor(Predictor):
    def __init__(self, n_classes):
        self.n_classes = n_classes

    def predict(self, x):
        return np.zeros(len(x), int), np.zeros((len(x), self.n_classes))

    def details(self):
        return {}


class MyProbe(Probe):
    def fit(self, method, train, validation, rng):
        return MyPredictor(train.n_classes)


@hookimpl
def tsbench_datasets(register):
    register("mine", MyData)


@hookimpl
def tsbench_encoders(register):
    register("mine", MyEncoder)


@hookimpl
def tsbench_transforms(register):
    register("mine", MyTransform)


@hookimpl
def tsbench_methods(register):
    register("mine", MyMethod)
    register("my-classifier", MyClassifier)


@hookimpl
def tsbench_probes(register):
    register("mine", MyProbe)
"""
REGISTRY = "protocols:\n  mine: {probe: mine, transforms: [mine]}\n"


FOLD = "pass  # fold"
METHOD_HOOKS = [
    "def build(self, shapes):",
    "def prepare(self, batch):",
    "def optimizers(self):",
    "def total_steps(self, data, steps_per_epoch):",
    "def training_stages(self, steps, steps_per_epoch):",
    "def on_fit_start(self, data):",
    "def on_epoch_start(self, data):",
    "def training_step(self, step):",
    "def on_step_end(self):",
    "def on_fit_end(self):",
    "def diagnose(self, data):",
    "def represent(self, batch):",
]
INITS = {"MyEncoder": "shape, params", "MyPredictor": "n_classes"}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """Return a store with the result of one run."""
    path = tmp_path_factory.mktemp("earlier") / "s.db"
    with pytest.raises(SystemExit) as stop:
        main(["run", "--method", "majority", "--dataset", "UnitTest", "--store", str(path)])
    assert stop.value.code == 0
    return path


@pytest.fixture
def run_with(tsbench, tmp_path, earlier):
    """Put a fault into the plugin and run it beside a sound dataset; return (exit code, what was said, new rows)."""

    def call(where, statement, *options):
        assert SOUND.count(where) == 1
        indent = " " * (4 if "register" in where else 8)
        faulty = statement if where == FOLD else f"{where}\n{indent}{statement}"
        (tmp_path / "mine.py").write_text(SOUND.replace(where, faulty))
        (tmp_path / "mine.yaml").write_text(REGISTRY)
        shutil.copy(earlier, tmp_path / "s.db")
        common = ["--protocol", "mine", "--registry", "mine.yaml", "--plugin", "mine.py", "--store", "s.db"]
        code, _, err = tsbench("run", *options, *common)
        assert "Traceback" not in err and "This should not happen" not in err
        rows = {(row["method"], row["dataset"]): row for row in Store(str(tmp_path / "s.db")).results()}
        assert rows.pop(("majority", "UnitTest"))["status"] == "succeeded"
        return code, err, rows

    return call


METHOD = ["--method", "mine", "--dataset", "mine", "--set", "encoder=mine", "--set", "max_steps=2"]
CLASSIFIER = ["--method", "my-classifier", "--dataset", "mine"]
RAISE = "raise KeyError('boom')"


@pytest.mark.parametrize("options", [METHOD, CLASSIFIER])
def test_without_a_fault_all_is_well(run_with, options):
    code, err, rows = run_with(FOLD, "pass", *options)
    assert code == 0, err
    assert [row["status"] for row in rows.values()] == ["succeeded"]


@pytest.mark.parametrize(
    ("where", "name"),
    [
        *[(f"def __init__(self, {more}):", f"{cls}.__init__") for cls, more in INITS.items()],
        ("def forward(self, x):", "MyEncoder.forward"),
        ("def __call__(self, x, rng=None):", "MyTransform.__call__"),
        *[(line, f"MyMethod.{line[4:].partition('(')[0]}") for line in METHOD_HOOKS],
        ("def fit(self, train, validation, rng):", "MyClassifier.fit"),
        ("def predict_scores(self, panel):", "MyClassifier.predict_scores"),
        ("def fit(self, method, train, validation, rng):", "MyProbe.fit"),
        ("def predict(self, x):", "MyPredictor.predict"),
        ("def details(self):", "MyPredictor.details"),
    ],
)
def test_what_a_plugin_raises_is_a_row_that_says_where(run_with, where, name):
    code, err, rows = run_with(where, RAISE, *(CLASSIFIER if "MyClassifier" in name else METHOD))
    (row,) = rows.values()
    assert (code, row["status"]) == (1, "failed")
    assert re.fullmatch(rf"KeyError: 'boom' \(in {re.escape(name)}, mine.py line \d+\)", row["error"])
    assert row["error"] in err


@pytest.mark.parametrize(
    ("where", "statement", "message"),
    [
        (
            "def represent(self, batch):",
            "return batch.x[:, 0] * float('nan')",
            "MyMethod gave features of which 128 of 128 are NaN",
        ),
        (
            "def represent(self, batch):",
            "return batch.x",
            r"features of shape \(8, 2, 16\), float32, for 8 cases; expected",
        ),
        ("def represent(self, batch):", "return batch.x[:1, 0]", r"features of shape \(1, 16\), float32, for 8 cases"),
        ("def represent(self, batch):", "return batch.x[:, 0, :0]", r"features of shape \(8, 0\)"),
        (
            "def represent(self, batch):",
            "return batch.x[:, 0].to(torch.complex64)",
            "complex64, for 8 cases; expected real",
        ),
        (
            "def represent(self, batch):",
            "return batch.x[:, 0].numpy()",
            "MyMethod.represent returned ndarray, expected Tensor",
        ),
        ("def training_step(self, step):", "return 1.0", "MyMethod.training_step returned float, expected Tensor"),
        (
            "def training_step(self, step):",
            "return torch.ones(3)",
            r"has shape \(3,\); expected one number with a gradient",
        ),
        ("def training_step(self, step):", "return torch.ones(())", "has no gradient"),
        (
            "def training_step(self, step):",
            "return self.encoder.net.bias.sum() / 0",
            "the loss is -?(inf|nan) at step 0 of 2",
        ),
        ("def training_step(self, step):", "return None", "returned no loss and called no step.update"),
        ("def prepare(self, batch):", "return None", "MyMethod.prepare returned NoneType, expected Batch"),
        ("def total_steps(self, data, steps_per_epoch):", "return None", "total_steps returned NoneType, expected int"),
        (
            "def training_stages(self, steps, steps_per_epoch):",
            "return None",
            "MyMethod.training_stages returned NoneType, expected Sequence",
        ),
        ("def optimizers(self):", "return {}", "names optimizer 'main'; there are: none"),
        ("def diagnose(self, data):", "return None", "MyMethod.diagnose returned NoneType, expected Diagnosis"),
        (
            "def __call__(self, x, rng=None):",
            "return x * float('nan')",
            "transform mine made every value of 12 of 12 cases missing",
        ),
        ("def __call__(self, x, rng=None):", "return x / 0", "case 0, channel 0, time point 0 is infinite"),
        ("def __call__(self, x, rng=None):", "return x[:, None]", r"transform mine gave shape \(12, 1, 2, 16\)"),
        ("def __call__(self, x, rng=None):", "return x[:-1]", r"transform mine gave shape \(11, 2, 16\)"),
        ("def __call__(self, x, rng=None):", "return x[..., :0]", r"transform mine gave shape \(12, 2, 0\)"),
        ("def __call__(self, x, rng=None):", "return x.numpy()", "transform mine returned ndarray, expected Tensor"),
        (
            "def fit(self, method, train, validation, rng):",
            "return 1",
            "probe mine, fit returned int, expected Predictor",
        ),
        (
            "def details(self):",
            "return {'a': 'b'}",
            "probe mine, details must give a number under each name, got {'a': 'b'}",
        ),
        ("def details(self):", "return None", "details must give a number under each name, got None"),
        ("def predict(self, x):", "return None", "probe mine, predict returned NoneType, expected tuple"),
        ("def predict(self, x):", "return (np.zeros(4, int),)", "returned 1 values, expected predictions and scores"),
        (
            "def predict(self, x):",
            "return np.full(4, 7), np.zeros((4, 2))",
            "predicted classes go from 7 to 7, expected 0 to 1",
        ),
        (
            "def predict(self, x):",
            "return np.full(4, 0.6), np.zeros((4, 2))",
            r"predictions of shape \(4,\), float64, for 4 cases",
        ),
        ("def predict(self, x):", "return ['a'] * 4, np.zeros((4, 2))", "expected one class index each"),
        (
            "def predict(self, x):",
            "return np.zeros(4, int), np.zeros(4)",
            r"scores of shape \(4,\), float64, expected \(4, 2\)",
        ),
        ("def predict(self, x):", "return np.zeros(4, int), np.full((4, 2), np.nan)", "NaN scores for 4 of 4 cases"),
        ("def predict(self, x):", "return np.zeros(4, int), [['a', 'b']] * 4", "expected .* real numbers"),
        ("def predict_scores(self, panel):", "return np.zeros((3, 2))", r"my-classifier gave scores of shape \(3, 2\)"),
        ("def predict_scores(self, panel):", "return None", "my-classifier gave scores of shape"),
        (FOLD, "X[:8] = np.nan", "channel 0 has no observed value in the 8 training cases; drop the channel"),
    ],
)
def test_what_breaks_the_contract_is_a_row_that_names_it(run_with, where, statement, message):
    code, _, rows = run_with(where, statement, *(CLASSIFIER if "scores(" in where else METHOD))
    (row,) = rows.values()
    assert (code, row["status"]) == (1, "failed")
    assert re.search(message, row["error"]), row["error"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("labels = None", "mine has no labels to predict; its task is 'none'"),
        ("labels = labels * 0", "mine: the whole dataset (12 cases) has one class only ('0'): nothing to learn"),
        ("labels[:8] = 0", "mine: the training part of fold 0 has one class only ('0'): nothing to learn"),
    ],
)
def test_a_dataset_whose_labels_say_nothing_is_refused_by_the_plan(run_with, statement, message):
    code, err, rows = run_with(FOLD, statement, *METHOD)
    assert code == 1 and not rows
    assert message in err


@pytest.mark.parametrize(
    ("where", "statement", "message"),
    [
        ("def card(self):", RAISE, "mine: its card raised KeyError: 'boom'"),
        ("def card(self):", "return None", "mine: card returned NoneType, expected Card"),
        ("def load(self):", RAISE, r"mine: its load\(\) raised KeyError: 'boom'"),
        ("def load(self):", "import sys; sys.exit(0)", r"mine: its load\(\) raised SystemExit: 0"),
        ("def available(self):", RAISE, r"mine: its available\(\) raised KeyError"),
        ("def files(self):", RAISE, r"mine: its files\(\) raised KeyError"),
        ("def files(self):", "return None", r"mine: files\(\) returned NoneType, expected list"),
        (FOLD, "return Panel.build(X, labels)", r"mine: load\(\) returned Panel, expected Data"),
        (FOLD, "test = np.arange(0)", "mine: archive, fold 0: the test part is empty"),
        (FOLD, "train = np.arange(0)", "the train part is empty"),
        (FOLD, "train = np.arange(9)", "a case is in more than one part"),
        (FOLD, "test = np.arange(8, 13)", "the test part leaves the 12 cases there are"),
        (FOLD, "train = np.arange(8) - 1", "the train part leaves the 12 cases"),
        (
            FOLD,
            "train = train.astype(float)",
            r"the train part must be an int64 array of case indices, got float64 \(8,\)",
        ),
        (FOLD, "train = np.arange(12) < 8", r"an int64 array of case indices, got bool \(12,\)"),
        (FOLD, "train = list(train)", "an int64 array of case indices, got list"),
        (FOLD, "Fold = lambda *parts: parts", "archive, fold 0: expected a Fold, got tuple"),
        (FOLD, "labels = labels[:-1]", "y has 11 entries for 12 cases"),
        (FOLD, "labels = [*labels[:-1], None]", r"case 11 has no label \(None\); leave it out"),
        (FOLD, "labels = [0.0, *labels[:-2], float('nan')]", r"case 11 has no label \(nan\)"),
        (FOLD, "X[3, 0, 2] = np.inf", "case 3, channel 0, time point 2 is infinite"),
        (FOLD, "X = X[:, 0]", r"X must be \(n_cases, n_channels, n_timepoints\), got shape \(12, 16\)"),
        (FOLD, "X = X[:0]", "needs at least one case"),
    ],
)
def test_a_faulty_dataset_is_named_and_the_others_run(run_with, where, statement, message):
    code, err, rows = run_with(where, statement, "--method", "my-classifier", "--dataset", "mine,UnitTest")
    assert code == 1
    assert re.search(f"error: .*{message}", err), err
    assert {name: row["status"] for name, row in rows.items()} == {("my-classifier", "UnitTest"): "succeeded"}


@pytest.mark.parametrize("kind", ["datasets", "encoders", "transforms", "methods", "probes"])
def test_a_hook_that_raises_is_named_and_starts_nothing(run_with, kind):
    code, err, rows = run_with(f"def tsbench_{kind}(register):", RAISE, *METHOD)
    assert (code, rows) == (2, {})
    assert "error: plugin file mine.py: KeyError: 'boom'" in err


def test_a_faulty_dataset_does_not_keep_the_list_of_datasets_from_being_printed(tsbench, tmp_path):
    (tmp_path / "mine.py").write_text(SOUND.replace("def available(self):", f"def available(self):\n        {RAISE}"))
    code, out, _ = tsbench("data", "list", "--plugin", "mine.py")
    assert code == 0
    assert re.search(r"broken   mine +mine: its available\(\) raised KeyError: 'boom'", out)
    assert re.search("here     GunPoint", out)
