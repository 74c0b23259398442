"""Placeholder until tsbench.statistics is there."""
from dataclasses import dataclass
import numpy as np
from scipy import stats

@dataclass(frozen=True)
class Paired:
    n: int
    mean: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int

def paired(d) -> Paired:
    d = np.asarray(d, float)
    p = float(stats.wilcoxon(d, zero_method="zsplit").pvalue) if len(d) > 1 and d.any() else float("nan")
    low = high = float("nan")
    if len(d) > 1 and d.any():
        r = stats.bootstrap((d,), np.mean, rng=np.random.default_rng(0)).confidence_interval
        low, high = r.low, r.high
    return Paired(len(d), float(d.mean()), low, high, p, int((d > 0).sum()), int((d == 0).sum()), int((d < 0).sum()))

def _c(self):
    from dataclasses import asdict
    return asdict(self)
def _w(self, unit):
    return f"mean {100*self.mean:+.2f} {unit} (95% interval {100*self.low:+.2f} to {100*self.high:+.2f}); better on {self.wins}, equal on {self.ties}, worse on {self.losses}; p = {self.p:.2g}"
Paired.content = _c
Paired.words = _w
