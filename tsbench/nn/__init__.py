"""Building blocks that methods share: heads, averages, losses, augmentations, predicting the future."""

from tsbench.nn.augment import jitter, mask_stretch, permute_segments, scale, segment_order
from tsbench.nn.dropout import Dropout
from tsbench.nn.heads import project_each, projection_head, recompute_statistics, update_average
from tsbench.nn.hierarchical import hierarchical_loss, pair_loss
from tsbench.nn.losses import info_nce, nt_xent, regression_loss
from tsbench.nn.predictive import PredictiveMethod

__all__ = [
    "Dropout",
    "PredictiveMethod",
    "hierarchical_loss",
    "info_nce",
    "jitter",
    "mask_stretch",
    "nt_xent",
    "pair_loss",
    "permute_segments",
    "project_each",
    "projection_head",
    "recompute_statistics",
    "regression_loss",
    "scale",
    "segment_order",
    "update_average",
]
