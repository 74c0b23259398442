"""Classifiers that learn no representation: the floors every leaderboard needs, and aeon's and sktime's classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsbench import hookimpl

if TYPE_CHECKING:
    from tsbench.discovery.hookspecs import Register

OWN = ("decide",)
AEON, SKTIME = "tsbench_classic.wrappers:aeon_classifier", "tsbench_classic.wrappers:sktime_classifier"
FILLS = {
    "mean-fill": "Missing values are the channel's training mean.",
    "last-fill": "Missing values are the last one before, carried forward.",
    "linear-fill": "Missing values lie on the line between their neighbours.",
}
SHORT = {
    "minirocket": ("MiniRocketClassifier", "MiniRocket features and a ridge classifier.", "arXiv:2012.08791"),
    "rocket": ("RocketClassifier", "Rocket features and a ridge classifier.", "arXiv:1910.13051"),
    "multirocket-hydra": ("MultiRocketHydraClassifier", "MultiRocket and Hydra features, ridge.", "arXiv:2203.13652"),
    "1nn-dtw": ("KNeighborsTimeSeriesClassifier", "1-NN, dynamic time warping with a full window.", ""),
    "catch22": (
        "Catch22Classifier",
        "The 22 features, mean and standard deviation; a random forest.",
        "doi:10.1007/s10618-019-00647-x",
    ),
    "hc2": ("HIVECOTEV2", "HIVE-COTE 2; days of CPU on large sets, on no board.", "arXiv:2104.07551"),
}


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the classifiers."""
    register(
        "majority", "tsbench_classic.floors:Majority", summary="Predict the most frequent training class.", tags=OWN
    )
    register(
        "1nn-ed", "tsbench_classic.floors:NearestNeighbour", summary="1-NN, Euclidean distance of the series.", tags=OWN
    )
    register(
        "hist-gradient-boosting",
        "tsbench_classic.boosting:HistGradientBoosting",
        summary="Boosted trees on six statistics of each channel and the static values.",
        tags=OWN,
    )
    register(
        "mask-only",
        "tsbench_classic.boosting:MaskOnly",
        summary="Boosted trees on what was measured when, without a single value.",
        tags=OWN,
    )
    register("noop", "tsbench_classic.floors:Noop", summary="Do nothing; measures the harness itself.", tags=OWN)
    register(
        "minirocket-features",
        "tsbench_classic.features:MiniRocketFeatures",
        summary="MiniRocket features under a probe, nothing learnt.",
        paper="arXiv:2012.08791",
        tags=("represent",),
    )
    for name, summary in FILLS.items():
        target = f"tsbench_classic.fill:{name.title().replace('-', '')}"
        register(name, target, summary=summary, tags=("reconstruct",))
    register("aeon:", AEON, summary="Any classifier of aeon by name, such as aeon:MiniRocketClassifier.", tags=OWN)
    register("sktime:", SKTIME, summary="Any classifier of sktime by name, such as sktime:SummaryClassifier.", tags=OWN)
    for name, (estimator, summary, paper) in SHORT.items():
        register(name, AEON, summary=summary, paper=paper, tags=OWN, alias=f"aeon:{estimator}")
