"""Methods for irregular clinical series, trained on labels: times, masks and static values as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsbench import hookimpl

if TYPE_CHECKING:
    from tsbench.discovery.hookspecs import Register

BOTH = ("represent", "decide")
METHODS = (
    ("transformer", "transformer:Transformer", "Transformer over steps with real times; gaps are 0.", BOTH),
    ("trans-mean", "transformer:TransMean", "Transformer on series filled with means before standardisation.", BOTH),
    ("gru-d", "gru_d:GRUD", "GRU whose state and last values decay with the time since observation.", BOTH),
    ("brits", "brits:BRITS", "Bidirectional LSTM with decay that fills gaps and decides.", (*BOTH, "reconstruct")),
)


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the methods."""
    for name, target, summary, tags in METHODS:
        register(name, f"tsbench_irregular.{target}", summary=summary, tags=tags)
