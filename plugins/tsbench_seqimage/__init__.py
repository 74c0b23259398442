"""SeqImage: joint modelling of irregular medical series as sequences and as images (AAAI 2025, arXiv 2502.06134)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "seqimage",
        "tsbench_seqimage.method:SeqImage",
        summary="Impute by decaying GRUs against a discriminator, see six pictures, join both; trained on labels.",
        paper="arXiv:2502.06134",
        tags=("represent", "decide", "reconstruct"),
    )
