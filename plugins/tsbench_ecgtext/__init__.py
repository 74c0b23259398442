"""ECG-text: retrieval of ECGs by reports and of reports by ECGs (arXiv 2304.06286)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register

PAPER = "arXiv:2304.06286"


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the methods."""
    register(
        "ecg-text",
        "tsbench_ecgtext.method:EcgText",
        summary="Pictures of ECGs and their reports in one space: contrast, matching, hidden words; small nets.",
        paper=PAPER,
        tags=("embed",),
    )
    register(
        "series-text",
        "tsbench_ecgtext.method:SeriesText",
        summary="As ecg-text, with any encoder of series in place of pictures and their transformer.",
        paper=PAPER,
        tags=("embed",),
    )
