"""AimTS: contrasting prototypes of augmented series, and series with their images (ICDE 2025, arXiv 2504.09993)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register

PAPER = "arXiv:2504.09993"


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "aimts",
        "tsbench_aimts.method:AimTS",
        summary="Contrast prototypes of five augmentations, and series with pictures of them; any number of channels.",
        paper=PAPER,
        tags=("represent",),
    )


@hookimpl
def tsbench_encoders(register: Register) -> None:
    """Register the encoder."""
    register("aimts-cnn", "tsbench_aimts.encoder:AimTSEncoder", summary="TS2Vec's dilated CNN, 512-d.", paper=PAPER)


@hookimpl
def tsbench_probes(register: Register) -> None:
    """Register the probe."""
    register(
        "finetune-aimts",
        "tsbench_aimts.finetune:FineTuneAimTS",
        summary="All weights and a two-layer head trained on labels as AimTS does.",
        paper=PAPER,
    )
