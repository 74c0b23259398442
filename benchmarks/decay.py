"""Print the time of the decay recurrences, forward and backward, beside plain step-by-step code of the same equations.

python benchmarks/decay.py [steps channels cases hidden]: one CPU thread, processor time, fastest of 7 in turn.
"""

import sys
import time

import torch
from torch import nn

from tsbench.data.series import Series
from tsbench.nn.decay import Decayed, DecayRNN, Steps


class Plain(nn.Module):
    """The equations as they read, a direction and a step at a time, with the weights of a `DecayRNN` of one layer."""

    def __init__(self, net: DecayRNN, k: int) -> None:
        super().__init__()
        hidden, width = net.hidden_weight.shape[2], net.input_weight.shape[1]
        self.net, self.gru = net, net.cell == "gru"
        self.cell = (nn.GRUCell if self.gru else nn.LSTMCell)(width, hidden)
        parts = {"weight_ih": net.input_weight[k].T, "weight_hh": net.hidden_weight[0, k].T}
        parts |= {"bias_ih": net.input_bias[k, 0], "bias_hh": net.hidden_bias[0, k, 0]}
        for name, weight in parts.items():
            gates = weight.detach().chunk(3 if self.gru else 4)
            order = gates if self.gru else (gates[0], gates[1], gates[3], gates[2])
            getattr(self.cell, name).data.copy_(torch.cat(order))
        self.decay = _linear(net.decay_weight[0, k], net.decay_bias[0, k])
        if net.fills:
            self.read = _linear(net.read_weight[k], net.read_bias[k])
        if net.regresses:
            self.regress = _linear(net.regress_weight[k], net.regress_bias[k])
            self.mix = _linear(net.mix_weight[k], net.mix_bias[k])
            self.gap_weight, self.gap_bias = (nn.Parameter(w[k, 0, 0].detach()) for w in (net.gap_weight, net.gap_bias))

    def forward(self, x, mask, gaps):
        """Read (n, T, C) each; return states, estimates, regressed, combined (n, T, ...)."""
        h = x.new_zeros(len(x), self.cell.hidden_size)
        c, kept = torch.zeros_like(h), [[], [], [], []]
        for t in range(x.shape[1]):
            now, there, gap = x[:, t], mask[:, t], gaps[:, t]
            h = h * torch.exp(-torch.relu(self.decay(gap)))
            if self.net.fills:
                first = filled = self.read(h)
                if self.net.regresses:
                    weight = self.regress.weight * (1 - torch.eye(x.shape[2]))
                    second = nn.functional.linear(there * now + (1 - there) * first, weight, self.regress.bias)
                    by_gap = torch.exp(-torch.relu(gap * self.gap_weight + self.gap_bias))
                    mix = torch.sigmoid(self.mix(torch.cat([by_gap, there], dim=1)))
                    filled = mix * second + (1 - mix) * first
                    kept[2].append(second)
                kept[1].append(first)
                kept[3].append(filled)
                now = there * now + (1 - there) * filled
            inputs = torch.cat([now, there], dim=1)
            if self.gru:
                h = self.cell(inputs, h)
            else:
                h, c = self.cell(inputs, (h, c))
            kept[0].append(h)
        return [torch.stack(one, dim=1) if one else None for one in kept]


def _linear(weight, bias):
    made = nn.Linear(*weight.shape)
    made.weight.data.copy_(weight.T)
    made.bias.data.copy_(bias[0])
    return made


def ours(net, steps):
    return net(steps)


def plain(nets, steps):
    """Return what `ours` does, (k, T, n, ...)."""
    found = [
        net(*(one.transpose(0, 1) for one in cut))
        for net, cut in zip(nets, zip(steps.x, steps.mask, steps.gaps, strict=True), strict=True)
    ]
    return Decayed(*(None if one[0] is None else torch.stack(one).transpose(1, 2) for one in zip(*found, strict=True)))


def seconds(run, weights):
    started = time.process_time()
    loss = sum(one.square().mean() for one in run() if one is not None)
    middle = time.process_time()
    grads = torch.autograd.grad(loss, weights, allow_unused=True)
    return middle - started, time.process_time() - middle, grads


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    n_steps, channels, n, hidden = (int(text) for text in sys.argv[1:]) if sys.argv[1:] else (600, 17, 48, 64)
    mask = torch.rand(n, channels, n_steps) < 0.4
    series = Series(torch.randn(n, channels, n_steps) * mask, torch.full((n,), n_steps), mask)
    kinds = {
        "gru-d": {"directions": 1},
        "brits": {"cell": "lstm", "fills": True, "regresses": True},
        "filling GRU": {"fills": True},
    }
    print(f"{n_steps} steps, {channels} channels, {n} cases, {hidden} units: ms forward + backward")
    for name, kind in kinds.items():
        net = DecayRNN(channels, hidden, **kind)
        directions = len(net.input_weight)
        nets = nn.ModuleList(Plain(net, k) for k in range(directions))
        steps = Steps.of(series, directions, unit=float(n_steps))
        weights = [[*net.parameters()], [p for one in nets for p in one.parameters()]]
        runs = (lambda: ours(net, steps)), (lambda: plain(nets, steps))  # noqa: B023
        with torch.no_grad():
            apart = max(
                float((a - b).abs().max()) for a, b in zip(*(run() for run in runs), strict=True) if a is not None
            )
        times = [[seconds(run, weight)[:2] for run, weight in zip(runs, weights, strict=True)] for _ in range(7)]
        best = [[min(one[i][j] for one in times) for j in range(2)] for i in range(2)]
        (a, b), (c, d) = best
        print(
            f"{name:12s} {1e3 * a:5.0f} + {1e3 * b:5.0f}   plain {1e3 * c:5.0f} + {1e3 * d:5.0f}   "
            f"{(c + d) / (a + b):4.1f} times   apart by {apart:.0e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
