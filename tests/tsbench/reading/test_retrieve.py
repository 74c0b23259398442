"""What a run finds for a text or a recording, and the page that shows it."""

import numpy as np
import pytest

from tests.plugins.clinical_files import write_wfdb
from tsbench import Bench
from tsbench.errors import InvalidDataError, TsbenchWarning, UsageError
from tsbench.learning.learner import Learner
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
    assert found.query.n_timepoints == 200
    assert len(found.notes) == 1 and "page.png lasts 2.5 s, and what was learnt from 2 s" in found.notes[0]


def written(folder, samples, rate=100, **how):
    write_wfdb(folder, "rec", np.rint(samples).astype(int), rate, list(LEADS), **how)
    return str(folder / "rec.hea")


def test_a_longer_recording_is_asked_with_by_its_beginning_which_is_said_on_the_page_too(bench, key, tmp_path):
    short = bench.retrieve(key, written(tmp_path / "a", 1000 * record(100)), 4)
    found = bench.retrieve(key, written(tmp_path / "b", 1000 * np.tile(record(100), 6)), 4)
    assert found.frame.equals(short.frame) and not short.notes
    assert "lasts 12 s, and what was learnt from 2 s: the first 2 s of it are taken" in found.notes[0]
    assert "the first 2 s of it are taken</p>" in page(found, "rec.hea")
    cut = bench.retrieve(key, str(tmp_path / "b" / "rec.hea") + "+window=2s", 4)
    assert cut.frame.equals(short.frame) and "is cut into 6 windows: the first is asked with" in cut.notes[0]


def test_a_recording_that_would_have_to_be_filled_up_is_refused(bench, key, tmp_path):
    asked = written(tmp_path, 1000 * record(100)[:, :100])
    with pytest.raises(InvalidDataError, match=r"rec.hea lasts 1 s, and what was learnt from 2 s; give 2 s"):
        bench.retrieve(key, asked)


def test_the_unit_of_a_recording_is_that_of_the_dataset(bench, key, tmp_path):
    tables = [bench.retrieve(key, written(tmp_path / "mV", 1000 * record(100)), 4).frame]
    tables += [bench.retrieve(key, written(tmp_path / "uV", 1000 * record(100), unit="uV", gain=1), 4).frame]
    assert tables[0].equals(tables[1])
    with pytest.raises(InvalidDataError, match=r"rec.hea: channel \d+ \('.*'\) varies 0.00\d+ times as much"):
        bench.retrieve(key, written(tmp_path / "no", 1000 * record(100), unit="uV"))


def test_a_lead_without_a_signal_is_refused(bench, key, tmp_path):
    samples = 1000 * record(100)
    samples[7] = 3
    with pytest.raises(InvalidDataError, match=r"rec.hea: channel 7 \('V2'\) has no signal"):
        bench.retrieve(key, written(tmp_path, samples))


def test_the_steps_of_the_dataset_are_done_to_a_recording(bench, tmp_path):
    named = "ecg-text-made+window=1s"
    bench.run("signal-text", named, protocol="retrieval")
    key = bench.results(datasets=named)["key"].iloc[0]
    found = bench.retrieve(key, written(tmp_path, 1000 * record(100)), 2)
    assert found.query.n_timepoints == 100 and "is cut into 2 windows: the first is asked with" in found.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"rate": 500},
            r"is sampled at 500 Hz, .*resample it: write \+resample=100hz right behind its name or path",
        ),
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


def test_what_can_be_found_is_embedded_once_for_all_commands(tmp_path, monkeypatch):
    Bench(tmp_path / "r.db").run("signal-text", "ecg-text-made", protocol="retrieval")
    key = Bench(tmp_path / "r.db").results()["key"].iloc[0]
    embedded, embed = [], Learner.embed_prepared

    def counted(learner, panel, kind):
        embedded.append((kind, len(panel)))
        return embed(learner, panel, kind)

    monkeypatch.setattr(Learner, "embed_prepared", counted)
    first, second = (Bench(tmp_path / "r.db").retrieve(key, "pause", 4).frame for _ in range(2))
    (_, n), *_ = sorted(embedded, key=lambda one: -one[1])
    assert embedded == [("text", 1), ("series", n), ("text", 1)] and n > 100
    assert first.equals(second)
    (kept,) = tmp_path.rglob("*.series.cpu.safetensors")
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.warns(TsbenchWarning, match="series.cpu.safetensors in .* is damaged"):
        assert Bench(tmp_path / "r.db").retrieve(key, "pause", 4).frame.equals(first)
    assert Bench(tmp_path / "r.db").retrieve(key, "pause", 4).frame.equals(first) and len(embedded) == 6


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
