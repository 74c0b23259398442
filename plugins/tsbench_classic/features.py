"""MiniRocket's features under the same probes as learnt ones: the floor a frozen representation has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from aeon.transformations.collection.convolution_based import MiniRocket
from torch import Tensor
from torch.nn import functional

from tsbench.data.batch import Batch
from tsbench.data.panel import PanelShape
from tsbench.errors import MethodError
from tsbench.methods.params import BaseParams, param
from tsbench.methods.ssl import SSLMethod
from tsbench.methods.stages import Step

SHORTEST = 9  # the length of MiniRocket's kernels
FITTED = ("n_channels_per_combination", "channel_indices", "dilations", "n_features_per_dilation", "biases")


class MiniRocketFeatures(SSLMethod):
    """Shares of positive values of fixed convolutions (Dempster et al., KDD 2021, arXiv 2012.08791), by aeon.

    Nothing is learnt: the biases are quantiles of the training cases' convolutions, drawn without labels. Missing
    values and padding are 0, the channel's mean after normalisation; shorter series are padded to the length
    of the longest case, and to 9.
    """

    class Params(BaseParams):
        """The default is the paper's."""

        n_kernels: int = param(10_000, low=84, high=1_000_000, doc="features, rounded down to a multiple of 84")

    version: ClassVar[int] = 1
    trains: ClassVar[bool] = False

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make room for what is fitted, so that a checkpoint restores it."""
        self.width = max(SHORTEST, *(shape.n_timepoints for shape in shapes))
        for name in FITTED:
            self.register_buffer(name, torch.empty(0))

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Draw dilations, channels and biases from the training cases of the first source."""
        seed = int(torch.randint(2**31, ()))
        transform = MiniRocket(self.params.n_kernels, n_jobs=1, random_state=seed).fit(self._series(data[0]))
        for name, value in zip(FITTED, transform.parameters, strict=True):
            self.register_buffer(name, torch.from_numpy(np.asarray(value)))

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Restore what was fitted, whose sizes only the checkpoint knows."""
        for name in FITTED:
            self.register_buffer(name, torch.empty_like(state_dict[name]))
        return super().load_state_dict(state_dict, strict, assign)

    def training_step(self, step: Step) -> Tensor | None:
        """Refuse: there is nothing to train."""
        raise MethodError("minirocket-features has no training step")

    def represent(self, batch: Batch) -> Tensor:
        """Return features (n, about n_kernels) in [0, 1], float32."""
        transform = MiniRocket(self.params.n_kernels, n_jobs=1)
        x = self._series(batch)
        transform.fit(x[:1])  # aeon transforms only what was fitted; the fitted values follow
        transform.parameters = tuple(getattr(self, name).cpu().numpy() for name in FITTED)
        return torch.from_numpy(transform.transform(x)).to(batch.x.device)

    def _series(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Return values as wide as what was fitted, whose kernels reach beyond a shorter end: unchecked, in memory."""
        x = batch.x[:, :, : max(self.width, int(batch.lengths.max()))]
        padded: npt.NDArray[np.float32] = functional.pad(x, (0, max(0, self.width - x.shape[2]))).cpu().numpy()
        return padded
