"""Encoders: what maps a series, or a map of it, to a vector."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


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
    register(
        "causal-cnn",
        "tsbench_encoders.causal_cnn:CausalCNN",
        summary="Causal dilated convolutions and the maximum over time (T-Loss).",
        paper="arXiv:1901.10738",
    )
    register(
        "gru",
        "tsbench_encoders.gru:BiGRU",
        summary="Bidirectional GRU (TNC).",
        paper="arXiv:2106.00750",
    )
    register(
        "dilated-cnn",
        "tsbench_encoders.dilated_cnn:DilatedCNN",
        summary="Residual blocks of dilated convolutions, a vector per time point (TS2Vec).",
        paper="arXiv:2106.10466",
    )
    register(
        "tcn",
        "tsbench_encoders.tcn:TCN",
        summary="Three convolutions with pooling between them (TS-TCC).",
        paper="arXiv:2106.14112",
    )
