"""What a run finds for a text or a recording, and the page that shows it."""

import numpy as np
import pytest

from tests.plugins.clinical_files import write_wfdb
from tsbench import Bench
from tsbench.errors import InvalidDataError, UsageError
from tsbench.reading.ecg_page import page, plot
from tsbench.reading.retrieve import is_file
from tsbench_ecgtext.made import LEADS, Made
from tsbench_formats.drawn_paper import draw_page


def record(case, n=200):
    """Return the leads (12, n) of a generated record, of which the limb leads are made to follow from I and III."""
    x = np.pad(Made().load().panel.X[case], ((0, 0), (0, n - 200)), mode="reflect").astype(float)
    one, three = x[0], x[2]
    x[[1, 3, 4, 5]] = one + three, -one - three / 2, (one - three) / 2, one / 2 + three
    return x


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("store") / "r.db")
    bench.run("signal-text", "ecg-text-made", protocol="retrieval")
    return bench


@pytest.fixture(scope="module")
def key(bench):
    return bench.results()["key"].iloc[0]


def test_a_text_finds_the_records_that_it_tells(bench, key):
    found = bench.retrieve(key, "limb leads silent, augmented pause, anterior loss, lateral block", 3)
    assert found.frame["rank"].tolist() == [1, 2, 3] and found.frame["score"].is_monotonic_decreasing
    assert len(found.cases) == 3 and found.frame["text"].tolist() == found.cases.text.tolist()
    assert set(found.frame["part"]) <= {"train", "validation", "test"}
    assert "pause" in found.frame["text"][0]


def test_a_recording_finds_texts_whatever_the_order_and_capitals_of_its_leads(bench, key, tmp_path):
    samples = np.rint(record(100) * 1000).astype(int)
    tables = []
    for folder, order in (("a", range(12)), ("b", range(11, -1, -1))):
        write_wfdb(tmp_path / folder, "rec", samples[list(order)], 100, [LEADS[i].upper() for i in order])
        tables.append(bench.retrieve(key, str(tmp_path / folder / "rec.hea"), 4).frame)
    assert tables[0].equals(tables[1])
    assert tables[0]["score"][0] > 0.5


def test_a_recording_in_another_unit_of_voltage_is_converted(bench, key, tmp_path):
    found = []
    for unit, steps in (("mV", 1000), ("nV", 0.001)):
        samples = np.rint(record(100) * 1000).astype(int)
        write_wfdb(tmp_path / unit, "rec", samples, 100, list(LEADS), unit=unit, gain=steps)
        found.append(bench.retrieve(key, str(tmp_path / unit / "rec.hea"), 4).frame)
    assert found[0].drop(columns="score").equals(found[1].drop(columns="score"))
    np.testing.assert_allclose(found[0]["score"], found[1]["score"], rtol=1e-4)


def test_a_recording_is_resampled_when_that_is_asked_for(bench, key, tmp_path):
    write_wfdb(tmp_path, "rec", np.rint(np.repeat(record(100), 5, axis=1) * 1000).astype(int), 500, list(LEADS))
    found = bench.retrieve(key, f"{tmp_path / 'rec.hea'}+resample=100hz", 2)
    assert found.query.sampling_rate == 100 and len(found.frame) == 2
    with pytest.raises(UsageError, match="there is no such file"):
        bench.retrieve(key, "none.hea+resample=100hz")


def test_a_text_without_a_known_word_is_refused(bench, key):
    with pytest.raises(UsageError, match=r"run \w+ \(signal-text on ecg-text-made\) knows no word of the query"):
        bench.retrieve(key, "心房颤动")


def test_a_page_of_paper_ecg_is_a_recording(bench, key, tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray((255 * draw_page(record(100, 250), 100)).astype(np.uint8)).save(tmp_path / "page.png")
    found = bench.retrieve(key, str(tmp_path / "page.png"), 2)
    assert len(found.frame) == 2 and found.query.n_channels == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 500}, r"sampled at 500 Hz, expected 100 Hz; resample it: .*rec.hea\+resample=100hz"),
        ({"names": [*LEADS[:11], "X"]}, r"its series have no V6; it has "),
    ],
)
def test_a_recording_that_does_not_match_is_refused_and_named(bench, key, tmp_path, change, message):
    asked = {"rate": 100, "names": list(LEADS), **change}
    write_wfdb(tmp_path, "rec", np.rint(record(100) * 1000).astype(int), **asked)
    with pytest.raises(InvalidDataError, match=f"rec.hea.*{message}"):
        bench.retrieve(key, str(tmp_path / "rec.hea"))


def test_what_cannot_be_asked_is_refused(bench, key):
    with pytest.raises(UsageError, match="there is no such file"):
        bench.retrieve(key, "missing.hea")
    with pytest.raises(UsageError, match="--query is empty"):
        bench.retrieve(key, "  ")
    with pytest.raises(UsageError, match="ask for at least one case"):
        bench.retrieve(key, "x", 0)


def test_a_run_of_another_protocol_does_not_retrieve(bench):
    bench.run("majority", "UnitTest", protocol="own")
    other = bench.results(methods="majority")["key"].iloc[0]
    with pytest.raises(UsageError, match="does not retrieve: take a run of protocol retrieval"):
        bench.retrieve(other, "x")


def test_a_long_text_is_no_file():
    assert not is_file("x" * 10_000) and not is_file("sinus rhythm. ekg.png seen")


def test_queries_of_a_list_are_answered_one_by_one(bench, key):
    asked = ["limb leads silent", "augmented pause"]
    together = bench.retrieve(key, asked, 3)
    assert [one.query for one in together] == asked
    for one, text in zip(together, asked, strict=True):
        assert one.frame.equals(bench.retrieve(key, text, 3).frame)


def test_a_page_shows_leads_text_and_score_and_nothing_of_them_is_markup(bench, key):
    found = bench.retrieve(key, "<script>alert(1)</script> & pause", 2)
    frame = found.frame.assign(text=["<b>bold</b>", 'a "quote"'], codes=["A&B", "C"])
    text = page(type(found)(frame, found.cases, found.query), found.query)
    assert "<script" not in text and "<b>" not in text
    assert "&lt;script&gt;" in text and "&lt;b&gt;bold&lt;/b&gt;" in text and "A&amp;B" in text
    assert text.count("<svg") == 2 and text.count("<polyline") == 24 and "V6" in text
    assert "subject" not in text


def test_a_page_has_no_control_character(bench, key):
    found = bench.retrieve(key, "pause\x1b[31m", 1)
    frame = found.frame.assign(text=["a\x00b\u202ec"], codes=["d\x07"])
    text = page(type(found)(frame, found.cases, found.query), found.query)
    assert not {"\x00", "\x07", "\x1b", "\u202e"} & set(text) and "pause\\x1b[31m" in text and "a\\x00b\\u202ec" in text


def test_a_missing_value_breaks_the_curve(bench, key):
    found = bench.retrieve(key, "pause", 1)
    found.cases.X[0, 0, 50:60] = np.nan
    assert plot(found.cases, 0).count("<polyline") == 13
