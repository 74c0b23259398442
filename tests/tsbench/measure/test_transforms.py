import numpy as np
import pytest

from tsbench.data.panel import Panel
from tsbench.discovery.plugins import Plugins
from tsbench.errors import MethodError, UsageError
from tsbench.measure.transforms import apply_transforms, parse_transform

PLUGIN = """
from tsbench import BaseParams, hookimpl, param
from tsbench import Transform

class Every(Transform):
    "Keep every n-th time point."
    class Params(BaseParams):
        n: int = param(2, low=1, doc="step")
    def __call__(self, x, rng=None):
        return x[:, :, :: self.params.n]

@hookimpl
def tsbench_transforms(register):
    register("every", Every)
"""


@pytest.fixture
def found(tmp_path):
    (tmp_path / "t.py").write_text(PLUGIN)
    plugins = Plugins()
    plugins.load_entry_points()
    plugins.load_file(tmp_path / "t.py")
    return plugins


def test_transforms_apply_in_order_and_lengths_follow(panel, found):
    out = apply_transforms(panel, ["every:n=3", "every"], found)
    assert out.n_timepoints == 2
    assert out.lengths.tolist() == np.ceil(np.ceil(panel.lengths * 4 / 10) * 2 / 4).astype(int).tolist()
    np.testing.assert_array_equal(out.X, panel.X[:, :, ::3][:, :, ::2])
    assert apply_transforms(panel, [], found) is panel
    assert apply_transforms(panel, ["every:n=1"], found).lengths.tolist() == panel.lengths.tolist()


def test_refusals(found):
    with pytest.raises(UsageError, match="transform every has no parameter 'm'"):
        parse_transform("every:m=3", found)
    with pytest.raises(UsageError, match="greater than or equal to 1"):
        parse_transform("every:n=0", found)
    with pytest.raises(UsageError, match="unknown transform 'evry'; did you mean 'every'"):
        parse_transform("evry", found)
    with pytest.raises(MethodError, match="stft gave shape"):
        apply_transforms(Panel.build(np.ones((2, 1, 64))), ["stft"], found)
