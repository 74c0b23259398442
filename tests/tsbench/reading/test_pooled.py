"""Numbers of several runs together."""

import numpy as np

from tsbench.reading.pooled import Pooled


def test_a_number_is_averaged_over_the_runs_where_it_is_defined():
    found = Pooled([], np.array([0, 0, 1, 1, 2]), None, None, "", "", None, "")

    def measure(index):
        always = {"r1": float(index.sum())}
        return always if 0 in index else {"at_32": float(len(index)), **always}

    assert found.mean_over_runs(measure, np.arange(5)) == {"r1": (1 + 5 + 4) / 3, "at_32": 1.5}
    assert found.mean_over_runs(measure, np.array([0])) == {"r1": 0.0}
    assert found.mean_over_runs(measure, np.array([], dtype=int)) == {}
