"""Twelve-lead ECG records: the leads in one order, by their names."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError
from tsbench_clinical.files import Files
from tsbench_formats.wfdb import Header, check_rate, parse_header, read_signals

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
_FOLDED = [lead.casefold() for lead in LEADS]


def read_header(files: Files, name: str, record: str, rate: float) -> Header:
    """Read the header of a record of this name and rate, in which each of the twelve leads is described once."""
    where = files.where(name)
    header = parse_header(files.text(name), where)
    check_rate(header, rate, where)
    if header.record != record:
        raise InvalidDataError(f"{where}: is the header of record '{header.record}', expected '{record}'")
    names = [signal.name.casefold() for signal in header.signals]
    for lead in LEADS:
        if names.count(lead.casefold()) != 1:
            raise InvalidDataError(f"{where}: has lead {lead} {names.count(lead.casefold())} times, expected once")
    return header


def read_leads(files: Files, header: Header, where: str) -> npt.NDArray[np.float32]:
    """Return float32 (12, n_samples) in millivolts, in the order of LEADS."""
    values = read_signals(header, lambda file: files.read(files.find(file, where)), where)
    names = [signal.name.casefold() for signal in header.signals]
    return values[[names.index(lead) for lead in _FOLDED]]
