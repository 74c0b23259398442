"""CPC: contrastive predictive coding (van den Oord et al., 2018)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "cpc",
        "tsbench_cpc.method:CPC",
        summary="Predict later latent steps from earlier ones, against those of other cases.",
        paper="arXiv:1807.03748",
        tags=("represent",),
    )
