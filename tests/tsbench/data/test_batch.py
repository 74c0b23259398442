import numpy as np
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel


def test_missing_values_and_padding_become_zero_and_unobserved(panel):
    batch = Batch.from_panel(panel, "cpu")
    assert torch.isfinite(batch.x).all()
    assert not batch.mask[3, 1, 2] and batch.x[3, 1, 2] == 0
    for case, length in enumerate(batch.lengths.tolist()):
        assert not batch.mask[case, :, length:].any()
        assert (batch.x[case, :, length:] == 0).all()
    assert batch.y is None


def test_the_panel_is_copied_and_labels_travel_only_when_asked_for(panel):
    batch = Batch.from_panel(panel, "cpu", labels=True)
    batch.x.fill_(7)
    assert not (panel.X == 7).any()
    assert batch.y.tolist() == panel.y.tolist()


def test_filled_are_the_missing_values_alone(panel):
    batch = Batch.from_panel(panel, "cpu")
    whole = batch.filled(torch.full((batch.x.shape[1], 1), 7.0))
    assert torch.equal(whole[batch.mask], batch.x[batch.mask])
    inside = batch.inside[:, None].expand_as(batch.x)
    assert (~inside).any() and (whole[~inside] == 0).all()
    assert whole[3, 1, 2] == 7 and (whole[inside & ~batch.mask] == 7).all()


def test_parts_are_all_cases_in_their_order(panel):
    batch = Batch.from_panel(panel, "cpu", labels=True)
    parts = list(batch.parts(2))
    assert [len(part) for part in parts[:-1]] == [2] * (len(parts) - 1) and len(parts[-1]) in (1, 2)
    assert torch.equal(torch.cat([part.x for part in parts]), batch.x)
    assert torch.equal(torch.cat([part.y for part in parts]), batch.y)
    assert [len(part) for part in batch.parts(len(batch))] == [len(batch)]


def test_a_complete_panel_stores_no_mask_but_has_one():
    batch = Batch.from_panel(Panel.build([[[1.0, 2.0]]]), "cpu")
    assert batch.observed is None
    assert batch.mask.all()


def test_select_takes_extra_tensors_too(panel):
    batch = Batch.from_panel(panel, "cpu").with_extra(s=torch.arange(20))
    part = batch.select(torch.tensor([5, 1]))
    assert part.extra["s"].tolist() == [5, 1]
    assert len(part) == 2
    assert batch.select(slice(0, 3)).mask.shape == (3, 2, 10)


def test_a_complete_panel_is_taken_as_it_is():
    panel = Panel.build([[[1.0, -2.0]], [[3.0, 0.0]]])
    assert torch.equal(Batch.from_panel(panel, "cpu").x, torch.from_numpy(panel.X))


def test_times_and_static_values_go_where_their_cases_go():
    times, static = np.arange(12.0).reshape(3, 4), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    panel = Panel.build(np.ones((3, 1, 4)), [0, 1, 0], times=times, static=static)
    batch = Batch.from_panel(panel, "cpu", labels=True)
    assert (batch.times.dtype, batch.static.dtype) == (torch.float32, torch.float32)
    part = batch.select(torch.tensor([2, 0]))
    assert part.times.tolist() == (times - times[:, :1])[[2, 0]].tolist()
    assert part.static.tolist() == static[[2, 0]].tolist()
    assert part.y.tolist() == [0, 0]
    bare = Batch.from_panel(Panel.build(np.ones((3, 1, 4))), "cpu", labels=True).select(slice(0, 2))
    assert (bare.times, bare.static, bare.y, bare.observed) == (None, None, None, None)


def test_times_are_since_the_start_of_a_case_before_they_are_cast():
    start = 1.7e9 + np.array([[0.0], [86_400.0], [5.0]])
    times = start + 10.0 * np.arange(4)
    times[1, 3] = times[2, 0] = np.nan  # padding, and a first time that nobody knows
    batch = Batch.from_panel(Panel.build(np.ones((3, 1, 4)), lengths=[4, 3, 4], times=times), "cpu")
    assert batch.times[0].tolist() == [0, 10, 20, 30]
    assert batch.times[1, :3].tolist() == [0, 10, 20]
    assert batch.times[2, 1:].tolist() == [0, 10, 20]


def test_a_batch_knows_whether_it_is_padded():
    even, uneven = Panel.build(np.ones((2, 1, 4))), Panel.build(np.ones((2, 1, 4)), lengths=[4, 2])
    assert not Batch.from_panel(even, "cpu").padded and Batch.from_panel(even, "cpu").inside is None
    batch = Batch.from_panel(uneven, "cpu")
    assert batch.inside.tolist() == [[True] * 4, [True, True, False, False]]
    assert batch.select(slice(1, 2)).inside.tolist() == [[True, True, False, False]]
    assert Batch(torch.ones(2, 1, 4), torch.tensor([4, 3])).padded


def test_texts_travel_when_they_are_asked_for_and_with_their_cases():
    X, text = np.arange(12, dtype=np.float32).reshape(4, 1, 3), np.array(["a", "bb", "c", "d"])
    panel = Panel.build(X, text=text)
    assert Batch.from_panel(panel, "cpu").text is None
    batch = Batch.from_panel(panel, "cpu", text=True)
    assert batch.select(torch.tensor([2, 0])).text.tolist() == ["c", "a"]
    assert batch.select(slice(1, 3)).text.tolist() == ["bb", "c"]
    assert Batch.from_panel(Panel.build(X), "cpu", text=True).select(slice(0, 2)).text is None
