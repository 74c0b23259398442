"""CPSC 2018 and CinC 2021: twelve-lead ECG of varying length with several diagnoses per record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tsbench.data.dataset import Card, Data
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, UsageError
from tsbench_clinical import folds
from tsbench_clinical.base import ClinicalDataset, archives
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.leads import LEADS, read_header, read_leads
from tsbench_clinical.numbers import number
from tsbench_formats.wfdb import Header

RATE = 500.0
UNKNOWN = ("", "nan", "unknown", "n/a")
SEX = {"male": 0.0, "m": 0.0, "female": 1.0, "f": 1.0}


class Diagnoses(ClinicalDataset):
    """The first `seconds` of each record at 500 Hz; shorter records keep their length.

    labels : class of each code in the headers' "Dx". strict : a code that is not among them is an error.
    """

    labels: ClassVar[Mapping[str, str]]
    strict: ClassVar[bool]
    prefixes: ClassVar[str]
    places: ClassVar[tuple[str, ...]]
    archive_patterns: ClassVar[tuple[str, ...]]

    def __init__(self, name: str, seconds: float = 10.0) -> None:
        super().__init__(name)
        if not seconds > 0 or not float(seconds * RATE).is_integer():
            raise UsageError(f"seconds={seconds!r} is no whole number of samples at {RATE:g} Hz")
        self.seconds = seconds

    def find(self, folder: Path) -> list[Path]:
        """Return the folders that hold records, or an archive of them."""
        for place in self.places:
            if any(self.wanted(path.name) for path in folder.glob(f"{place}*.hea")):
                top = place.partition("/")[0]
                return [folder / top] if top else [folder]
        return archives(folder, *self.archive_patterns)[:1]

    def wanted(self, name: str) -> bool:
        """Take the headers and signals of the records."""
        return re.fullmatch(rf"(?:{self.prefixes})\d+\.(hea|mat)", Path(name).name) is not None

    def read(self, files: Files, space: Space) -> Data:
        """Read every record, ordered by name."""
        files.check_headers((".mat",))
        names = sorted((name for name in files.names if name.endswith(".hea")), key=lambda name: Path(name).name)
        if not names:
            raise InvalidDataError(f"{self.name}: holds no header of a record")
        ids = [Path(name).stem for name in names]
        headers = [read_header(files, name, record, RATE) for name, record in zip(names, ids, strict=True)]
        size = round(self.seconds * RATE)
        lengths = np.array([min(header.n_samples, size) for header in headers], dtype=np.int32)
        classes = tuple(dict.fromkeys(self.labels.values()))
        X = space.empty((len(names), len(LEADS), int(lengths.max())))
        y = np.zeros((len(names), len(classes)), dtype=np.uint8)
        static = np.empty((len(names), 2), dtype=np.float32)
        for case, (name, header, length) in enumerate(zip(names, headers, lengths.tolist(), strict=True)):
            where = files.where(name)
            y[case, [classes.index(label) for label in self._diagnoses(header, where)]] = 1
            static[case] = _person(header, where)
            X[case, :, :length] = read_leads(files, header, where)[:, :length]
        record = np.array(ids)
        source = np.array([re.sub(r"\d+$", "", one) for one in ids])
        panel = Panel.build(
            X,
            y=y,
            task="multilabel",
            classes=classes,
            lengths=lengths,
            static=static,
            meta={"record": record, "source": source},
            channel_names=LEADS,
            sampling_rate=RATE,
        )
        records = folds.grouped(y, record)
        return Data(panel, folds.named(archive=records, records=records))

    def _diagnoses(self, header: Header, where: str) -> set[str]:
        text = header.comment("Dx")
        if not text:
            raise InvalidDataError(f"{where}: has no diagnosis (a line '#Dx:')")
        codes = [code.strip() for code in text.split(",")]
        for code in codes:
            if code not in self.labels and (self.strict or not code.isdecimal()):
                raise InvalidDataError(f"{where}: the diagnosis '{code}' is not known")
        return {self.labels[code] for code in codes if code in self.labels}


def _person(header: Header, where: str) -> tuple[float, float]:
    """Return age in years and sex (1 is female) of the comments; NaN where they are not known."""
    age, sex = (header.comment("Age") or "").strip(), (header.comment("Sex") or "").strip().lower()
    years = np.nan if age.lower() in UNKNOWN else number(age, f"{where}, Age")
    if sex not in SEX and sex not in UNKNOWN:
        raise InvalidDataError(f"{where}: the sex '{sex}' is not known")
    return (years if 0 <= years <= 130 else np.nan), SEX.get(sex, np.nan)


class Cpsc2018(Diagnoses):
    """China Physiological Signal Challenge 2018: nine classes."""

    labels: ClassVar = {
        **{"Normal": "Normal", "426783006": "Normal"},
        **{"AF": "AF", "164889003": "AF"},
        **{"I-AVB": "I-AVB", "IAVB": "I-AVB", "270492004": "I-AVB"},
        **{"LBBB": "LBBB", "164909002": "LBBB"},
        **{"RBBB": "RBBB", "59118001": "RBBB"},
        **{"PAC": "PAC", "284470004": "PAC"},
        **{"PVC": "PVC", "164884008": "PVC"},
        **{"STD": "STD", "429622005": "STD"},
        **{"STE": "STE", "164931005": "STE"},
    }
    strict = True
    prefixes = "A"
    places = ("", "cpsc_2018/", "cpsc_2018/g*/", "training/cpsc_2018/", "training/cpsc_2018/g*/", "Training_WFDB/")
    archive_patterns = ("cpsc*2018*.zip", "cpsc*2018*.tar.gz")
    units = "mV"
    folders = ("cpsc2018", "cpsc_2018", "ecg12/cpsc2018", "cinc2021", "physionet.org/files/challenge-2021/*")
    whole = "6,877 records"
    n_records = 6877
    fetched = ("A0001.hea", "A0001.mat")
    remedy = (
        "put the A*.hea and A*.mat files (folder training/cpsc_2018 of "
        "https://physionet.org/content/challenge-2021/) into "
        "a folder 'cpsc2018' of one that --data-dir or TSBENCH_DATA names"
    )

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds=folds.RECORDS,
            summary=f"ECG: 9 diagnoses, 12 leads, the first {self.seconds:g} s at 500 Hz",
            source="https://physionet.org/content/challenge-2021/1.0.3/; http://2018.icbeb.org/Challenge.html",
            licence="CC BY 4.0",
            citation="Liu et al., An open access database for evaluating ECG rhythm and morphology, JMIHI 8(7), 2018",
            cohort="6,877 records of 6 s and more from 11 hospitals",
            unit="millivolt; times: a regular grid",
            task="multilabel",
            default_protocol="ridge",
            group="record",
            facts=_facts("the abbreviations or SNOMED CT codes after Dx; a record may have several", self.seconds),
        )


class Cinc2021(Diagnoses):
    """PhysioNet/CinC 2021: the 26 scored diagnoses, of sources sampled at 500 Hz."""

    labels: ClassVar = {
        "164889003": "AF",
        "164890007": "AFL",
        "6374002": "BBB",
        "426627000": "Brady",
        "733534002": "LBBB",
        "164909002": "LBBB",
        "713427006": "RBBB",
        "59118001": "RBBB",
        "270492004": "IAVB",
        "713426002": "IRBBB",
        "39732003": "LAD",
        "445118002": "LAnFB",
        "251146004": "LQRSV",
        "698252002": "NSIVCB",
        "426783006": "NSR",
        "284470004": "PAC",
        "63593006": "PAC",
        "10370003": "PR",
        "365413008": "PRWP",
        "427172004": "PVC",
        "17338001": "PVC",
        "164947007": "LPR",
        "111975006": "LQT",
        "164917005": "QAb",
        "47665007": "RAD",
        "427393009": "SA",
        "426177001": "SB",
        "427084000": "STach",
        "164934002": "TAb",
        "59931005": "TInv",
    }
    strict = False
    prefixes = "A|Q|E|HR|JS"
    places = ("", "training/*/", "training/*/g*/", "g*/")
    archive_patterns = ("*challenge-2021*.zip", "cinc2021*.zip")
    folders = ("cinc2021", "ecg12/cinc2021", "challenge-2021*", "physionet.org/files/challenge-2021/*")
    whole = "88,253 records with INCART and PTB, which are left out"
    n_records = 87_663
    fetched = ("training",)
    remedy = (
        "put the folder training of https://physionet.org/content/challenge-2021/1.0.3/, or .hea and .mat files "
        "of it, into "
        "a folder 'cinc2021' of one that --data-dir or TSBENCH_DATA names"
    )

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds=folds.RECORDS,
            summary=f"ECG: 26 diagnoses, 12 leads, the first {self.seconds:g} s at 500 Hz",
            source="https://physionet.org/content/challenge-2021/1.0.3/",
            licence="CC BY 4.0",
            citation="Reyna et al., Will two do? Varying dimensions in electrocardiography, CinC 2021",
            cohort="CPSC (A, Q), Georgia (E), PTB-XL (HR), Chapman-Shaoxing and Ningbo (JS); INCART (257 Hz) and PTB "
            "(1000 Hz) are left out",
            unit="millivolt; times: a regular grid",
            task="multilabel",
            default_protocol="ridge",
            group="record",
            facts=_facts(
                "the challenge's 26 scored classes by SNOMED CT code, four pairs of codes being one class; a "
                "record may "
                "have none of them",
                self.seconds,
            )
            | {"sources": "meta source; labels were made differently in each, so that a source tells of its labels"},
        )


def _facts(labels: str, seconds: float) -> dict[str, Any]:
    return {
        "labels": labels,
        "static": "age, sex (1 is female)",
        "exclusions": f"what comes after the first {seconds:g} s of a record, where the diagnosis may show as well",
        "splits": "archive = records: five folds of 6:2:2 by record",
        "leaks": "patients are not given: two records of one may be on both sides",
    }
