"""What was retrieved as a page: each case's leads on ECG paper, its text, codes and score; no script, all escaped."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Panel
from tsbench.reading.retrieve import Retrieved
from tsbench.text import plain

Array = npt.NDArray[Any]
SECONDS, ROWS = 2.5, 3  # of a lead, and of leads one below the other; lead j is in row j % 3, column j // 3
MM_PER_SECOND, MM_PER_MV = 25.0, 10.0
ROW_MM = 25.0
MOST_POINTS = 1000  # of a drawn curve
STYLE = """
body { font: 15px/1.4 sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem }
svg { width: 100%; background: #fff8f6 } table { border-collapse: collapse }
td, th { text-align: left; padding: .1rem .8rem .1rem 0; vertical-align: top }
"""


def page(found: Retrieved, query: str) -> str:
    """Return an HTML page of what was found; nothing of a dataset or query is markup in it."""
    asked = f"<p>Asked with the text: {escape(query)}</p>"
    if isinstance(found.query, Panel):
        notes = "".join(f"<p>{escape(note)}</p>" for note in found.notes)
        asked = f"<p>Asked with the recording {escape(query)}</p>{notes}{plot(found.query, 0)}"
    parts = [_case(found, number) for number in range(len(found.frame))]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Retrieved ECGs</title>"
        f"<style>{STYLE}</style></head><body><h1>Retrieved ECGs</h1>{asked}{''.join(parts)}"
        f"<p>{MM_PER_SECOND:g} mm/s, {MM_PER_MV:g} mm/mV; {SECONDS:g} s of each lead.</p></body></html>\n"
    )


def escape(text: str) -> str:
    """Return a text that is no markup, with control characters and what turns the direction of reading as escapes."""
    return html.escape(plain(text))


def plot(panel: Panel, case: int) -> str:
    """Return an SVG of a case: SECONDS of each channel in ROWS rows, 25 mm/s and 10 mm/mV on paper of 1 and 5 mm."""
    series = panel.X[case, :, : panel.lengths[case]]
    rate = panel.sampling_rate or len(series.T) / SECONDS
    columns = -(-len(series) // ROWS)
    width, height = columns * SECONDS * MM_PER_SECOND, ROWS * ROW_MM
    names = panel.channel_names or tuple(str(number) for number in range(len(series)))
    curves = []
    for lead, values in enumerate(series):
        left, middle = lead // ROWS * SECONDS * MM_PER_SECOND, (lead % ROWS + 0.6) * ROW_MM
        curves.append(f"<text x='{left + 1:.1f}' y='{middle - 8:.1f}' font-size='4'>{escape(names[lead])}</text>")
        curves += [
            f"<polyline points='{points}' fill='none' stroke='#111' stroke-width='.35'/>"
            for points in _runs(values[: max(1, int(SECONDS * rate))], rate, left, middle)
        ]
    grid = "".join(
        f"<path d='{_lines(step, width, height)}' stroke='#e8a090' stroke-width='{stroke}'/>"
        for step, stroke in ((1, 0.06), (5, 0.18))
    )
    return f"<svg viewBox='0 0 {width:g} {height:g}' role='img'>{grid}{''.join(curves)}</svg>"


def _case(found: Retrieved, number: int) -> str:
    row = found.frame.iloc[number]
    facts = "".join(
        f"<tr><th>{escape(str(name))}</th><td>{escape(f'{value:.3f}' if name == 'score' else str(value))}</td></tr>"
        for name, value in row.items()
        if name != "rank"
    )
    return f"<h2>{row['rank']}</h2><table>{facts}</table>{plot(found.cases, number)}"


def _runs(values: Array, rate: float, left: float, middle: float) -> list[str]:
    """Return the points of each stretch of a lead without a missing value."""
    step = max(1, len(values) // MOST_POINTS)
    at, values = np.arange(len(values))[::step], values[::step]
    there = np.isfinite(values)
    cuts = np.flatnonzero(np.diff(there.astype(np.int8))) + 1
    found = []
    for index in np.split(np.arange(len(values)), cuts):
        if len(index) and there[index[0]]:
            x = left + at[index] / rate * MM_PER_SECOND
            y = middle - np.clip(values[index], -10, 10) * MM_PER_MV
            found.append(" ".join(f"{a:.2f},{b:.2f}" for a, b in zip(x, y, strict=True)))
    return found


def _lines(step: float, width: float, height: float) -> str:
    upright = (f"M{x:g} 0V{height:g}" for x in np.arange(0, width + 1e-6, step))
    level = (f"M0 {y:g}H{width:g}" for y in np.arange(0, height + 1e-6, step))
    return "".join([*upright, *level])
