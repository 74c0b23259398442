"""Time since the last observation, and nets that decay with it: values by hand, padding, order of cases."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsbench.data.series import Series, within
from tsbench.nn.decay import DecayRNN, Steps, carried, time_gaps, times_of

# The paper's rule against the released code's on one example: 1 + (1 - m_t) d_{t-1} there gives 1 2 3 1 1 2 1 2.
MASK = [1, 0, 0, 1, 1, 0, 1, 0]


def irregular(lengths, channels=2, width=None, share=0.5, seed=0):
    """Cases of given lengths, observed by chance, at times of their own."""
    rng = torch.Generator().manual_seed(seed)
    n, steps = len(lengths), max(lengths)
    x = torch.randn(n, channels, steps, generator=rng)
    mask = (torch.rand(n, channels, steps, generator=rng) < share) & within(torch.tensor(lengths), steps)[:, None]
    times = torch.rand(n, steps, generator=rng).add(0.1).cumsum(dim=1)
    times = times - times[:, :1]
    extra = (width or steps) - steps
    pad = lambda one, value: torch.nn.functional.pad(one, (0, extra), value=value)  # noqa: E731
    return Series(pad(x * mask, 0.0), torch.tensor(lengths), pad(mask, False), pad(times, math.nan))


def test_gaps_of_the_example_with_a_step_of_1():
    mask = torch.tensor(MASK, dtype=torch.bool)[None, None]
    times = torch.arange(8.0)[None]
    assert time_gaps(mask, times).tolist() == [[[0, 1, 2, 3, 1, 1, 2, 1]]]
    assert time_gaps(mask.flip(-1), times).tolist() == [[[0, 1, 1, 2, 1, 1, 2, 3]]]  # backward: reversed, then anew


@settings(max_examples=30, deadline=None)
@given(mask=st.lists(st.booleans(), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_gaps_are_those_of_the_recursion(mask, seed):
    times = torch.rand(len(mask), generator=torch.Generator().manual_seed(seed), dtype=torch.float64).cumsum(0)
    gaps = [0.0]
    for t in range(1, len(mask)):
        gaps.append(float(times[t] - times[t - 1]) + (0.0 if mask[t - 1] else gaps[-1]))
    found = time_gaps(torch.tensor([[mask]]), times[None])[0, 0]
    torch.testing.assert_close(found, torch.tensor(gaps, dtype=torch.float64))


def test_the_last_value_is_carried_on_and_something_else_stands_before_the_first():
    x = torch.tensor([[[0.0, 3.0, 0.0, 5.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]]])
    mask = torch.tensor([[[0, 1, 0, 1, 0], [0, 0, 0, 0, 0]]], dtype=torch.bool)
    assert carried(x, mask, torch.tensor([7.0, -1.0])).tolist() == [[[7, 3, 3, 5, 5], [-1, -1, -1, -1, -1]]]


def test_cases_without_times_have_steps_of_1():
    assert times_of(Series.of(torch.zeros(2, 1, 3))).tolist() == [[0, 1, 2], [0, 1, 2]]


def test_steps_backward_begin_at_the_own_end_of_a_case():
    series = Series(
        torch.tensor([[[1.0, 0.0, 3.0, 9.0]]]),
        torch.tensor([3]),
        torch.tensor([[[1, 0, 1, 1]]], dtype=torch.bool),
        torch.tensor([[0.0, 2.0, 5.0, math.nan]]),
    )
    steps = Steps.of(series)
    assert steps.x[:, :, 0, 0].tolist() == [[1, 0, 3], [3, 0, 1]]
    assert steps.mask[:, :, 0, 0].tolist() == [[1, 0, 1], [1, 0, 1]]
    assert steps.gaps[:, :, 0, 0].tolist() == [[0, 2, 5], [0, 3, 5]]
    assert steps.forward_in_time(steps.x)[:, 0, 0].tolist() == [[1, 0, 3], [1, 0, 3]]
    assert steps.last(steps.x)[0].tolist() == [3, 1]


def test_the_state_decays_and_gaps_are_filled_as_by_hand():
    """One channel, one unit, three steps of which the second is missing; the update gate keeps h at its half."""
    net = DecayRNN(1, 1, directions=1, fills=True)
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
        net.decay_weight.fill_(2.0)
        net.read_weight.fill_(3.0)
        net.read_bias.fill_(0.5)
        net.input_weight[0, 0, 2] = 1.0  # the value enters the new state: r = z = 1/2, h' = tanh(x) / 2 + h / 2
    mask = torch.tensor([[[True, False, True]]])
    steps = Steps.of(Series(torch.tensor([[[0.8, 0.0, -0.4]]]), torch.tensor([3]), mask), directions=1, unit=4.0)
    found = net(steps)
    first = math.tanh(0.8) / 2
    kept = first * math.exp(-2 * 0.25)
    estimate = 3 * kept + 0.5
    second = math.tanh(estimate) / 2 + kept / 2
    last = second * math.exp(-2 * 0.5)
    assert found.states[0, :, 0, 0].tolist() == pytest.approx([first, second, math.tanh(-0.4) / 2 + last / 2])
    assert found.estimates[0, :, 0, 0].tolist() == pytest.approx([0.5, estimate, 3 * last + 0.5])


def test_estimates_are_mixed_by_gap_and_mask_as_by_hand():
    """BRITS: the other channel says 2 x + 1, the own one nothing; the mix is sigmoid(gamma + 3 m) of exp(-gap)."""
    net = DecayRNN(2, 1, cell="lstm", directions=1, fills=True, regresses=True)
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
        net.read_bias.fill_(4.0)
        net.regress_weight.fill_(2.0)
        net.regress_bias.fill_(1.0)
        net.gap_weight.fill_(1.0)
        net.mix_weight[0] = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 3.0]])
    mask = torch.tensor([[[True, False], [False, True]]])
    steps = Steps.of(Series(torch.tensor([[[5.0, 0.0], [0.0, -1.0]]]), torch.tensor([2]), mask), directions=1)
    found = net(steps)
    assert found.regressed[0, :, 0].tolist() == [[2 * 4 + 1, 2 * 5 + 1], [2 * -1 + 1, 2 * 4 + 1]]
    mixes = [[1 + 3, 1 + 0], [math.exp(-1) + 0, math.exp(-1) + 3]]
    for t, (row, values) in enumerate(zip(mixes, [[9, 11], [-1, 9]], strict=True)):
        share = [1 / (1 + math.exp(-one)) for one in row]
        expected = [b * z + (1 - b) * 4 for b, z in zip(share, values, strict=True)]
        assert found.combined[0, t, 0].tolist() == pytest.approx(expected)


KINDS = {
    "given": {},
    "filled": {"fills": True, "layers": 2},
    "brits": {"cell": "lstm", "fills": True, "regresses": True},
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4), extra=st.integers(0, 5), seed=st.integers(0, 99))
def test_neither_padding_nor_the_other_cases_change_anything(kind, lengths, extra, seed):
    torch.manual_seed(seed)
    net = DecayRNN(2, 3, **KINDS[kind])
    together = irregular(lengths, width=max(lengths) + extra, seed=seed)
    steps = Steps.of(together)
    found = steps.last(net(steps).states)
    for i, length in enumerate(lengths):
        alone = Steps.of(
            Series(
                together.x[i : i + 1, :, :length],
                torch.tensor([length]),
                together.observed[i : i + 1, :, :length],
                together.times[i : i + 1, :length],
            )
        )
        torch.testing.assert_close(found[i : i + 1], alone.last(net(alone).states))
    order = torch.arange(len(lengths)).flip(0)
    turned = Steps.of(
        Series(together.x[order], together.lengths[order], together.observed[order], together.times[order])
    )
    torch.testing.assert_close(turned.last(net(turned).states), found[order])


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_whatever_stands_beyond_the_end(kind):
    torch.manual_seed(0)
    net = DecayRNN(2, 3, **KINDS[kind])
    steps = Steps.of(irregular([2, 6], width=9))
    steps.last(net(steps).states).square().sum().backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in net.parameters())
    assert (net.hidden_weight.grad != 0).any() and (net.decay_weight.grad != 0).any()


def test_decay_is_1_without_a_gap_and_within_0_and_1_else():
    """A case that is observed throughout at one time does not decay: it is read as by a GRU."""
    torch.manual_seed(0)
    net, gru = DecayRNN(2, 3, directions=1), torch.nn.GRU(4, 3)
    with torch.no_grad():
        net.decay_bias.fill_(-100.0)
        gru.weight_ih_l0.copy_(net.input_weight[0].T)
        gru.weight_hh_l0.copy_(net.hidden_weight[0, 0].T)
        gru.bias_ih_l0.copy_(net.input_bias[0, 0])
        gru.bias_hh_l0.copy_(net.hidden_bias[0, 0, 0])
    x = torch.randn(5, 2, 7)
    steps = Steps.of(Series.of(x), directions=1)
    torch.testing.assert_close(net(steps).states[0], gru(torch.cat([steps.x, steps.mask], dim=-1)[0])[0])
