import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tsbench.data.batch import Batch
from tsbench.errors import MethodError
from tsbench.methods.probe import Cases
from tsbench_probes.finetune import FineTune
from tsbench_supervised.method import Supervised


@pytest.fixture
def method(panel):
    torch.manual_seed(0)
    method = Supervised.create(encoder="fcn")
    method.build([panel.shape])
    return method.eval()


def cases(panel, index):
    part = panel.select(index)
    return Cases(Batch.from_panel(part.without_labels(), "cpu"), part.y, 3)


def tune(method, train, validation=None, **overrides):
    probe = FineTune(**{"epochs": 15, "batch_size": 8, "lr": 1e-3, **overrides})
    return probe.fit(method, train, validation, np.random.default_rng(0))


def test_all_weights_move_and_the_labels_are_learnt(panel, method):
    before = [weight.clone() for weight in method.encoder.parameters()]
    predictor = tune(method, cases(panel, range(20)), epochs=40)
    assert all(not torch.equal(a, b) for a, b in zip(before, method.encoder.parameters(), strict=True))
    predicted, scores = predictor.predict(cases(panel, range(20)).batch)
    assert (predicted == panel.y).mean() > 0.8
    assert scores.shape == (20, 3)


def test_the_best_epoch_on_validation_is_used(panel, method):
    validation = cases(panel, range(14, 20))
    predictor = tune(method, cases(panel, range(14)), validation)
    found = predictor.details()
    assert 1 <= found["epoch"] <= 15
    from tsbench.tasks.metrics import f1_macro

    assert f1_macro(validation.y, predictor.predict(validation.batch)[0], 3) == found["selection_f1_macro"]


def test_the_same_seed_gives_the_same_predictions(panel, method):
    import copy

    first, second = (tune(copy.deepcopy(method), cases(panel, range(17)), epochs=3) for _ in range(2))
    test = cases(panel, range(17, 20)).batch
    np.testing.assert_array_equal(first.predict(test)[1], second.predict(test)[1])


def test_a_class_without_training_cases_is_never_predicted(panel, method):
    two = np.flatnonzero(panel.y != 1)
    predicted, scores = tune(method, cases(panel, two), epochs=2).predict(cases(panel, range(20)).batch)
    assert 1 not in predicted
    assert (scores[:, 1] < scores[:, [0, 2]].min(1)).all()


def test_refusals(panel, method):
    with pytest.raises(MethodError, match="one class only"):
        tune(method, cases(panel, np.flatnonzero(panel.y == 0)))
    with torch.no_grad():
        next(method.encoder.parameters()).fill_(float("nan"))
    with pytest.raises(
        MethodError,
        match="loss of stage 'fine-tuning' is nan at step 0 of 45; parameter method.encoder.* is not finite",
    ):
        tune(method, cases(panel, range(20)))


def watched_steps():
    """Return what each step of any optimiser sees, [(autocast, norm of the gradients)], and the hook to remove."""
    seen = []

    def watch(optimizer, *_):
        gradients = [p.grad.norm() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        seen.append((torch.is_autocast_enabled("cpu"), torch.stack(gradients).norm().item()))

    return seen, register_optimizer_step_pre_hook(watch)


def test_autocast_clipping_and_progress_are_those_of_the_training_loop(panel, method):
    inside, told = [], []
    represent = method.represent
    method.represent = lambda batch: (
        inside.append((method.training, torch.is_autocast_enabled("cpu"))) or represent(batch)
    )
    probe = FineTune(epochs=2, batch_size=10, clip_norm=1e-3, precision="bf16")
    probe.progress = lambda step, total, loss: told.append((step, total))
    seen, hook = watched_steps()
    try:
        probe.fit(method, cases(panel, range(20)), None, np.random.default_rng(0))
    finally:
        hook.remove()
    assert [autocast for training, autocast in inside if training] == [True] * 4
    assert [autocast for autocast, _ in seen] == [False] * 4
    assert [norm for _, norm in seen] == pytest.approx([1e-3] * 4, rel=1e-3)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_method_is_given_no_labels(panel, method):
    seen = []
    represent = method.represent
    method.represent = lambda batch: seen.append(batch.y) or represent(batch)
    tune(method, cases(panel, range(20)), epochs=1)
    assert seen and all(y is None for y in seen)
