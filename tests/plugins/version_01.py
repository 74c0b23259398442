"""A plugin as the documents of version 0.1 described each kind, word for word."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from tsbench import (
    BaseParams,
    Card,
    Classifier,
    Data,
    Dataset,
    Encoder,
    Fold,
    Panel,
    Predictor,
    Probe,
    SSLMethod,
    Transform,
    hookimpl,
    param,
)
from tsbench.nn import jitter


class Denoise(SSLMethod):
    """Restore a series from a noisy copy; the encoder's output is the representation."""

    class Params(SSLMethod.Params):  # encoder, epochs, batch_size, lr ... are inherited
        sigma: float = param(0.5, low=0.01, high=5.0, log=True, tune=True, doc="standard deviation of the noise")

    version = 1

    def build(self, shapes):
        """Make the modules; `shapes` has a PanelShape (n_channels, n_timepoints ...) per source."""
        self.encoder = self.make_encoder(shapes)
        self.size = (shapes[0].n_channels, max(shape.n_timepoints for shape in shapes))
        self.decoder = nn.Linear(self.encoder.out_dim, self.size[0] * self.size[1])

    def training_step(self, step):
        """Return the squared error on observed values; `step.batch` has x, mask, lengths, times and no labels."""
        x, mask = step.batch.x, step.batch.mask
        noisy = jitter(x, step.rng, self.params.sigma)  # every random draw comes from step.rng
        restored = self.decoder(self.encoder(noisy)).view(-1, *self.size)[:, :, : x.shape[2]]
        return torch.mean((restored - x)[mask] ** 2)


class StridedCNN(Encoder):
    """Two strided convolutions and the mean over time."""

    class Params(BaseParams):
        width: int = param(32, low=1, high=1024, tune=True, doc="filters of each layer")

    version = 1

    def __init__(self, shape, params):
        super().__init__(shape, params)
        self.out_dim = params.width
        self.layers = nn.Sequential(
            nn.Conv1d(shape.n_channels, params.width, 7, stride=2, padding=3),
            nn.ReLU(),
            nn.Conv1d(params.width, params.width, 5, stride=2, padding=2),
        )

    def forward(self, x):
        """Map x (n, n_channels, n_timepoints) to (n, out_dim)."""
        return self.layers(x).mean(dim=2)


class Difference(Transform):
    """Differences between time points `lag` apart; a difference with a missing value is missing."""

    class Params(BaseParams):
        lag: int = param(1, low=1, high=1000, doc="distance in time points")

    version = 1

    def __call__(self, x, rng=None):
        return x[..., self.params.lag :] - x[..., : -self.params.lag]

    def output_shape(self, shape):
        return (*shape[:-1], shape[-1] - self.params.lag)


class TwoTones(Dataset):
    card = Card("two-tones", summary="Slow against fast sine waves in noise.", licence="CC0", group="subject")

    def load(self):
        rng, time, y = np.random.default_rng(0), np.arange(64), np.arange(40) % 2
        X = np.sin(time * (0.2 + 0.6 * y[:, None])) + rng.normal(0, 0.2, (40, 64))
        panel = Panel.build(X[:, None, :], y, meta={"subject": np.arange(40) // 4})  # (cases, channels, time)
        return Data(panel, {"archive": [Fold(np.arange(20), None, np.arange(20, 40))]})


class Centroid(Probe):
    """The class whose mean feature vector is nearest."""

    class Params(BaseParams):
        scale: bool = param(True, stage="probe", doc="divide each feature by its standard deviation on train")

    version = 1

    def fit(self, method, train, validation, rng):
        """Fit on frozen features: x float32 (n, d), y int64 (n,), n_classes; validation may be None."""
        std = train.x.std(axis=0) if self.params.scale else np.ones(train.x.shape[1])
        x = train.x / np.where(std > 0, std, 1)
        means = np.full((train.n_classes, x.shape[1]), np.inf)  # a class without a training case is never nearest
        for label in np.unique(train.y):
            means[label] = x[train.y == label].mean(axis=0)
        return Nearest(means, std)


class Nearest(Predictor):
    def __init__(self, means, std):
        self.means, self.std = means, np.where(std > 0, std, 1)

    def predict(self, x):
        """Return the class index (n,) and scores (n, n_classes), larger is likelier."""
        distance = np.linalg.norm((x / self.std)[:, None, :] - self.means, axis=2)
        return distance.argmin(axis=1), -distance


class Levels(Classifier):
    """Logistic regression on the mean and the standard deviation of each channel."""

    class Params(BaseParams):
        C: float = param(1.0, low=1e-6, high=1e6, log=True, tune=True, doc="inverse strength of the penalty")

    version = 1

    def fit(self, train, validation, rng):
        self.n_classes = len(train.classes)
        self.model = LogisticRegression(C=self.params.C).fit(self.features(train), train.y)

    def predict_scores(self, panel):
        """Return (n_cases, n_classes), larger is likelier; 0 for a class that was not in the training part."""
        scores = np.zeros((len(panel), self.n_classes))
        scores[:, self.model.classes_] = self.model.predict_proba(self.features(panel))
        return scores

    def features(self, panel):
        x = np.nan_to_num(panel.X)  # a missing value is the channel's mean, 0 after normalisation
        return np.concatenate([x.mean(axis=2), x.std(axis=2)], axis=1)


@hookimpl
def tsbench_methods(register):
    register("denoise", Denoise)
    register("levels", Levels)


@hookimpl
def tsbench_encoders(register):
    register("strided-cnn", StridedCNN)


@hookimpl
def tsbench_transforms(register):
    register("difference", Difference)


@hookimpl
def tsbench_datasets(register):
    register("two-tones", TwoTones)


@hookimpl
def tsbench_probes(register):
    register("centroid", Centroid)
