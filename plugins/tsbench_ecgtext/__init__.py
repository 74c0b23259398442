"""ECG-text: retrieval of ECGs by reports and of reports by ECGs (arXiv 2304.06286)."""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register

PAPER = "arXiv:2304.06286"


@hookimpl
def tsbench_datasets(register: Register) -> None:
    """Register the generated set."""
    register("ecg-text-made", "tsbench_ecgtext.made:Made", summary="ECG: generated records that their reports tell.")


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
        "ecg-text-base",
        "tsbench_ecgtext.method:EcgTextBase",
        summary="As ecg-text, with ViT-base and BERT and the values of the paper's Table 4.",
        paper=PAPER,
        tags=("embed",),
    )
    register(
        "ecg-text-large",
        "tsbench_ecgtext.method:EcgTextLarge",
        summary="As ecg-text-base, with ViT-large.",
        paper=PAPER,
        tags=("embed",),
    )
    register(
        "signal-text",
        "tsbench_ecgtext.floor:SignalText",
        summary="A floor: statistics of the leads mapped onto words of the reports by ridge regression.",
        tags=("embed",),
    )
    register(
        "sentence-text",
        "tsbench_ecgtext.floor:SentenceText",
        summary="A floor: the same onto vectors of a multilingual sentence encoder.",
        tags=("embed",),
    )
    register(
        "series-text",
        "tsbench_ecgtext.method:SeriesText",
        summary="As ecg-text, with any encoder of series in place of pictures and their transformer.",
        paper=PAPER,
        tags=("embed",),
    )
