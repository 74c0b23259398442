"""A generated set of ECG-like records and reports that belong together, so that retrieval can be right."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Card, Data, Dataset, Fold
from tsbench.data.panel import Panel

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
RATE, SECONDS = 100.0, 2
PACES = (0.0, 0.5, 1.0)  # Hz of the waves of three leads; 0 Hz: flat
WORDS = (
    ("limb leads silent", "limb leads slow", "limb leads fast"),
    ("augmented pause", "augmented sinus", "augmented flutter"),
    ("anterior loss", "anterior bradycardia", "anterior tachycardia"),
    ("lateral block", "lateral rhythm", "lateral fibrillation"),
)
NOISE = 0.1  # standard deviation, in mV; waves have an amplitude of 1


def record(paces: tuple[int, ...], draw: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return float32 (12, 200): three leads after the other have waves of the paces that are named, at any phase."""
    t = np.arange(int(RATE * SECONDS)) / RATE
    hertz = np.repeat([PACES[pace] for pace in paces], 3)[:, None]
    waves = np.where(hertz > 0, np.sin(2 * np.pi * (hertz * t + draw.random((12, 1)))), 0.0)
    found: npt.NDArray[np.float32] = (waves + NOISE * draw.normal(size=waves.shape)).astype(np.float32)
    return found


def report(paces: tuple[int, ...]) -> str:
    """Return the report of a record of these paces."""
    return ", ".join(words[pace] for words, pace in zip(WORDS, paces, strict=True))


class Made(Dataset):
    """Records of four groups of leads, each flat, slow or fast, with a report that says so.

    Each of the 81 combinations is there n_train times in the training part, and once in the validation and the test
    part. n_train, seed : of what is drawn.
    """

    def __init__(self, n_train: int = 4, seed: int = 0) -> None:
        self.n_train, self.seed = n_train, seed

    @property
    def card(self) -> Card:
        """The card."""
        return Card(
            name="ecg-text-made",
            summary="generated: 81 reports of twelve leads, four groups of which are flat, slow or fast",
            source="made by tsbench",
            licence="BSD-3-Clause",
            unit="millivolt",
            task="multilabel",
            default_protocol="retrieval",
            facts={
                "text": "says of each group of three leads what it is",
                "splits": "archive: no record is in two parts",
            },
        )

    def load(self) -> Data:
        """Make the records; same seed, same bits."""
        draw, combinations = np.random.default_rng(self.seed), list(itertools.product(range(3), repeat=4))
        cases = [one for _ in range(self.n_train + 2) for one in combinations]
        y = np.array([[pace == at for pace in one for at in range(3)] for one in cases], dtype=np.uint8)
        names = tuple(f"{words[0].split()[0]} {pace}" for words in WORDS for pace in ("flat", "slow", "fast"))
        meta: dict[str, Any] = {
            "record": np.arange(len(cases)),
            "codes": np.array([";".join(names[i] for i in np.flatnonzero(row)) for row in y]),
        }
        panel = Panel.build(
            np.stack([record(one, draw) for one in cases]),
            y=y,
            task="multilabel",
            classes=names,
            text=np.array([report(one) for one in cases]),
            meta=meta,
            channel_names=LEADS,
            sampling_rate=RATE,
            units=dict.fromkeys(LEADS, "mV"),
        )
        part = np.arange(len(cases)) // len(combinations)
        train, validation, test = (np.flatnonzero(chosen) for chosen in (part >= 2, part == 0, part == 1))
        return Data(panel, {"archive": [Fold(train, validation, test)]})
