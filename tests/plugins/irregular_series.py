"""Small irregular series and weights by formula, for the nets of tsbench_irregular."""

import torch

from tsbench.data.series import Series


@torch.no_grad()
def fill(module, scale=0.5):
    """Give the parameters scale * sin(1), sin(2), ...; in the order of their names, each begins one later."""
    for first, (_, p) in enumerate(sorted(module.named_parameters()), start=1):
        p.copy_((scale * torch.sin(first + torch.arange(p.numel(), dtype=torch.float64))).view_as(p))
    return module.eval()


def example(n=2, channels=3, steps=6):
    """Return series with about half their values missing, the second channel of the first case wholly, and times."""
    i = torch.arange(n * channels * steps, dtype=torch.float64).view(n, channels, steps)
    observed = torch.sin(7.0 * i) > 0
    observed[0, 1] = False
    x = torch.cos(3.0 * i).masked_fill(~observed, 0.0).float()
    times = (torch.arange(steps) / steps + torch.arange(n)[:, None] / 10.0).float()
    return Series(x, torch.full((n,), steps), observed), times


def irregular(generator, n, channels, steps, extra=0):
    """Return series of unequal lengths with missing values, and ascending times; `extra` steps of padding more."""
    lengths = torch.randint(1, steps + 1, (n,), generator=generator)
    width = steps + extra
    inside = torch.arange(width) < lengths[:, None]
    observed = (torch.rand(n, channels, steps, generator=generator) < 0.5) & inside[:, None, :steps]
    x = torch.randn(n, channels, steps, generator=generator).masked_fill(~observed, 0.0)
    times = torch.rand(n, steps, generator=generator).sort(dim=1).values * inside[:, :steps]
    pad = torch.nn.functional.pad
    return Series(pad(x, (0, extra)), lengths, pad(observed, (0, extra))), pad(times, (0, extra))
