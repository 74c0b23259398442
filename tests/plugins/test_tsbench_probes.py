"""The probes against scikit-learn on real features, and on awkward training parts."""

import warnings
from functools import cache

import numpy as np
import pytest
import torch
from aeon.datasets import load_arrow_head, load_basic_motions, load_gunpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tsbench.discovery.catalog import Entry
from tsbench.errors import MethodError
from tsbench.methods.params import declarations
from tsbench.methods.probe import Features
from tsbench.tasks.metrics import f1_macro
from tsbench_probes import tsbench_probes
from tsbench_probes.common import expand, search_folds
from tsbench_probes.finetune import FineTune
from tsbench_probes.knn import KNN
from tsbench_probes.linear import GRID as LINEAR_GRID
from tsbench_probes.linear import Linear, Logistic
from tsbench_probes.linear_paper import LinearPaper
from tsbench_probes.neighbours import neighbour_scores, squared_distances
from tsbench_probes.ridge import Ridge
from tsbench_probes.svm import GRID, SVM

PROBES = [SVM, Linear, Logistic, KNN, LinearPaper]


def fit(probe, train, validation=None, seed=0):
    return probe.fit(None, train, validation, np.random.default_rng(seed))


def quick(cls):
    return cls(epochs=5) if cls is LinearPaper else cls()


@cache
def real(loader, n_train, d=40):
    """Random rectified projections of an archive set: (train, test)."""
    X, labels = loader()
    X = X.reshape(len(X), -1)
    classes, y = np.unique(labels, return_inverse=True)
    rng = np.random.default_rng(0)
    x = np.maximum(X @ rng.normal(size=(X.shape[1], d)) / np.sqrt(X.shape[1]), 0).astype(np.float32)
    order = np.arange(len(X)) if n_train in (36, 40, 50) else rng.permutation(len(X))
    parts = order[:n_train], order[n_train:]
    return tuple(Features(x[part], y[part], len(classes)) for part in parts)


REAL = [
    (load_gunpoint, 50),
    (load_gunpoint, 120),
    (load_arrow_head, 36),
    (load_arrow_head, 140),
    (load_basic_motions, 60),
]


def converged(c=1.0):
    return LogisticRegression(C=c, solver="newton-cg", tol=1e-8, max_iter=1000)


def features(seed, n=30, d=4, k=3, n_classes=None):
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(k), rng.integers(0, k, n - k)]
    x = rng.normal(size=(n, d)) + 2 * rng.normal(size=(k, d))[y]
    return Features(x.astype(np.float32), y, n_classes or k)


@pytest.mark.parametrize(("loader", "n_train"), REAL)
def test_svm_chooses_and_predicts_as_grid_search_does(loader, n_train):
    train, test = real(loader, n_train)
    oracle = SVC(C=np.inf)
    if search := n_train >= 50:
        oracle = GridSearchCV(oracle, {"C": list(GRID)}, cv=5)
    oracle.fit(train.x, train.y)
    predictor = fit(SVM(), train)
    predicted, scores = predictor.predict(test.x)
    assert (predicted == oracle.predict(test.x)).all()
    assert predictor.details()["C"] == (oracle.best_params_["C"] if search else np.inf)
    assert predictor.details()["unconverged_fits"] == 0
    if search:
        assert predictor.details()["cv_accuracy"] == pytest.approx(oracle.best_score_)
    decision = oracle.decision_function(test.x)
    expected = np.stack([-decision, decision], axis=1) if train.n_classes == 2 else decision
    np.testing.assert_allclose(scores, expected, atol=5e-3)  # the solver stops at a tolerance of 1e-3


@pytest.mark.parametrize(("loader", "n_train"), [(load_gunpoint, 50), (load_arrow_head, 36)])
def test_svm_gamma_by_the_deviation_is_that_of_scikit_learn_0_20(loader, n_train):
    train, test = real(loader, n_train)
    train, test = (Features(5 * part.x, part.y, part.n_classes) for part in (train, test))
    oracle = SVC(C=np.inf, gamma=1 / (train.x.shape[1] * train.x.std()))
    if n_train >= 50:  # whose folds have a gamma of their own
        folds = list(StratifiedKFold(5).split(train.x, train.y))
        scores = np.zeros((len(GRID), len(folds)))
        for number, (fit_on, held_out) in enumerate(folds):
            x, y = train.x[fit_on], train.y[fit_on]
            for row, c in enumerate(GRID):
                model = SVC(C=c, gamma=1 / (x.shape[1] * x.std())).fit(x, y)
                scores[row, number] = model.score(train.x[held_out], train.y[held_out])
        oracle.set_params(C=GRID[int(scores.mean(axis=1).argmax())])
    predictor = fit(SVM(gamma="deviation"), train)
    assert predictor.details()["C"] == oracle.C
    expected = oracle.fit(train.x, train.y).predict(test.x)
    assert (predictor.predict(test.x)[0] == expected).all()
    assert (fit(SVM(gamma="variance"), train).predict(test.x)[0] != expected).any()


def test_svm_ties_go_to_the_smallest_c():
    train = features(0, n=60, k=2)
    same = Features(np.repeat(train.y[:, None], 2, axis=1).astype(np.float32), train.y, 2)
    oracle = GridSearchCV(SVC(), {"C": list(GRID)}, cv=5).fit(same.x, same.y)
    assert fit(SVM(), same).details()["C"] == oracle.best_params_["C"] < np.inf


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_svm_leaves_out_only_fits_that_would_be_equal(monkeypatch):
    from tsbench_probes import svm

    train, fits, fit_one = features(5, n=90, k=3), [], svm._fit
    monkeypatch.setattr(svm, "_fit", lambda *a: fits.append(a[2]) or fit_one(*a))
    short, n_short = fit(SVM(), train), len(fits)
    monkeypatch.setattr(svm, "_same_path", lambda a, b: False)
    whole = fit(SVM(), train)
    assert n_short < len(fits) - n_short == 5 * len(GRID) + 1
    assert short.details() == whole.details()
    assert (short.predict(train.x)[1] == whole.predict(train.x)[1]).all()


def test_svm_gamma_of_constant_features_is_one():
    train = Features(np.full((12, 3), 2.5, np.float32), np.arange(12) % 2, 2)
    oracle = SVC(C=np.inf, max_iter=1000).fit(train.x, train.y)
    assert (fit(SVM(max_iter=1000), train).predict(train.x)[0] == oracle.predict(train.x)).all()


def test_svm_reports_fits_that_reached_the_limit():
    rng = np.random.default_rng(0)
    train = Features(rng.normal(size=(400, 2)).astype(np.float32), rng.integers(0, 2, 400), 2)
    assert fit(SVM(max_iter=1000), train).details()["unconverged_fits"] > 0


def test_svm_subsample_is_stratified_and_seeded():
    train = features(1, n=300, k=3)
    small = fit(SVM(max_samples=60), train)
    assert len(small.x) == 60
    oracle = GridSearchCV(SVC(), {"C": list(GRID)}, cv=5)
    kept, _, y, _ = train_test_split(train.x, train.y, train_size=60, random_state=0, stratify=train.y)
    assert small.details()["C"] == oracle.fit(kept, y).best_params_["C"]
    assert (small.predict(train.x)[0] == oracle.predict(train.x)).all()


@pytest.mark.parametrize("n", [61, 62])
def test_svm_subsample_where_it_cannot_be_stratified(n):
    train = features(2, n=n, k=3)
    train.y[train.y == 2] = 1
    train.y[0] = 2  # one case of class 2, and fewer cases left out than classes
    predicted, scores = fit(SVM(max_samples=60), train).predict(train.x)
    assert scores.shape == (n, 3)
    assert (predicted == train.y).mean() > 0.8


@pytest.mark.parametrize(("loader", "n_train"), REAL)
def test_logistic_equals_scikit_learn(loader, n_train):
    train, test = real(loader, n_train)
    oracle = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression(max_iter=10**6)))
    oracle.fit(train.x.astype(np.float64), train.y)
    predicted, scores = fit(Logistic(), train).predict(test.x)
    assert (predicted == oracle.predict(test.x)).all()
    np.testing.assert_allclose(scores, oracle.predict_proba(test.x.astype(np.float64)))


@pytest.mark.parametrize(("k", "metric"), [(1, "euclidean"), (1, "cosine"), (5, "euclidean"), (5, "cosine")])
@pytest.mark.parametrize(("loader", "n_train"), REAL)
def test_knn_equals_scikit_learn(loader, n_train, k, metric):
    train, test = real(loader, n_train)
    scaler = StandardScaler().fit(train.x.astype(np.float64))
    oracle = KNeighborsClassifier(k, metric=metric).fit(scaler.transform(train.x), train.y)
    predicted, scores = fit(KNN(k=k, metric=metric), train).predict(test.x)
    assert (predicted == oracle.predict(scaler.transform(test.x))).all()
    if k > 1:
        np.testing.assert_allclose(scores, oracle.predict_proba(scaler.transform(test.x)))


def test_nearest_neighbour_scores_by_hand():
    train, y = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]), np.array([1, 0, 1])
    assert neighbour_scores(train, y, np.array([[3.0, 4.0]])).tolist() == [[-1.0, 1.0]]
    assert neighbour_scores(train, y, np.array([[3.0, 4.0]]), k=99).tolist() == [[1 / 3, 2 / 3]]


def test_chunks_do_not_change_neighbours(monkeypatch):
    train = features(3)
    whole = neighbour_scores(train.x.astype(float), train.y, train.x.astype(float))
    monkeypatch.setattr("tsbench_probes.neighbours._CHUNK_ELEMENTS", 70)
    np.testing.assert_allclose(
        neighbour_scores(train.x.astype(float), train.y, train.x.astype(float)), whole, atol=1e-6
    )


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(-1e6, 1e6))
def test_squared_distances(seed, offset):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(5, 3)) + offset, rng.normal(size=(7, 3)) + offset
    direct = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(a, b), direct, rtol=1e-6, atol=1e-9)
    assert (squared_distances(a, a).diagonal() == 0).all()


@pytest.mark.parametrize(("loader", "n_train"), REAL)
def test_linear_selects_on_validation(loader, n_train):
    train, held_out = real(loader, n_train)
    half = len(held_out.y) // 2
    validation = Features(held_out.x[:half], held_out.y[:half], held_out.n_classes)
    predictor = fit(Linear(), train, validation)
    f1 = []
    for c in LINEAR_GRID:
        model = make_pipeline(StandardScaler(), converged(c))
        model.fit(train.x.astype(np.float64), train.y)
        f1.append(f1_macro(validation.y, model.predict(validation.x), train.n_classes))
    found = predictor.details()
    assert found["selection_f1_macro"] == pytest.approx(max(f1))
    assert found["C"] == LINEAR_GRID[np.argmax(f1)]
    chosen = make_pipeline(StandardScaler(), converged(found["C"]))
    chosen.fit(train.x.astype(np.float64), train.y)
    assert (predictor.predict(held_out.x)[0] == chosen.predict(held_out.x)).all()


def test_linear_without_validation_cross_validates_or_does_not():
    train, _ = real(load_gunpoint, 120)
    oracle = GridSearchCV(
        make_pipeline(StandardScaler(), converged()),
        {"logisticregression__C": LINEAR_GRID},
        scoring="f1_macro",
        cv=5,
    ).fit(train.x.astype(np.float64), train.y)
    found = fit(Linear(), train).details()
    assert found["selection_f1_macro"] == pytest.approx(oracle.best_score_)
    assert found["C"] == oracle.best_params_["logisticregression__C"]
    assert fit(Linear(), features(0, n=49, k=2)).details() == {"C": 1.0, "converged": 1.0}


def test_linear_reports_that_it_did_not_converge():
    assert fit(Linear(max_iter=1), real(load_gunpoint, 120)[0]).details()["converged"] == 0.0


def test_linear_paper_approaches_the_converged_solution():
    train, test = real(load_gunpoint, 120)
    predictor = fit(LinearPaper(epochs=800, batch_size=1000, lr=0.03, weight_decay=0.01), train)
    # wd/2 |W|^2 on two rows of opposite sign and a mean loss is the binary problem with C = 1 / (n wd / 2).
    scaler = StandardScaler().fit(train.x.astype(np.float64))
    oracle = converged(2 / (len(train.y) * 0.01)).fit(scaler.transform(train.x), train.y)
    scores = predictor.predict(test.x)[1]
    decision = oracle.decision_function(scaler.transform(test.x))
    assert np.corrcoef(np.log(scores[:, 1] / scores[:, 0]), decision)[0, 1] > 0.999


def test_linear_paper_keeps_the_epoch_that_validates_best():
    both = features(4, n=60)
    train, validation = Features(both.x[:40], both.y[:40], 3), Features(both.x[40:], both.y[40:], 3)
    chosen = fit(LinearPaper(lr=0.1, epochs=30), train, validation)
    found = chosen.details()
    f1 = []
    for epochs in range(1, 31):
        f1.append(f1_macro(validation.y, fit(LinearPaper(lr=0.1, epochs=epochs), train).predict(validation.x)[0], 3))
    assert f1.count(max(f1)) > 1  # the first of equals is to be kept
    assert found == {"epoch": 1.0 + np.argmax(f1), "selection_f1_macro": max(f1)}
    assert f1_macro(validation.y, chosen.predict(validation.x)[0], 3) == max(f1)


def test_linear_paper_standardises_only_when_asked():
    train = features(6)
    scaled = Features(train.x * np.float32(1024.0), train.y, 3)  # a power of two: exact in floating point
    predictions = [
        fit(LinearPaper(epochs=5, standardise=s), part).predict(part.x)[1]
        for s in (True, False)
        for part in (train, scaled)
    ]
    np.testing.assert_allclose(predictions[0], predictions[1], rtol=1e-5)
    assert not np.allclose(predictions[2], predictions[3], rtol=0.1)


@pytest.mark.parametrize("cls", PROBES)
def test_one_class_is_refused(cls):
    with pytest.raises(MethodError, match=r"one class only \(class index 1\): nothing to learn"):
        fit(quick(cls), Features(np.ones((4, 2), np.float32), np.ones(4, np.int64), 3))


@pytest.mark.parametrize("cls", PROBES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused(cls, bad):
    good = features(7)
    x = good.x.copy()
    x[2, :3] = bad
    with pytest.raises(MethodError, match="3 of 120 training features are NaN or infinite: the representation"):
        fit(quick(cls), Features(x, good.y, 3))
    with pytest.raises(MethodError, match="3 of 120 test features"):
        fit(quick(cls), good).predict(x)


@pytest.mark.parametrize("cls", [Linear, LinearPaper])
def test_validation_features_that_are_not_finite_are_refused(cls):
    good = features(7)
    with pytest.raises(MethodError, match="120 of 120 validation features"):
        fit(quick(cls), good, Features(np.full_like(good.x, np.nan), good.y, 3))


@pytest.mark.parametrize("cls", PROBES)
def test_two_cases_are_enough(cls):
    train = Features(np.array([[0.0, 1.0], [2.0, 5.0]], np.float32), np.array([2, 0]), 4)
    predicted, scores = fit(cls(epochs=2000) if cls is LinearPaper else cls(), train).predict(train.x)
    assert predicted.tolist() == [2, 0]
    assert scores.shape == (2, 4)


@pytest.mark.parametrize("cls", PROBES)
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 70), st.integers(2, 5))
def test_any_training_part(cls, seed, n, k):
    """Rare classes, classes without training cases, one-case classes: right shapes, same bits, only seen classes."""
    train = features(seed, n=n, k=k, n_classes=k + 2)
    shifted = Features(train.x, train.y + 1, k + 2)  # classes 0 and k + 1 have no training case
    test = features(seed + 1, n=9, k=k)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = [fit(quick(cls), shifted, seed=3).predict(test.x) for _ in range(2)]
    (predicted, scores), again = results
    assert predicted.dtype == np.int64
    assert scores.dtype == np.float64
    assert scores.shape == (9, k + 2)
    assert np.isfinite(scores).all()
    assert set(predicted) <= set(shifted.y)
    assert set(scores.argmax(axis=1)) <= set(shifted.y)
    assert (predicted == again[0]).all()
    assert (scores == again[1]).all()
    if cls is not SVM:  # its prediction is a vote of pairs of classes, its scores are not
        assert (scores.argmax(axis=1) == predicted).all()


@pytest.mark.parametrize("cls", [SVM, Logistic, KNN])
def test_a_validation_part_changes_nothing(cls):
    train, validation = features(8, n=60), features(9, n=20)
    test = features(10).x
    assert (fit(cls(), train, validation).predict(test)[1] == fit(cls(), train).predict(test)[1]).all()


@pytest.mark.parametrize("cls", PROBES)
def test_the_given_generator_is_the_only_source_of_chance(cls):
    train = features(11)
    torch.manual_seed(1)
    np.random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1]
    first = fit(quick(cls), train, seed=5).predict(train.x)[1]
    assert (torch.get_rng_state() == states[0]).all()
    assert (np.random.get_state()[1] == states[1]).all()
    if cls is LinearPaper:
        assert not np.allclose(first, fit(quick(cls), train, seed=6).predict(train.x)[1])


@pytest.mark.parametrize(
    ("counts", "n_folds"),
    [
        ([25, 25], 5),
        ([25, 24], None),  # below 50 cases
        ([12] * 5, 5),
        ([4] * 13, None),  # 52 // 13 = 4 cases per class
        ([5] * 11, 5),
        ([50, 3], 5),
    ],
)
def test_when_and_how_the_training_part_is_cross_validated(counts, n_folds):
    y = np.repeat(np.arange(len(counts)), counts)
    folds = search_folds(y)
    if n_folds is None:
        assert folds is None
        return
    assert len(folds) == n_folds
    with warnings.catch_warnings(action="ignore"):  # the rare class
        splits = list(StratifiedKFold(n_folds).split(y, y))
    for (fit_part, held_out), (_, expected) in zip(folds, splits, strict=True):
        assert (held_out == expected).all()
        assert set(y[fit_part]) == set(y)


def test_a_fold_that_leaves_one_class_is_dropped():
    y = np.repeat([0, 1], [50, 1])
    folds = search_folds(y)
    assert len(folds) == 4
    assert all(50 in fit_part for fit_part, _ in folds)


@settings(deadline=None)
@given(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=2))
def test_expand_keeps_unseen_classes_last(row):
    scores = expand(np.array([row]), np.array([1, 3]), 5)
    assert scores[0, [1, 3]].tolist() == row
    assert (scores[0, [0, 2, 4]] < min(row)).all()


def test_registration():
    found = {}
    tsbench_probes(lambda name, target, **rest: found.setdefault(name, Entry(name, target, "tsbench_probes").load()))
    on_features = {"svm-rbf": SVM, "linear": Linear, "linear-paper": LinearPaper, "logistic": Logistic, "knn": KNN}
    assert found == {**on_features, "ridge": Ridge, "finetune": FineTune}
    assert all(d.stage == "probe" for cls in found.values() for d in declarations(cls.Params))


def test_a_search_passes_over_a_fit_without_a_finite_solution_and_a_last_fit_refuses(monkeypatch):
    real = SVC.fit

    def fit(self, kernel, y):
        if np.isinf(self.C):
            raise ValueError("not finite")
        return real(self, kernel, y)

    monkeypatch.setattr(SVC, "fit", fit)
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = (rng.normal(size=(60, 4)) + y[:, None]).astype(np.float32)
    assert SVM().fit(None, Features(x, y, 2), None, rng).details()["C"] < float("inf")
    with pytest.raises(MethodError, match="no finite solution at C=inf"):
        SVM().fit(None, Features(x[:20], y[:20], 2), None, rng)  # too few to search: C is infinite


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("cls", [Linear, Logistic, LinearPaper, Ridge])
def test_linear_scores_are_what_their_weights_say(cls, n_classes):
    rng = np.random.default_rng(0)
    y = np.arange(30) % n_classes + 1  # of class 0 there is no training case
    x = (rng.normal(size=(30, 5)) * [1, 10, 0.1, 1, 1] + 3 + y[:, None]).astype(np.float32)
    predictor = fit(cls(), Features(x, y, n_classes + 1))
    weights, intercept = predictor.linear()
    assert weights.shape == (5, n_classes + 1) and intercept[0] == -np.inf and not weights[:, 0].any()
    scores, given = predictor.predict(x)[1][:, 1:], (x @ weights + intercept)[:, 1:]
    if cls is Logistic and n_classes > 2:
        given = expit(given) / expit(given).sum(axis=1, keepdims=True)
    elif cls is not Ridge:
        given = softmax(given, axis=1)
    np.testing.assert_allclose(given, scores, rtol=1e-3, atol=1e-4)


def test_linear_weights_of_numbers_and_labels_and_of_what_is_not_linear():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 5)).astype(np.float32)
    for y, n_classes, task in (
        (x[:, 0] * 2.0, 0, "regression"),
        (rng.integers(0, 2, (30, 3)).astype(np.uint8), 3, "multilabel"),
    ):
        predictor = fit(Ridge(), Features(x, y, n_classes, task))
        weights, intercept = predictor.linear()
        values, scores = predictor.predict(x)
        np.testing.assert_allclose(np.squeeze(x @ weights + intercept), values if scores is None else scores, rtol=1e-4)
    assert fit(KNN(), Features(x, np.arange(30) % 2, 2)).linear() is None
