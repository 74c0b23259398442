"""Whether the limb leads of an ECG are what their names say: four of the six follow from the other two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError

Array = npt.NDArray[Any]
Relations = Mapping[str, Mapping[str, float]]
TOGETHER: Relations = {  # of leads that were recorded at the same time
    "II": {"I": 1, "III": 1},
    "aVR": {"I": -0.5, "II": -0.5},
    "aVL": {"I": 0.5, "III": -0.5},
    "aVF": {"II": 0.5, "III": 0.5},
}
BY_COLUMN: Relations = {"II": {"I": 1, "III": 1}, "aVR": {"aVL": -1, "aVF": -1}}  # of a page, where columns follow
MEASURED, READ = 0.1, 0.35  # share of the energy that may be left of what was measured, or read from paper


def check_limb_leads(names: tuple[str, ...], values: Array, where: str, relations: Relations, most: float) -> None:
    """Raise InvalidDataError, naming `where` and the lead, where a limb lead is not what the others make of it.

    values : (n_leads, n_timepoints); NaN counts for nothing. most : share of the energy of the leads of a relation that
    may be left. What is not seen: chest leads in another order, electrodes that were swapped on the body, and I for III
    on paper.
    """
    places = {name.casefold(): place for place, name in enumerate(names)}
    for name, terms in relations.items():
        if not all(one.casefold() in places for one in (name, *terms)):
            continue
        leads = {one: values[places[one.casefold()]].astype(np.float64) for one in (name, *terms)}
        there = np.isfinite(np.stack(list(leads.values()))).all(axis=0)
        if there.sum() < 2:
            continue
        leads = {one: lead[there] - lead[there].mean() for one, lead in leads.items()}
        left = leads[name] - sum(weight * leads[one] for one, weight in terms.items())
        energy = sum(float(np.square(lead).sum()) for lead in leads.values())
        if np.square(left).sum() > most * energy:
            made = " ".join(f"{weight:+g} {one}" for one, weight in terms.items())
            raise InvalidDataError(
                f"{where}: {name} is not {made}, as it is in every ECG: leads are swapped or "
                "misnamed, or a page is upside down"
            )
