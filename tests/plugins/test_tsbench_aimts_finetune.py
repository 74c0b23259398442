import copy

import numpy as np
import pytest
import torch
from torch import nn

from tsbench.data.batch import Batch
from tsbench.errors import MethodError
from tsbench.methods.probe import Cases
from tsbench_aimts.finetune import FineTuneAimTS
from tsbench_aimts.method import AimTS


def cases(panel, index):
    part = panel.select(index)
    return Cases(Batch.from_panel(part.without_labels(), "cpu"), part.y, 3)


@pytest.fixture
def method(panel):
    torch.manual_seed(0)
    method = AimTS.create(**{"encoder.hidden": 8, "encoder.depth": 2, "encoder.out_dim": 16})
    method.build([panel.shape])
    return method.eval()


def tune(method, train, validation=None, **overrides):
    return FineTuneAimTS(**overrides).fit(method, train, validation, np.random.default_rng(0))


def test_the_epochs_are_those_of_the_published_scripts(panel):
    train = cases(panel, range(4))
    assert FineTuneAimTS().n_epochs(train.batch) == 15
    assert FineTuneAimTS().n_epochs(Batch(train.batch.x[:, :1], train.batch.lengths)) == 36
    assert FineTuneAimTS(epochs=3).n_epochs(train.batch) == 3


def test_all_weights_move_and_the_labels_are_learnt(panel, method):
    before = [weight.clone() for weight in method.encoder.parameters()]
    predictor = tune(method, cases(panel, range(20)), epochs=30)
    assert all(not torch.equal(a, b) for a, b in zip(before, method.encoder.parameters(), strict=True))
    predicted, scores = predictor.predict(cases(panel, range(20)).batch)
    assert (predicted == panel.y).mean() > 0.8
    assert scores.shape == (20, 3)


def test_the_head_is_that_of_the_paper(panel, method):
    first, norm, relu, second, dropout = tune(method, cases(panel, range(20)), epochs=1).head
    assert (first.in_features, first.out_features, second.out_features) == (2 * 16, 256, 3)
    assert isinstance(norm, nn.BatchNorm1d)
    assert isinstance(relu, nn.ReLU)
    assert isinstance(dropout, nn.Dropout)
    assert dropout.p == 0.1


@pytest.mark.parametrize(("n_cases", "size"), [(2, 8), (3, 2), (8, 8), (9, 8), (10, 8), (50, 8), (67, 8), (270, 16)])
def test_batches_are_of_equal_size_and_none_is_of_one_case(n_cases, size):
    bounds = FineTuneAimTS(batch_size=size).batches(n_cases)
    sizes = [end - start for start, end in bounds]
    assert [start for start, _ in bounds] == [0, *np.cumsum(sizes)[:-1]]
    assert sum(sizes) == n_cases
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 1
    assert max(sizes) <= max(size, 3)


def test_published_batches_end_with_what_is_left():
    assert FineTuneAimTS(batching="published").batches(18) == [(0, 8), (8, 16), (16, 18)]


def learning_rates(panel, method, monkeypatch, **overrides):
    """The rates of method and head in each epoch."""
    rates = []
    make_optimizer = FineTuneAimTS.make_optimizer

    def watch(self, method, head):
        optimizer = make_optimizer(self, method, head)
        optimizer.register_step_pre_hook(lambda *_: rates.append(tuple(g["lr"] for g in optimizer.param_groups)))
        return optimizer

    monkeypatch.setattr(FineTuneAimTS, "make_optimizer", watch)
    tune(method, cases(panel, range(20)), **overrides)
    assert rates[::2] == rates[1::2]  # two batches in an epoch
    return zip(*rates[::2], strict=True)


def test_published_learning_rates(panel, method, monkeypatch):
    body, head = learning_rates(panel, method, monkeypatch, epochs=11, batch_size=10, lr_rule="published")
    assert set(body) == {3e-3}
    np.testing.assert_allclose(head, [1e-3] * 5 + [1e-3 / 2**4] * 5 + [1e-3 / 2**9])


def test_learning_rates_fall_along_a_cosine(panel, method, monkeypatch):
    body, head = learning_rates(panel, method, monkeypatch, epochs=4, batch_size=10)
    np.testing.assert_allclose(body, 3e-3 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2)
    np.testing.assert_allclose(head, np.array(body) / 3)


@pytest.mark.parametrize("validated", [False, True])
def test_predictions_are_normalised_by_the_training_cases_without_dropout(panel, method, validated):
    train = cases(panel, range(14))
    net = tune(method, train, cases(panel, range(14, 20)) if validated else None, epochs=3)
    with torch.no_grad():
        hidden = net.head[:2](method.encode(train.batch))
    torch.testing.assert_close(hidden.mean(0), net.head[1].bias.detach(), atol=1e-4, rtol=0)
    torch.testing.assert_close(hidden.std(0), net.head[1].weight.detach().abs(), atol=2e-2, rtol=0)


def test_published_predictions_are_normalised_by_running_statistics(panel, method):
    train = cases(panel, range(14))
    net = tune(method, train, epochs=3, batch_norm="running")
    with torch.no_grad():
        hidden = net.head[:2](method.encode(train.batch))
    assert (hidden.mean(0) - net.head[1].bias).abs().mean() > 0.1


def test_predictions_neither_drop_out_nor_depend_on_the_other_cases(panel, method):
    predictor = tune(method, cases(panel, range(20)), epochs=2)
    batch = cases(panel, range(20)).batch
    scores = predictor.predict(batch)[1]
    alone = np.concatenate([predictor.predict(batch.select(slice(i, i + 1)))[1] for i in range(20)])
    np.testing.assert_allclose(scores, alone, atol=1e-5)


def test_the_best_epoch_on_validation_is_used(panel, method):
    from tsbench.tasks.metrics import f1_macro

    validation = cases(panel, range(14, 20))
    predictor = tune(method, cases(panel, range(14)), validation, epochs=6)
    found = predictor.details()
    assert 1 <= found["epoch"] <= 6
    assert f1_macro(validation.y, predictor.predict(validation.batch)[0], 3) == found["selection_f1_macro"]


def test_the_same_seed_gives_the_same_predictions(panel, method):
    first, second = (tune(copy.deepcopy(method), cases(panel, range(17)), epochs=2) for _ in range(2))
    test = cases(panel, range(17, 20)).batch
    np.testing.assert_array_equal(first.predict(test)[1], second.predict(test)[1])


def test_a_last_batch_of_one_case(panel, method):
    predicted, _ = tune(method, cases(panel, range(17)), epochs=1).predict(cases(panel, range(20)).batch)
    assert predicted.shape == (20,)


def test_a_class_without_training_cases_is_never_predicted(panel, method):
    two = np.flatnonzero(panel.y != 1)
    predicted, _ = tune(method, cases(panel, two), epochs=1).predict(cases(panel, range(20)).batch)
    assert 1 not in predicted


def test_one_class_is_refused(panel, method):
    with pytest.raises(MethodError, match="one class only"):
        tune(method, cases(panel, np.flatnonzero(panel.y == 1)))
