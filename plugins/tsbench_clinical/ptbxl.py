"""PTB-XL: ten seconds of twelve-lead ECG with diagnostic classes and the cardiologist's report."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Card, Data
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench_clinical import folds
from tsbench_clinical.base import ClinicalDataset, archives, one_of
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.leads import LEADS, read_header, read_leads
from tsbench_clinical.numbers import number, rows, whole

if TYPE_CHECKING:
    from tsbench.fetch.locations import Location

SECONDS = 10
OLDEST = 90.0  # stands in the table as 300, so that nobody is recognised
STATIC = ("age", "sex", "height", "weight")
TABLE, STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
CLASS_OF = {"superclass": "diagnostic_class", "subclass": "diagnostic_subclass"}
FILE_OF = {100: "filename_lr", 500: "filename_hr"}


class PtbXl(ClinicalDataset):
    """PTB-XL with several labels per record, of the five superclasses or of the subclasses.

    level : "superclass" or "subclass". rate : 100 or 500 Hz.
    """

    folders = (
        "ptb-xl",
        "ptbxl",
        "ptb-xl-a-large-publicly-available-electrocardiography-dataset-*",
        "physionet.org/files/ptb-xl/*",
    )
    whole = "21,799 records, before those without a class are left out"
    n_records = 21_388
    fetched = ("ptb-xl-a-large-publicly-available-electrocardiography-dataset-1.0.3.zip",)
    remedy = (
        "get it with 'tsbench data fetch ptb-xl' (1.7 GB), or put its zip archive, or ptbxl_database.csv, "
        "scp_statements.csv and records100, into a folder 'ptb-xl' of one that --data-dir or TSBENCH_DATA names"
    )

    def __init__(self, name: str = "ptb-xl", level: str = "superclass", rate: int = 100) -> None:
        super().__init__(name)
        one_of("level", level, tuple(CLASS_OF))
        one_of("rate", rate, tuple(FILE_OF))
        self.level = level
        self.rate = rate

    @property
    def about(self) -> Card:
        """The card."""
        labels = "5 superclasses" if self.level == "superclass" else "23 subclasses"
        counts = "NORM 9,514, MI 5,469, STTC 5,235, CD 4,898, HYP 2,649 records of 21,799 (version 1.0.3)"
        return Card(
            name=self.name,
            summary=f"ECG: {labels} of diagnosis, 12 leads, 10 s at {self.rate} Hz, with reports",
            source="https://physionet.org/content/ptb-xl/1.0.3/",
            licence="CC BY 4.0",
            citation="Wagner et al., PTB-XL, a large publicly available electrocardiography dataset, Scientific "
            "Data 7:154, 2020",
            cohort="21,799 records of 18,869 patients, 1989 to 1996; without the records that have no diagnostic class",
            unit="millivolt; times: a regular grid",
            task="multilabel",
            default_protocol="ridge",
            group="subject",
            facts={
                "labels": f"the {CLASS_OF[self.level]} of every diagnostic SCP code of a record, whatever its "
                f"likelihood "
                "(0 means unknown)",
                **({"prevalence in full": counts} if self.level == "superclass" else {}),
                "static": f"{', '.join(STATIC)}; sex 1 is female; an age over 89 is {OLDEST:g}",
                "text": "the report as it is: mostly German, partly English, few Swedish; many are word for "
                "word the same",
                "splits": "archive = ptbxl = subjects: folds 1 to 8 train, 9 validates, 10 tests; patients are "
                "in one fold",
                "leaks": "none known between folds; labels were derived from the reports, so a report tells of "
                "its labels",
            },
        )

    def homes(self) -> tuple[Location, ...]:
        """Return PhysioNet's address."""
        from tsbench.fetch.locations import PlainFiles

        url = "https://physionet.org/static/published-projects/ptb-xl/"
        return (PlainFiles(url, ((self.fetched[0], self.fetched[0], ""),), "CC BY 4.0"),)

    def find(self, folder: Path) -> list[Path]:
        """Return the folder of the table, or the zip archive."""
        return [folder] if (folder / TABLE).is_file() else archives(folder, "ptb-xl*.zip")[:1]

    def wanted(self, name: str) -> bool:
        """Take the tables and the records of the rate."""
        if Path(name).name in (TABLE, STATEMENTS):
            return True
        return f"records{self.rate}/" in name and name.endswith((".hea", ".dat"))

    def read(self, files: Files, space: Space) -> Data:
        """Read the tables, then every record that has a label."""
        classes, class_of = self._statements(files)
        records = self._records(files, class_of)
        X = space.empty((len(records), len(LEADS), SECONDS * self.rate))
        y = np.zeros((len(records), len(classes)), dtype=np.uint8)
        for case, record in enumerate(records):
            y[case, [classes.index(label) for label in record["labels"]]] = 1
            X[case] = self._signals(files, record)
        subject = np.array([record["subject"] for record in records])
        fold = np.array([record["fold"] for record in records])
        _check_patients(subject, fold, files.where(files.find(TABLE, self.name)))
        panel = Panel.build(
            X,
            y=y,
            task="multilabel",
            classes=classes,
            static=np.array([record["static"] for record in records], dtype=np.float32),
            static_names=STATIC,
            text=np.array([record["report"] for record in records]),
            meta={"subject": subject, "record": np.array([record["id"] for record in records]), "fold": fold},
            channel_names=LEADS,
            sampling_rate=float(self.rate),
        )
        split = folds.by_membership(fold, range(1, 9), [9], [10])
        return Data(panel, folds.named(archive=split, ptbxl=split, subjects=split))

    def _statements(self, files: Files) -> tuple[tuple[str, ...], dict[str, str]]:
        """Return the classes, and the class of each SCP code ("" for codes that are not diagnostic)."""
        name = files.find(STATEMENTS, self.name)
        where, column = files.where(name), CLASS_OF[self.level]
        header, _, rest = files.text(name).partition("\n")
        text = f"code{header}\n{rest}" if header.startswith(",") else f"{header}\n{rest}"
        class_of: dict[str, str] = {}
        key = text.partition(",")[0].strip()
        for line, row in rows(text, [key, "diagnostic", column], where):
            diagnostic = number(row["diagnostic"], f"{where}, line {line}") == 1
            if diagnostic and not row[column].strip():
                raise InvalidDataError(f"{where}, line {line}: the diagnostic code {row[key]} has no {column}")
            class_of[row[key].strip()] = row[column].strip() if diagnostic else ""
        classes = tuple(sorted({label for label in class_of.values() if label}))
        if not classes:
            raise InvalidDataError(f"{where}: has no diagnostic code")
        return classes, class_of

    def _records(self, files: Files, class_of: dict[str, str]) -> list[dict[str, Any]]:
        """Return id, patient, fold, labels, report, static values and file of each record with a label."""
        name = files.find(TABLE, self.name)
        where = files.where(name)
        needed = ("ecg_id", "patient_id", *STATIC, "report", "scp_codes", "strat_fold", FILE_OF[self.rate])
        records, seen = [], set()
        for line, row in rows(files.text(name), needed, where):
            place = f"{where}, line {line}"
            record = whole(row["ecg_id"], place)
            if record in seen:
                raise InvalidDataError(f"{place}: record {record} is there twice")
            seen.add(record)
            fold = whole(row["strat_fold"], place)
            if not 1 <= fold <= 10:
                raise InvalidDataError(f"{place}: record {record} is in fold {fold}, which is not 1 to 10")
            labels = {class_of[code] for code in _codes(row["scp_codes"], class_of, f"{place}, record {record}")} - {""}
            if labels:
                entry = {"id": record, "fold": fold, "labels": sorted(labels), "report": row["report"].strip()}
                static = [number(row[column], place) for column in STATIC]
                static[0] = OLDEST if static[0] > OLDEST - 1 else static[0]
                file = row[FILE_OF[self.rate]].strip()
                records.append(entry | {"subject": whole(row["patient_id"], place), "static": static, "file": file})
        if not records:
            raise InvalidDataError(f"{where}: no record has a diagnostic class")
        return records

    def _signals(self, files: Files, record: dict[str, Any]) -> npt.NDArray[np.float32]:
        stem = Path(record["file"]).name
        name = files.find(f"{stem}.hea", f"{TABLE}, record {record['id']}")
        header = read_header(files, name, stem, self.rate)
        if header.n_samples != SECONDS * self.rate:
            raise InvalidDataError(
                f"{files.where(name)}: has {header.n_samples} samples, expected {SECONDS * self.rate}"
            )
        return read_leads(files, header, files.where(name))


def _codes(text: str, class_of: dict[str, str], where: str) -> list[str]:
    """Return the SCP codes of a record, written as a dict {code: likelihood}."""
    try:
        codes = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        codes = None
    if not isinstance(codes, dict) or not all(isinstance(code, str) for code in codes):
        raise InvalidDataError(f"{where}: scp_codes '{text[:60]}' is no dict of codes")
    unknown = [code for code in codes if code not in class_of]
    if unknown:
        raise InvalidDataError(f"{where}: the code {unknown[0]} is not in {STATEMENTS}")
    return list(codes)


def _check_patients(subject: npt.NDArray[Any], fold: npt.NDArray[Any], where: str) -> None:
    fold_of: dict[int, int] = {}
    for patient, number_ in zip(subject.tolist(), fold.tolist(), strict=True):
        if fold_of.setdefault(patient, number_) != number_:
            raise InvalidDataError(f"{where}: patient {patient} is in the folds {fold_of[patient]} and {number_}")
