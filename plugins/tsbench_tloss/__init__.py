"""T-Loss: scalable representation learning with a triplet loss (Franceschi et al., NeurIPS 2019), also called SRL."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "t-loss",
        "tsbench_tloss.method:TLoss",
        summary="A crop resembles its own part, and differs from crops of random cases.",
        paper="arXiv:1901.10738",
        tags=("represent",),
    )
