import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from irregular_series import irregular

from tsbench import Panel
from tsbench.data.series import Series
from tsbench.errors import TsbenchWarning
from tsbench.learning.learner import Learner
from tsbench_irregular.vitst import LineImages

CELL = 16


def cells(image, channels):
    """Return the cells of images (n, 3, side, side) in their order, (n, channels, 3, CELL, CELL)."""
    side = image.shape[-1] // CELL
    grid = image.unflatten(2, (side, CELL)).unflatten(4, (side, CELL)).permute(0, 2, 4, 1, 3, 5)
    return grid.flatten(1, 2)[:, :channels]


@pytest.fixture
def drawn():
    series, times = irregular(torch.Generator().manual_seed(0), 6, 5, 20)
    drawing = LineImages(5, 20, CELL, 1.0, 2.0)
    drawing.fit([series])
    return series, times, drawing


def blank(cell):
    return bool((cell == 1).all())


def test_cells_are_in_the_order_of_observations(drawn):
    series, times, drawing = drawn
    counts = series.mask.sum(dim=(0, 2))
    assert counts[drawing.order].tolist() == sorted(counts.tolist(), reverse=True)
    image = drawing(series, times, 1.0)
    assert image.shape == (6, 3, 3 * CELL, 3 * CELL)
    for case in range(6):
        for place, channel in enumerate(drawing.order):
            assert blank(cells(image, 9)[case, place]) == (not series.mask[case, channel].any())
    assert all(blank(cells(image, 9)[case, place]) for case in range(6) for place in range(5, 9))


@pytest.mark.parametrize("gone", range(5))
def test_without_a_sensor_its_cell_is_blank_and_no_other_changes(drawn, gone):
    series, times, drawing = drawn
    mask = series.mask.clone()
    mask[:, gone] = False
    less = Series(series.x.masked_fill(~mask, 0.0), series.lengths, mask)
    before, after = (cells(drawing(one, times, 1.0), 5) for one in (series, less))
    place = drawing.order.tolist().index(gone)
    assert blank(after[:, place]) and not blank(before[:, place])
    others = [i for i in range(5) if i != place]
    assert torch.equal(before[:, others], after[:, others])


def test_limits_are_those_of_the_training_cases_and_what_lies_outside_is_at_the_edge(drawn):
    series, times, drawing = drawn
    low, high = drawing.limits.unbind(1)
    for channel in range(5):
        values = series.x[:, channel][series.mask[:, channel]]
        assert (low[channel], high[channel]) == (values.min(), values.max())
    far = series.with_values(torch.where(series.mask, high[:, None] + 100.0, 0.0))
    at_edge = series.with_values(torch.where(series.mask, high[:, None], 0.0))
    assert torch.equal(drawing(far, times, 1.0), drawing(at_edge, times, 1.0))


def test_a_sensor_that_was_constant_in_training_is_a_line_at_mid_height():
    drawing = LineImages(1, 12, CELL, 1.0, 0.0)
    series = Series(torch.full((1, 1, 12), 3.0), torch.tensor([12]))
    drawing.fit([series])
    ink = (drawing(series, torch.linspace(0, 1, 12)[None], 1.0) < 1).any(dim=1)[0]
    rows = ink.any(dim=1).nonzero().flatten()
    assert abs(float(rows.float().mean()) + 0.5 - CELL / 2) <= 1.0
    assert len(rows) <= 4 and ink[rows[0] : rows[-1] + 1].any(dim=0).all()


def test_a_sensor_that_training_lacks_is_blank():
    drawing = LineImages(2, 8, CELL, 1.0, 2.0)
    mask = torch.zeros(1, 2, 8, dtype=torch.bool)
    mask[:, 0] = True
    drawing.fit([Series(torch.randn(1, 2, 8) * mask, torch.tensor([8]), mask)])
    image = cells(drawing(Series(torch.ones(1, 2, 8), torch.tensor([8])), torch.linspace(0, 1, 8)[None], 1.0), 2)
    assert blank(image[0, 1]) and not blank(image[0, 0])


def test_an_untrained_net_sees_each_case_within_its_own_limits():
    series, times = irregular(torch.Generator().manual_seed(0), 6, 5, 20)
    image = LineImages(5, 20, CELL, 1.0, 2.0)(series, times, 1.0)
    for case in range(6):
        assert [blank(cell) for cell in cells(image, 5)[case]] == [not seen.any() for seen in series.mask[case]]
    alike = LineImages(5, 20, CELL, 1.0, 2.0)(series.with_values(4.0 * series.x), times, 1.0)
    torch.testing.assert_close(alike, image, atol=0.05, rtol=0)


def test_what_is_not_seen_is_warned_of_and_nothing_before_the_training():
    times = np.arange(6.0)[None] + np.zeros((8, 1))
    panel = Panel.build(np.random.default_rng(0).normal(size=(8, 1, 6)), np.arange(8) % 2, times=times)
    small = {"epochs": 1, "image_encoder": "small-cnn", "cell_size": 16, "select": "last"}
    for name in ("vitst", "random:vitst"):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            learner = Learner(name, **small).fit(panel)
            learner.encode(panel)
        assert not [one for one in said if "longest time" in str(one.message)], name
    with pytest.warns(TsbenchWarning, match="ViTST: some cases go on after the longest time"):
        Learner("vitst", **small).fit(panel).encode(replace(panel, times=2 * times))
