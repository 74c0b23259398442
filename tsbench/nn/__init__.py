"""Building blocks that methods share: heads, averages, losses, augmentations, predicting the future."""

from tsbench.nn.augment import jitter, mask_stretch, permute_segments, scale, segment_order
from tsbench.nn.dropout import Dropout
from tsbench.nn.heads import projection_head, update_average
from tsbench.nn.losses import info_nce, nt_xent, regression_loss
from tsbench.nn.predictive import PredictiveMethod

__all__ = [
    "Dropout",
    "PredictiveMethod",
    "info_nce",
    "jitter",
    "mask_stretch",
    "nt_xent",
    "permute_segments",
    "projection_head",
    "regression_loss",
    "scale",
    "segment_order",
    "update_average",
]
