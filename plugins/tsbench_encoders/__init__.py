"""Encoders."""

from tsbench import hookimpl


@hookimpl
def tsbench_encoders(register):
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
