"""SimCLR for time series (Chen et al., ICML 2020)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "simclr",
        "tsbench_simclr.method:SimCLR",
        summary="Two augmented views of a case resemble each other more than views of other cases.",
        paper="arXiv:2002.05709",
        tags=("represent",),
    )
