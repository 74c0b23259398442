"""PTB-XL with other texts in place of its reports; signals, labels and splits are the same."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tsbench.data.dataset import Card, Data
from tsbench.errors import InvalidDataError
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.numbers import rows, whole
from tsbench_clinical.ptbxl import PtbXl

if TYPE_CHECKING:
    from tsbench.fetch.locations import Location

OWN = "ptbxl_texts.csv"  # beside the table or the archive


class _Told(PtbXl):
    """PTB-XL whose texts a subclass gives; told : what they are, for the card."""

    told: ClassVar[str]

    @property
    def about(self) -> Card:
        """The card."""
        card = super().about
        summary = card.summary.replace("with reports", f"with {self.told.partition(',')[0]}")
        return replace(card, summary=summary, facts={**card.facts, "text": self.told})

    def read(self, files: Files, space: Space) -> Data:
        """Read PTB-XL, then what is told of its records in place of the reports."""
        data = super().read(files, space)
        codes, records = data.panel.meta["codes"].tolist(), data.panel.meta["record"].tolist()
        told = self.texts(files, dict(zip(records, codes, strict=True)))
        return replace(data, panel=replace(data.panel, text=np.array([told[record] for record in records])))

    @abstractmethod
    def texts(self, files: Files, codes: Mapping[int, str]) -> Mapping[int, str]:
        """Return the text of each record; codes : its SCP codes, separated by ";"."""


class PtbXlStatements(_Told):
    """PTB-XL whose texts are the English descriptions of a record's SCP codes: "sinus rhythm, normal ECG"."""

    told = "English statements, the descriptions of a record's SCP codes in their order; equal codes, equal texts"

    def __init__(self, name: str = "ptb-xl-statements") -> None:
        super().__init__(name)

    def texts(self, files: Files, codes: Mapping[int, str]) -> Mapping[int, str]:
        """Return the descriptions; raises InvalidDataError for a code without one."""
        described: dict[str, str] = {}
        for place, code, row in self.statements(files, "description"):
            described[code] = row["description"].strip()
            if not described[code]:
                raise InvalidDataError(f"{place}: the code {code} has no description")
        return {record: ", ".join(described[code] for code in of.split(";")) for record, of in codes.items()}


class PtbXlOwnTexts(_Told):
    """PTB-XL whose texts stand in a table of the user's, `ptbxl_texts.csv`, of columns ecg_id and text."""

    told = f"texts of the user's own, from {OWN}; records that it leaves out have none"
    remedy = f"{PtbXl.remedy}, and put {OWN}, of columns ecg_id and text, beside it"

    def __init__(self, name: str = "ptb-xl-own-texts") -> None:
        super().__init__(name)

    def homes(self) -> tuple[Location, ...]:
        """Return none: the table of texts is the user's, so that PTB-XL alone is fetched."""
        return ()

    def find(self, folder: Path) -> list[Path]:
        """Return what is found of PTB-XL, if the table of texts is beside it."""
        own = folder / OWN
        found = super().find(folder) if own.is_file() else []
        beside = found and found != [folder]  # of an archive, which does not hold it
        return [*found, own] if beside else found

    def wanted(self, name: str) -> bool:
        """Take the table of texts, too."""
        return Path(name).name == OWN or super().wanted(name)

    def texts(self, files: Files, codes: Mapping[int, str]) -> Mapping[int, str]:
        """Return the texts of the table, "" where it has none; raises InvalidDataError naming the line."""
        name = files.find(OWN, self.name)
        where, told = files.where(name), dict[int, str]()
        for line, row in rows(files.text(name), ("ecg_id", "text"), where):
            record = whole(row["ecg_id"], f"{where}, line {line}")
            if record in told:
                raise InvalidDataError(f"{where}, line {line}: record {record} is there twice")
            told[record] = row["text"].strip()
        if not any(told.get(record) for record in codes):
            raise InvalidDataError(f"{where}: has a text for none of the {len(codes)} records")
        return {record: told.get(record, "") for record in codes}
