"""Encoders."""

from tsbench import hookimpl
from tsbench.hookspecs import Register


@hookimpl
def tsbench_encoders(register: Register) -> None:
    """Register the encoders."""
    register(
        "tfr",
        "tsbench_encoders.tfr:TFR",
        summary="Recurrent nets over time and over frequency, pooled at several scales (TFRNN).",
        paper="arXiv:2401.05431",
    )
    register(
        "fcn",
        "tsbench_encoders.fcn:FCN",
        summary="Three convolutions and global average pooling.",
        paper="arXiv:1611.06455",
    )
