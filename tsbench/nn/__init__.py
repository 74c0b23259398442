"""Building blocks that methods share: heads, averages, losses, augmentations, masks, decay, predicting the future."""

from tsbench.nn.augment import jitter, mask_stretch, permute_segments, scale, segment_order
from tsbench.nn.decay import Decayed, DecayRNN, Steps, carried, last_observed, time_gaps, times_of
from tsbench.nn.dropout import Dropout
from tsbench.nn.heads import project_each, projection_head, recompute_statistics, update_average
from tsbench.nn.hierarchical import hierarchical_loss, pair_loss
from tsbench.nn.losses import class_weights, focal_loss, info_nce, nt_xent, regression_loss
from tsbench.nn.masks import flip_steps, last_step, masked_max, masked_mean, masked_norm, only, to_width, within
from tsbench.nn.predictive import PredictiveMethod
from tsbench.nn.sampling import balanced

__all__ = [
    "DecayRNN",
    "Decayed",
    "Dropout",
    "PredictiveMethod",
    "Steps",
    "balanced",
    "carried",
    "class_weights",
    "flip_steps",
    "focal_loss",
    "hierarchical_loss",
    "info_nce",
    "jitter",
    "last_observed",
    "last_step",
    "mask_stretch",
    "masked_max",
    "masked_mean",
    "masked_norm",
    "nt_xent",
    "only",
    "pair_loss",
    "permute_segments",
    "project_each",
    "projection_head",
    "recompute_statistics",
    "regression_loss",
    "scale",
    "segment_order",
    "time_gaps",
    "times_of",
    "to_width",
    "update_average",
    "within",
]
