"""Methods for irregular clinical series, trained on labels: times, masks and static values as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsbench import hookimpl

if TYPE_CHECKING:
    from tsbench.discovery.hookspecs import Register

BOTH = ("represent", "decide")
ALL = (*BOTH, "reconstruct")
METHODS = (
    ("transformer", "transformer:Transformer", "Transformer over steps with real times; gaps are 0.", BOTH),
    ("trans-mean", "transformer:TransMean", "Transformer on series filled with means before standardisation.", BOTH),
    ("gru-d", "gru_d:GRUD", "GRU whose state and last values decay with the time since observation.", BOTH),
    ("mtand", "mtand:MTAND", "Attention over times to reference times, and a GRU over these (mTAND-Enc).", BOTH),
    ("mtand-full", "mtand:MTANDFull", "mTAND with latent states from which missing values are decoded.", ALL),
    ("seft", "seft:SeFT", "Attention over the set of all observed values.", BOTH),
    ("raindrop", "raindrop:Raindrop", "Messages between sensors on a learnt graph of each case.", BOTH),
    ("ip-net", "ip_net:IPNet", "Kernels interpolate the sensors together, and a GRU reads the result.", ALL),
    ("mtgnn", "mtgnn:MTGNN", "Graph convolutions over sensors and dilated ones over steps.", BOTH),
    ("dgm2-o", "dgm2:DGM2O", "A latent state that drifts by an ODE and is updated at each step.", BOTH),
    ("vitst", "vitst:ViTST", "A picture of line graphs, seen by a network of images.", BOTH),
    ("brits", "brits:BRITS", "Bidirectional LSTM with decay that fills gaps and decides.", ALL),
)


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the methods."""
    for name, target, summary, tags in METHODS:
        register(name, f"tsbench_irregular.{target}", summary=summary, tags=tags)
