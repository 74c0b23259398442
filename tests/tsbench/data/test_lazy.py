"""Streamed cases as methods see them: a tensor that is read by case and refuses the rest."""

import numpy as np
import pytest
import torch

from tsbench.data.batch import Batch, StreamedBatch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError

FIELDS = ("x", "lengths", "observed", "times", "static", "padded", "y")


def panels(tmp_path, missing=False, shorter=False):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 2, 6)).astype(np.float32)
    X[2, 0, 1] = np.nan if missing else 0
    fields = {
        "lengths": np.where(np.arange(9) % 2, 6, 4) if shorter else np.full(9, 6),
        "times": np.cumsum(rng.random((9, 6)), axis=1),
        "static": rng.normal(size=(9, 2)).astype(np.float32),
    }
    np.save(tmp_path / "X.npy", X)
    return [Panel.build(x, list("ababababa"), **fields) for x in (X, np.load(tmp_path / "X.npy", mmap_mode="r"))]


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("shorter", [False, True])
@pytest.mark.parametrize("index", [slice(3, 7), slice(None, None, 4), torch.tensor([8, 2, 2, 0])])
def test_a_selection_is_that_of_the_batch_in_memory(tmp_path, missing, shorter, index):
    held, streamed = (Batch.from_panel(panel, "cpu", labels=True) for panel in panels(tmp_path, missing, shorter))
    assert isinstance(streamed, StreamedBatch)
    case = torch.arange(9)
    one, other = held.with_extra(case=case).select(index), streamed.with_extra(case=case).select(index)
    for name in FIELDS:
        left, right = getattr(one, name), getattr(other, name)
        assert type(left) is type(right)
        assert torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right, name
    assert torch.equal(one.extra["case"], other.extra["case"])


def test_the_view_knows_its_shape_and_reads_cases(tmp_path):
    held, streamed = (Batch.from_panel(panel, "cpu") for panel in panels(tmp_path))
    x, z = held.x, streamed.x
    assert (z.shape, z.dtype, z.device, len(z), z.numel()) == (x.shape, x.dtype, x.device, 9, x.numel())
    case, channel, time = torch.tensor([[[5]], [[1]], [[5]]]), torch.arange(2)[:, None], torch.arange(3)
    for read in (
        lambda x: x[-1],
        lambda x: x[2:5],
        lambda x: x[[4, 1]],
        lambda x: x[case, channel, time],
        lambda x: x.index_select(0, torch.tensor([3, 3])),
    ):
        assert torch.equal(read(x), read(z))


@pytest.mark.parametrize(
    "whole", [lambda x: x * 2, lambda x: 2 * x, lambda x: x.std(), lambda x: x[:, 0], lambda x: torch.cat([x, x])]
)
def test_what_needs_all_cases_is_refused(tmp_path, whole):
    x = Batch.from_panel(panels(tmp_path)[1], "cpu").x
    with pytest.raises(MethodError, match=r"^all cases at once are needed here .*X\.npy; take a method"):
        whole(x)


def test_cases_are_prepared_when_they_are_selected(tmp_path):
    batch = Batch.from_panel(panels(tmp_path)[1], "cpu", labels=True)
    seen = []
    prepared = StreamedBatch(
        **{name: getattr(batch, name) for name in FIELDS},
        read=batch.read,
        preparation=lambda part: seen.append(len(part)) or part.with_extra(sum=part.x.sum(dim=(1, 2))),
    )
    part = prepared.select(slice(2, 5))
    assert seen == [3] and part.extra["sum"].shape == (3,) and part.y.tolist() == [0, 1, 0]
