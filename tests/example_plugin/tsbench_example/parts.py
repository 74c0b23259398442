"""What the plugin registers."""

import numpy as np

from tsbench import Card, Data, Dataset, Fold, Panel, SSLMethod, Transform, param
from tsbench.nn import jitter, nt_xent, projection_head


class Mine(SSLMethod):
    """Contrast two jittered views with NT-Xent."""

    class Params(SSLMethod.Params):
        temperature: float = param(0.2, low=0.01, high=1.0, log=True, tune=True, doc="NT-Xent temperature, eq. 4")

    version = 1

    def build(self, shapes):
        self.encoder = self.make_encoder(shapes)
        self.head = projection_head(self.encoder.out_dim)

    def training_step(self, step):
        a, b = (self.head(self.encoder(jitter(step.batch.x, step.rng))) for _ in range(2))
        return nt_xent(a, b, self.params.temperature)


class TwoWaves(Dataset):
    card = Card("two-waves", summary="Slow against fast sine waves in noise.")

    def load(self):
        rng, t, y = np.random.default_rng(0), np.arange(32), np.arange(24) % 2
        X = np.sin(t * (0.2 + 0.6 * y[:, None])) + rng.normal(0, 0.2, (24, 32))
        return Data(Panel.build(X[:, None, :], y), {"archive": [Fold(np.arange(12), None, np.arange(12, 24))]})


class Absolute(Transform):
    def __call__(self, x, rng=None):
        return x.abs()
