"""TNC: temporal neighbourhood coding (Tonekaboni et al., ICLR 2021)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "tnc",
        "tsbench_tnc.method:TNC",
        summary="Tell windows of one neighbourhood in time from distant ones, which may be alike (PU learning).",
        paper="arXiv:2106.00750",
        tags=("represent",),
    )
