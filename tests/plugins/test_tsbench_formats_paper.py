"""Pages of paper ECG, drawn here, become the leads that they were drawn from."""

import numpy as np
import pytest

from tsbench.errors import InvalidDataError
from tsbench_archives.single import LEADS, OneRecording
from tsbench_formats.drawn_paper import draw_page, worn
from tsbench_formats.paper import leads_of, read_page

RATE = 100


@pytest.fixture(scope="module")
def leads():
    """Twelve leads of 2.5 s with P, QRS and T waves of their own height and direction."""
    draw, t = np.random.default_rng(3), np.arange(250) / RATE
    found = np.zeros((12, 250))
    for lead in found:
        height = draw.choice([-1, 1]) * draw.uniform(0.5, 1.2)
        for beat in np.arange(0.5, 2.5, 0.8):
            waves = ((0, 0.025, height), (0.05, 0.02, -0.25 * height), (0.28, 0.06, 0.25), (-0.16, 0.03, 0.12))
            lead += sum(size * np.exp(-(((t - beat - at) / wide) ** 2)) for at, wide, size in waves)
    one, three = found[0].copy(), 0.6 * found[2]
    found[:6] = one, one + three, three, -one - three / 2, (one - three) / 2, one / 2 + three
    return found


@pytest.fixture(scope="module")
def page(leads):
    return draw_page(leads, RATE)


def likeness(found, leads):
    return [float(np.corrcoef(a, b)[0, 1]) for a, b in zip(found, leads, strict=True)]


def test_a_clean_page_gives_its_leads_in_their_order_and_unit(page, leads):
    found = leads_of(page, RATE, "page")
    assert found.shape == (12, 250)
    assert np.median(likeness(found, leads)) > 0.95 and min(likeness(found, leads)) > 0.85
    ratio = np.ptp(found, axis=1) / np.ptp(leads, axis=1)
    assert ratio.min() > 0.8 and ratio.max() < 1.1


def test_a_page_that_is_turned_shaded_and_noisy_gives_them_too(page, leads):
    found = leads_of(worn(page, np.random.default_rng(1)), RATE, "page")
    assert min(likeness(found, leads)) > 0.9
    ratio = np.ptp(found, axis=1) / np.ptp(leads, axis=1)
    assert ratio.min() > 0.75 and ratio.max() < 1.2


def test_a_page_without_a_grid_or_a_curve_is_refused_and_named(page, leads):
    with pytest.raises(InvalidDataError, match="p.png: has no red grid that tells millimetres"):
        leads_of(np.repeat(page.mean(axis=2, keepdims=True), 3, axis=2), RATE, "p.png")
    empty = draw_page(np.where(np.arange(12)[:, None] == 7, 99.0, leads), RATE)  # beyond the page
    with pytest.raises(InvalidDataError, match="p.png: row 2, column 3 has no curve in"):
        leads_of(empty, RATE, "p.png")


def test_a_page_that_is_cut_off_is_refused_and_named(page):
    with pytest.raises(InvalidDataError, match="p.png: its grid is 6.0 s wide, and 4 leads of 2.5 s are not"):
        leads_of(page[:, :900], RATE, "p.png")


def test_a_page_with_two_ecgs_is_refused_and_named(page):
    for strip in (0, 60):
        beside = np.concatenate([page, np.ones((len(page), strip, 3)), page], axis=1)
        with pytest.raises(InvalidDataError, match="p.png: its grid is 2.* s wide, more than one ECG of 3 x 4 leads"):
            leads_of(beside, RATE, "p.png")
        below = np.concatenate([page, np.ones((strip, page.shape[1], 3)), page])
        with pytest.raises(InvalidDataError, match="p.png: row 1, column 1 has more than one curve"):
            leads_of(below, RATE, "p.png")


def test_a_page_that_lies_on_its_side_is_refused_and_named(page):
    with pytest.raises(InvalidDataError, match="p.png: is higher than wide: turn it by 90 degrees"):
        leads_of(np.rot90(page), RATE, "p.png")


@pytest.mark.parametrize("order", ["upside down", "mirrored", "II and V1"])
def test_a_page_whose_leads_are_not_what_they_are_called_is_refused_and_named(page, leads, tmp_path, order):
    image = pytest.importorskip("PIL.Image")
    pages = {"upside down": page[::-1, ::-1], "mirrored": page[:, ::-1]}
    wrong = pages[order] if order in pages else draw_page(leads[[0, 6, 2, 3, 4, 5, 1, *range(7, 12)]], RATE)
    image.fromarray((255 * wrong).astype(np.uint8)).save(tmp_path / "page.png")
    with pytest.raises(
        InvalidDataError, match=r"page.png: (II|aVR) is not .*, as it is in every ECG: leads are swapped"
    ):
        OneRecording(tmp_path / "page.png").load()


def test_a_picture_is_turned_as_its_camera_wrote(page, tmp_path):
    image = pytest.importorskip("PIL.Image")
    turned = image.fromarray((255 * np.rot90(page)).astype(np.uint8))
    exif = image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    turned.save(tmp_path / "page.png", exif=exif)
    assert np.abs(read_page(tmp_path / "page.png") - page).max() < 0.01


def test_a_file_of_several_pages_is_refused_and_one_of_a_scanner_is_read(page, tmp_path):
    image = pytest.importorskip("PIL.Image")
    one = image.fromarray((255 * page).astype(np.uint8))
    one.save(tmp_path / "two.tif", save_all=True, append_images=[one])
    one.save(tmp_path / "one.tif")
    with pytest.raises(InvalidDataError, match=r"two.tif: holds 2 pages: give one"):
        read_page(tmp_path / "two.tif")
    assert OneRecording(tmp_path / "one.tif").load().panel.X.shape == (1, 12, 250)


def test_a_file_that_is_no_page_is_refused_and_named(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 50)
    image.new("RGB", (200, 900)).save(tmp_path / "tiny.png")
    with pytest.raises(InvalidDataError, match=r"broken.png: cannot be read as a picture"):
        read_page(tmp_path / "broken.png")
    with pytest.raises(InvalidDataError, match=r"tiny.png: is 200 x 900 pixels, too small"):
        OneRecording(tmp_path / "tiny.png").load()


def test_a_page_is_a_recording_of_twelve_leads(page, tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray((255 * page).astype(np.uint8)).save(tmp_path / "page.png")
    panel = OneRecording(tmp_path / "page.png").load().panel
    assert panel.channel_names == LEADS and panel.X.shape == (1, 12, 250) and panel.sampling_rate == 100
    assert panel.y is None and panel.case_names() == ["page"]
