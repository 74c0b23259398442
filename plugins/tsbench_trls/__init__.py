"""TRLS: representation learning via spectrograms (Xie et al., ICASSP 2024)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "trls",
        "tsbench_trls.method:TRLS",
        summary="Predict one augmented spectrogram from another, at several scales, without negatives.",
        paper="arXiv:2401.05431",
        tags=("represent",),
    )
    register(
        "trls-paper",
        "tsbench_trls.method:TRLSPaper",
        summary="TRLS with the flips, the moving average (tau 0.7) and the 50 epochs of its paper.",
        paper="arXiv:2401.05431",
        tags=("represent",),
    )
