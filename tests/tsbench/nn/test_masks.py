import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tsbench.nn import flip_steps, last_step, masked_max, masked_mean, masked_norm, only, within

lists = st.lists(st.integers(1, 12), min_size=1, max_size=6)
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@given(lengths=lists, extra=st.integers(0, 9), beyond=st.sampled_from([0.0, 5.0, float("inf"), float("nan")]))
@settings(max_examples=60, deadline=None)
def test_pooling_is_that_of_each_case_alone_whatever_lies_beyond(lengths, extra, beyond):
    x = torch.randn(len(lengths), max(lengths) + extra, 3)
    ends = torch.tensor(lengths)
    keep = within(ends, x.shape[1])
    x = only(x, keep, beyond)
    alone = [case[:length] for case, length in zip(x, lengths, strict=True)]
    torch.testing.assert_close(masked_mean(x, keep), torch.stack([case.mean(0) for case in alone]), **CLOSE)
    assert torch.equal(masked_max(x, keep), torch.stack([case.amax(0) for case in alone]))
    assert torch.equal(last_step(x, ends), torch.stack([case[-1] for case in alone]))
    flipped = flip_steps(x, ends)
    for case, turned, length in zip(x, flipped, lengths, strict=True):
        assert torch.equal(turned[:length], case[:length].flip(0))
        torch.testing.assert_close(turned[length:], case[length:], equal_nan=True)


def test_without_a_mask_all_steps_count():
    x = torch.randn(3, 5, 2)
    assert only(x, None) is x
    assert torch.equal(masked_mean(x, None), x.mean(dim=1)) and torch.equal(masked_max(x, None), x.amax(dim=1))


def test_a_case_where_nothing_counts_has_the_mean_0():
    keep = torch.tensor([[True, False], [False, False]])
    assert masked_mean(torch.ones(2, 2, 1), keep).tolist() == [[1.0], [0.0]]


def test_a_norm_takes_its_statistics_from_what_counts():
    keep = within(torch.tensor([7, 2, 4]), 7)
    x = torch.randn(3, 7, 5)
    ours, plain = nn.BatchNorm1d(5), nn.BatchNorm1d(5)
    for _ in range(2):
        out = masked_norm(ours, only(x, keep, 1e6), keep)
        torch.testing.assert_close(out[keep], plain(x[keep]))
        assert (out[~keep] == 0).all()
    for one, other in zip(ours.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(one, other)
    out = masked_norm(ours.eval(), x, keep)
    torch.testing.assert_close(out[keep], plain.eval()(x[keep]))
