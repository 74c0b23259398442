"""What a run that retrieves finds among the cases it knows, for a text or a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsbench.data.panel import RECORD, Panel
from tsbench.discovery.plugins import Plugins
from tsbench.errors import InvalidDataError, UsageError
from tsbench.plan.again import open_like, spec_of
from tsbench.reading.index import Index
from tsbench.registry import Registry
from tsbench.tasks.retrieval import CODES

if TYPE_CHECKING:
    from tsbench.measure.worker import Worker

PAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")  # of paper, which have no more of a lead than they have
FILES = (".hea", ".edf", ".csv", ".parquet", *PAGES)  # a query that ends so is a file


@dataclass(frozen=True)
class Retrieved:
    """What was found for a query.

    frame : a row per case: rank, case, part of the fold, score (the inner product), codes, text. cases : their series,
    as they are in the dataset. query : the recording that was asked with, as `cases`, or the text. notes : what was
    done to the recording for that, and what it does not state.
    """

    frame: pd.DataFrame
    cases: Panel
    query: Panel | str
    notes: tuple[str, ...] = ()


class Retriever:
    """A run that retrieves, with the cases of its dataset that can be found, to be asked as often as wanted.

    What can be found is embedded once, when it is first asked for. Raises UsageError for a run that does not retrieve.
    """

    def __init__(self, run: Mapping[str, Any], worker: Worker, plugins: Plugins, registry: Registry) -> None:
        name = f"run {run['key'][:12]} ({run['label']} on {run['dataset']})"
        if run["status"] != "succeeded":
            raise UsageError(f"{name} has nothing to retrieve with: it is {run['status']}")
        spec = spec_of(run, plugins, registry)
        if not spec.retrieves:
            raise UsageError(f"{name} does not retrieve: take a run of protocol retrieval")
        self._name, self._plugins, self._threads = name, plugins, spec.threads
        opened = worker.opened(spec)
        self._known, self._trained = opened.gallery(), opened.made.handle
        self._indices: dict[str, Index] = {}

    def ask(self, query: str, k: int) -> Retrieved:
        """Return the k cases that are nearest to a query: a recording's file or folder, or a text.

        A text finds cases by their series, a recording by their texts; every case with a text can be found, and `part`
        says whether the run was trained on it. Raises UsageError for a query that is empty and a file that is not
        there, InvalidDataError for a recording that does not match.
        """
        if k < 1:
            raise UsageError(f"-k {k}: ask for at least one case")
        if not query.strip():
            raise UsageError("--query is empty: give a text, or the file of a recording")
        known = self._known
        asked, notes = self._recording(query) if is_file(query) else (query, [])
        if isinstance(asked, Panel):
            vector, index = known.embed(asked, "series"), self._index("text")
        else:
            vector, index = known.embed(_with_text(known.panel, query), "text"), self._index("series")
        if not vector.any():
            raise UsageError(f"{self._name} knows no word of the query: use those of its dataset's reports")
        found, scores = index.nearest(vector[0], k, self._threads)
        cases = known.panel.select(known.kept[found])
        assert cases.text is not None
        codes = cases.meta.get(CODES)
        frame = pd.DataFrame(
            {
                "rank": np.arange(1, len(found) + 1),
                "case": cases.case_names() if len(set(cases.case_names())) == len(cases) else known.kept[found],
                "part": [known.part_of(int(case)) for case in known.kept[found]],
                "score": scores,
                **({} if codes is None else {"codes": codes}),
                "text": cases.text,
            }
        )
        return Retrieved(frame, cases, asked, tuple(notes))

    def _recording(self, query: str) -> tuple[Panel, list[str]]:
        """Return the one recording of a file, after the steps of the run's dataset, as its cases are, and the notes."""
        notes = []
        raw = open_like(query, self._trained, self._plugins).cases().without_labels()
        if len(raw) > 1:
            if len(set(raw.meta.get(RECORD, np.arange(len(raw))).tolist())) > 1:
                raise InvalidDataError(f"{query} holds {len(raw)} recordings: ask with one")
            notes.append(f"{query} is cut into {len(raw)} windows: the first is asked with")
            raw = raw.select([0])
        page = Path(query.partition("+")[0]).suffix.lower() in PAGES
        panel, said = self._known.taken(raw, query, whole=not page)
        return panel, notes + said

    def _index(self, kind: str) -> Index:
        """Return the index of the "series" or the "text" of what can be found."""
        if kind not in self._indices:
            self._indices[kind] = Index(self._known.vectors(kind))
        return self._indices[kind]


def is_file(query: str) -> bool:
    """Say whether a query names a file or folder, with `+resample=100hz` and the like after it or not.

    Raises UsageError where it is meant to name one, and there is none.
    """
    path = query.partition("+")[0]
    try:
        if path and (Path(query).exists() or Path(path).exists()):
            return True
    except OSError:  # longer than names of files may be
        return False
    if Path(path).suffix.lower() in FILES and " " not in query.strip():
        raise UsageError(f"--query {query}: there is no such file")
    return False


def _with_text(panel: Panel, text: str) -> Panel:
    """Return a case that has nothing but a text: a method that embeds texts reads no series."""
    return replace(panel.select([0]), text=np.array([text]))
