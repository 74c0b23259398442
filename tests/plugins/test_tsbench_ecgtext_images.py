"""Pictures of leads: encodings, places in the grid, variants; beats as the published code cuts them."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from tsbench.errors import MethodError, UsageError
from tsbench_ecgtext import beats
from tsbench_ecgtext.images import AT_A_TIME, CHANNELS, _as_bytes, _resized, encoded, grid, render

LAYOUTS = [
    "all-grid",
    "all-concat",
    "simple-plot",
    "gaf",
    "rp",
    "mtf",
    "mtf+gaf",
    "gaf+rp",
    "rp+mtf",
    "gadf",
    "spectrum",
]


def ecg(n_beats=10, rate=60.0, heights=1.0, seed=0):
    """Return (12, 1000): a sharp peak per beat, at 100 Hz; heights : of each lead."""
    t = np.arange(1000) / 100
    period = 60 / rate
    wave = np.exp(-(((t % period) - period / 2) ** 2) / (2 * 0.02**2))
    x = np.broadcast_to(heights, (12,))[:, None] * wave
    return x + 0.01 * np.random.default_rng(seed).normal(size=x.shape)


def test_lead_v1_is_in_the_first_row_and_the_third_column():
    maps = torch.arange(12.0)[None, None, :, None, None].expand(1, 1, 12, 2, 2)
    found = grid(maps)
    assert found.shape == (1, 1, 6, 8)
    assert found[0, 0, 0, 4] == found[0, 0, 1, 5] == 6
    assert found[0, 0, ::2, 0].tolist() == [0, 1, 2] and found[0, 0, 0, ::2].tolist() == [0, 3, 6, 9]


def test_fewer_leads_leave_the_last_cells_blank():
    assert grid(torch.ones(1, 3, 4, 2, 2)).shape == (1, 3, 6, 4)
    assert grid(torch.ones(1, 3, 4, 2, 2))[0, 0, 2:, 2:].sum() == 0


def test_values_become_bytes_as_in_the_published_code():
    gaf = (torch.tensor([-1.0, 0.0, 1.0]) + 1) / 2
    assert _as_bytes(gaf).tolist() == [0, 127, 255]
    distances = encoded(torch.tensor([[[-1.0, 1.0]]]), "rp", "authors_code", 112)
    assert _as_bytes(distances)[0, 0].tolist() == [[0, 255], [255, 0]]


def test_encodings_of_a_beat_are_those_of_pyts():
    from pyts.image import GramianAngularField, MarkovTransitionField, RecurrencePlot

    beat = np.sin(np.linspace(0, 6, 100)) * np.linspace(0.2, 1, 100)
    beat = beat / np.abs(beat).max()
    x, rows = torch.from_numpy(beat)[None, None], beat[None]
    cases = [
        ("gaf", "authors_code", (GramianAngularField(sample_range=None).transform(rows) + 1) / 2),
        ("mtf", "authors_code", MarkovTransitionField(n_bins=4).transform(rows)),
        ("rp", "authors_code", np.minimum(RecurrencePlot().transform(rows), 1)),
        ("gaf", "paper_text", (GramianAngularField().transform(rows) + 1) / 2),
        ("mtf", "paper_text", MarkovTransitionField(n_bins=8).transform(rows)),
        ("rp", "paper_text", RecurrencePlot(threshold="point").transform(rows)),
    ]
    for kind, variant, theirs in cases:
        ours = encoded(x, kind, variant, 112)[0].numpy()
        np.testing.assert_allclose(ours, theirs, atol=1e-6, err_msg=f"{kind}, {variant}")


@pytest.mark.parametrize("variant", ["paper_text", "authors_code"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_picture_is_of_its_case_alone(layout, variant):
    x = torch.from_numpy(np.stack([ecg(seed=1), ecg(rate=80, seed=2)])).float()
    found = render(x, layout, variant, 48, 100.0)
    assert found.shape == (2, 3, 48, 48) and found.dtype == torch.uint8
    assert torch.equal(render(x[1:], layout, variant, 48, 100.0), found[1:])
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize("layout", ["all-grid", "all-concat"])
def test_a_picture_is_the_same_whatever_is_drawn_with_it(layout):
    x = torch.from_numpy(np.stack([ecg(seed=seed) for seed in range(AT_A_TIME + 1)])).float()
    found = render(x, layout, "paper_text", 48, None)
    assert torch.equal(found, torch.cat([render(one[None], layout, "paper_text", 48, None) for one in x]))


def test_a_picture_gets_its_size_as_torch_resizes_it():
    picture = torch.randint(0, 256, (2, 3, 30, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for size in (16, 64):
        plain = functional.interpolate(picture, (size, size), mode="bilinear", antialias=True)
        assert torch.equal(_resized(picture, size), plain) and _resized(picture, size).is_contiguous()


@pytest.mark.parametrize("layout", ["gaf", "rp", "mtf", "mtf+gaf", "gaf+rp", "rp+mtf"])
def test_encodings_that_are_not_asked_for_are_black(layout):
    found = render(torch.from_numpy(ecg())[None].float(), layout, "paper_text", 48, None)
    bright = [bool(found[0, place].any()) for place in range(3)]
    assert bright == [kind in layout.split("+") for kind in CHANNELS]


@pytest.mark.parametrize(("n_leads", "n_points"), [(1, 1), (2, 3), (5, 40)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_leads_and_lengths_have_a_picture(layout, n_leads, n_points):
    x = torch.randn(2, n_leads, n_points, generator=torch.Generator().manual_seed(0))
    assert render(x, layout, "paper_text", 32, None).shape == (2, 3, 32, 32)


def test_the_published_code_is_for_100_hz():
    with pytest.raises(UsageError, match=r"variant=authors_code is for 100 Hz and the series have 500 Hz; .*resample"):
        render(torch.zeros(1, 12, 5000), "all-grid", "authors_code", 48, 500.0)
    with pytest.raises(MethodError, match="case 0: a record has 80 samples, fewer than a beat of 100"):
        render(torch.zeros(1, 12, 80), "all-grid", "authors_code", 48, 100.0)


def test_r_peaks_are_found_at_their_pace_also_where_the_lead_is_inverted():
    for heights in (1.0, -1.0):
        peaks = beats.r_peaks(ecg(heights=heights))
        assert len(peaks) == 10
        assert np.abs(np.diff(peaks) - 100).max() <= 2 and abs(peaks[0] - 50) <= 2


def test_a_beat_has_its_peak_after_35_samples():
    beat = beats.one_beat(ecg())
    assert beat.shape == (12, 100)
    assert abs(int(beat[1].argmax()) - beats.BEFORE) <= 2


def test_a_record_without_peaks_gives_its_middle():
    flat = np.zeros((12, 1000))
    assert beats.r_peaks(flat) == [] and beats.one_beat(flat).shape == (12, 100)
