"""The series encoder of AimTS (arXiv 2504.09993): the network of TS2Vec, wider."""

from __future__ import annotations

from typing import Any

from tsbench import PanelShape, param
from tsbench.nn import Dropout
from tsbench_encoders.dilated_cnn import DilatedCNN


class AimTSEncoder(DilatedCNN):
    """The dilated CNN of TS2Vec without random masking, 512 features per time point."""

    class Params(DilatedCNN.Params):
        """Sizes of the published code."""

        out_dim: int = param(512, like="out_dim")

    def __init__(self, shape: PanelShape, params: Any) -> None:
        super().__init__(shape, params)
        self.dropout = Dropout(params.dropout)
