"""TS-TCC: temporal and contextual contrasting (Eldele et al., IJCAI 2021)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "ts-tcc",
        "tsbench_tstcc.method:TSTCC",
        summary="Predict the future of one augmented view from the past of another, and match their contexts.",
        paper="arXiv:2106.14112",
        tags=("represent",),
    )
