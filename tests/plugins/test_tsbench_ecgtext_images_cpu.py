"""Maps become the pixels of one picture as torch would make them, one by one."""

import numpy as np
import pytest
import torch

from tsbench_ecgtext.images import grid
from tsbench_ecgtext.images_cpu import pixels_of, to_bytes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_cut_off_at_whole_bytes(dtype):
    values = np.array([-1, 0, 0.5, 1, 2, 0.999, 0.0039, 254.9 / 255, 1e-9], dtype=dtype)
    out = np.empty(len(values), dtype=np.uint8)
    to_bytes(values, out)
    assert out.tolist() == [0, 0, 127, 255, 255, 254, 0, 254, 0]


@pytest.mark.parametrize(("n_leads", "rows"), [(12, 3), (5, 3), (1, 1)])
def test_pixels_have_their_colours_side_by_side(n_leads, rows):
    maps = np.random.default_rng(0).integers(0, 256, size=(2, 3, n_leads, 4, 6), dtype=np.uint8)
    found = pixels_of(maps, rows)
    plain = grid(torch.from_numpy(maps), rows).numpy()
    np.testing.assert_array_equal(found[..., :3], plain.transpose(0, 2, 3, 1))
    assert not found[..., 3].any()
