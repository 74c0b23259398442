"""TS2Vec: contrasting timestamps and instances at every time scale (Yue et al., AAAI 2022)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "ts2vec",
        "tsbench_ts2vec.method:TS2Vec",
        summary="Contrast time points and cases of two masked, overlapping crops at every time scale.",
        paper="arXiv:2106.10466",
        tags=("represent",),
    )
