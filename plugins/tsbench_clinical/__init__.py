"""Clinical recordings: movement, EEG, sleep, ECG and intensive care, from their publishers' own files.

Nothing is downloaded unless asked for. docs/clinical.md says what there is and where it comes from.
"""

from __future__ import annotations

from typing import Any

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register

TAG = "clinical"
Entries = dict[str, tuple[str, str, dict[str, Any]]]
SINGLE: Entries = {
    "uci-har": ("har:UciHar", "Movement: 6 activities of 30 people, 9 channels, windows of 2.56 s.", {}),
    "hapt": ("har:Hapt", "Movement: 6 activities and 6 transitions of 30 people, 6 raw channels.", {}),
    "pam": ("pamap:Pam", "Movement: 8 daily activities of 8 people, windows of 6 s.", {}),
    "epileptic-seizure": ("bonn:EpilepticSeizure", "EEG: 5 classes, 11,500 cuts of 178 points.", {}),
    "epileptic-seizure-binary": ("bonn:EpilepticSeizure", "EEG: seizure or not, 11,500 cuts.", {"binary": True}),
    "sleep-edf": ("sleep:SleepEdf", "EEG: 5 sleep stages, epochs of 30 s.", {}),
    "afdb": ("rhythm:Afdb", "ECG: 4 rhythms, 2 leads, windows of 10 s at 250 Hz.", {}),
    "mitdb": ("rhythm:Mitdb", "ECG: 4 rhythms, 2 leads, windows of 10 s at 360 Hz.", {}),
    "p12": ("p12:P12", "Intensive care: death in hospital, 36 irregular sensors, 48 h.", {"target": "mortality"}),
    "p12-los": ("p12:P12", "Intensive care: stay of more than 3 days, 36 irregular sensors.", {"target": "los"}),
    "p19": ("p19:P19", "Intensive care: sepsis, 34 sensors by the hour.", {}),
    "ptb-xl": ("ptbxl:PtbXl", "ECG: 5 diagnostic superclasses, 12 leads, reports.", {"level": "superclass"}),
    "ptb-xl-subclass": ("ptbxl:PtbXl", "ECG: diagnostic subclasses, 12 leads, reports.", {"level": "subclass"}),
    "cpsc2018": ("ecg12:Cpsc2018", "ECG: 9 diagnoses, 12 leads at 500 Hz.", {}),
    "cinc2021": ("ecg12:Cinc2021", "ECG: 26 diagnoses, 12 leads at 500 Hz.", {}),
}
ICU_DEMO: Entries = {
    f"icu-demo-{task}-{source}": (
        "icu:IcuDemo",
        f"Intensive care: {task}, demo of {database}, 48 variables by the hour.",
        {"task": task, "source": source},
    )
    for task in ("mortality24", "sepsis")
    for source, database in (("eicu", "eICU"), ("mimic", "MIMIC-III"))
}
DATASETS = SINGLE | ICU_DEMO
# Without the tag: they are the cases of another dataset once more.
AGAIN: Entries = {
    "p12-plausible": (
        "p12:P12",
        "Intensive care: p12 without impossible values, which are missing.",
        {"target": "mortality", "impossible": "missing"},
    ),
    "p19-plausible": (
        "p19:P19",
        "Intensive care: p19 without impossible values, which are missing.",
        {"impossible": "missing"},
    ),
    "ptb-xl-statements": (
        "ptbxl_texts:PtbXlStatements",
        "ECG: ptb-xl with the English descriptions of its SCP codes as texts.",
        {},
    ),
    "ptb-xl-own-texts": (
        "ptbxl_texts:PtbXlOwnTexts",
        "ECG: ptb-xl with texts from a table of yours, ptbxl_texts.csv.",
        {},
    ),
}


@hookimpl
def tsbench_datasets(register: Register) -> None:
    """Register the clinical datasets, with the tag of their collection where they belong to it."""
    for name, (target, summary, options) in (DATASETS | AGAIN).items():
        module, _, attribute = target.partition(":")
        register(
            name,
            f"tsbench_clinical.{module}:{attribute}",
            summary=summary,
            tags=() if name in AGAIN else (TAG,),
            options={"name": name, **options},
        )
