"""Every name that a plugin registers can be used, and says in one sentence what it is."""

import pytest

from tsbench.data.dataset import Dataset
from tsbench.methods.classifier import Classifier
from tsbench.methods.encoder import Encoder
from tsbench.methods.probe import Probe
from tsbench.methods.ssl import SSLMethod
from tsbench.methods.transform import Transform

INTERFACES = {
    "methods": (SSLMethod, Classifier),
    "encoders": (Encoder,),
    "transforms": (Transform,),
    "datasets": (Dataset,),
    "probes": (Probe,),
}


@pytest.mark.parametrize("kind", INTERFACES)
def test_names_load_what_the_kind_asks_for(installed, kind):
    entries = [entry for entry in installed[kind] if entry.name[-1] != ":"]
    assert len(entries) > 4
    wrong = [e.name for e in entries if not issubclass(installed[kind].get(e.name), INTERFACES[kind])]
    assert wrong == []


@pytest.mark.parametrize("kind", sorted(INTERFACES.keys() - {"datasets"}))
def test_summaries_are_a_sentence(installed, kind):
    summaries = {entry.name: entry.summary for entry in installed[kind]}
    assert {n: s for n, s in summaries.items() if not s.endswith(".") or "\n" in s or len(s) > 120} == {}
