"""Building blocks that methods share: heads, moving averages, contrastive losses, time-domain augmentations."""

from tsbench.nn.augment import jitter, permute_segments, scale
from tsbench.nn.heads import projection_head, update_average
from tsbench.nn.losses import nt_xent, regression_loss

__all__ = [
    "jitter",
    "nt_xent",
    "permute_segments",
    "projection_head",
    "regression_loss",
    "scale",
    "update_average",
]
