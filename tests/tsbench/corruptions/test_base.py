from dataclasses import replace

import numpy as np
import pytest

from tsbench.corruptions.base import Corrupter, Corruption, Draws, Levels, each_case, find_corruption, missing_facts
from tsbench.data import stream
from tsbench.data.panel import Panel
from tsbench.discovery.catalog import Catalog, Entry
from tsbench.errors import MethodError, UsageError


class Thin(Corruption):
    """Each value goes with a probability, all but the first."""

    def __call__(self, panel, draws):
        def change(x, rng):
            gone = rng.random(x.shape) < self.level
            gone[:, 0] = False
            return np.where(gone, np.float32(np.nan), x)

        return each_case(panel, draws, change)


class Louder(Corruption):
    """Twice the values, and what a test adds to them."""

    makes = "values"
    levels = Levels(-1, 1, "anything")
    extra = staticmethod(lambda X: X)

    def __call__(self, panel, draws):
        return self.extra(2 * panel.X)


def drawn(panel, name="mine", seed=0):
    return Draws(panel, name, np.random.default_rng(seed))


def test_draws_depend_on_a_case_and_the_name_alone(few):
    first = [rng.random() for rng in drawn(few)]
    assert first == [0.38651582964160447, 0.6172949843985116]  # a change here changes stored results under their keys
    assert [rng.random() for rng in drawn(few.select([1, 0]), seed=1)] == first[::-1]
    wider = replace(few, X=np.pad(few.X, ((0, 0), (0, 0), (0, 3)), constant_values=np.nan))
    assert [rng.random() for rng in drawn(wider)] == first
    assert set(first).isdisjoint(rng.random() for rng in drawn(few, "yours"))


def test_what_a_lower_level_takes_a_higher_one_takes_too(panel, corrupted):
    missing = [np.isnan(corrupted(panel, Thin, level).X) for level in (0, 0.3, 0.6)]
    np.testing.assert_array_equal(missing[0], np.isnan(panel.X))
    assert missing[0].sum() < missing[1].sum() < missing[2].sum() and not (missing[1] & ~missing[2]).any()


def test_a_case_is_corrupted_alike_alone_and_among_others(panel, corrupted):
    whole = corrupted(panel, Thin, 0.5).X
    np.testing.assert_array_equal(corrupted(panel.select([7, 3]), Thin, 0.5).X, whole[[7, 3]])


def test_only_the_values_change(panel, corrupted):
    after = corrupted(panel, Thin, 0.5)
    assert after.y is panel.y and after.lengths is panel.lengths and after.classes == panel.classes


def test_labels_are_seen_where_they_are_declared_alone(panel, corrupted):
    seen = []

    class Reads(Thin):
        def __call__(self, panel, draws):
            seen.append(panel.y)
            return panel.X

    corrupted(panel, Reads, 0.5)
    corrupted(panel, type("Declared", (Reads,), {"uses_labels": True}), 0.5)
    assert seen[0] is None and seen[1] is panel.y


def test_training_labels_are_there_to_learn_from(panel):
    seen = []
    Corrupter(type("Learns", (Thin,), {"fit": lambda self, train: seen.append(train.y)})(0.5), "a", "a", "k").fit(panel)
    assert seen[0] is panel.y


@pytest.mark.parametrize(
    "name", ["sensors", "sensors-random", "samples", "samples-time", "samples-block", "mnar", "mnar-severity"]
)
def test_a_case_has_one_mask_in_whatever_part_and_batch(panel, installed, name):
    panel = replace(panel, X=np.concatenate([panel.X, panel.X[:, ::-1]], axis=1))
    corrupter = Corrupter(installed["corruptions"].get(name)(0.5), name, name, "k")
    corrupter.fit(panel)
    whole = corrupter.apply(panel).X
    for cases in ([4], [7, 3], np.arange(20)[::-1]):
        width = int(panel.lengths[cases].max())
        part = replace(panel.select(cases), X=panel.X[cases][:, :, :width])
        np.testing.assert_array_equal(corrupter.apply(part).X, whole[cases][:, :, :width])
    assert missing_facts(corrupter.apply(panel)) == missing_facts(corrupter.apply(panel))


def test_what_is_missing_has_a_digest_that_padding_does_not_enter(panel):
    facts = missing_facts(panel)
    X = np.pad(panel.X, ((0, 0), (0, 0), (0, 4)), constant_values=np.nan)
    assert missing_facts(replace(panel, X=X)) == facts == missing_facts(replace(panel, X=2 * panel.X))
    assert facts["test_missing"] == 2 / (2 * panel.lengths.sum())
    X = panel.X.copy()
    X[3, 1, [2, 3]] = X[3, 1, [3, 2]]
    other = missing_facts(replace(panel, X=X))
    assert other["test_missing"] == facts["test_missing"] and other["test_mask"] != facts["test_mask"]
    assert float(facts["test_mask"]) == facts["test_mask"] < 2**48


@pytest.mark.parametrize("level", [1.0, -0.1, float("nan"), float("inf")])
def test_a_level_out_of_bounds_is_refused_with_its_bounds(level):
    with pytest.raises(UsageError, match=r"^level .* is not in \[0, 1\): share of the values that are missing$"):
        Thin(level)


def test_both_bounds_are_levels_unless_the_upper_is_open():
    assert [Louder(level).level for level in (-1, 1)] == [-1, 1] and str(Louder.levels) == "[-1, 1]"


def spoilt(case, value):
    def extra(X):
        X[case, 0, 2] = value
        return X

    return extra


@pytest.mark.parametrize(
    ("cls", "members", "message"),
    [
        (
            Louder,
            {"extra": lambda X: X[:-1]},
            r"gave float32 of shape \(1, 1, 6\), expected floats of shape \(2, 1, 6\)",
        ),
        (Louder, {"extra": lambda X: X.astype(int)}, "gave int64 of shape"),
        (Louder, {"extra": lambda X: X.tolist()}, "returned list, expected ndarray"),
        (Louder, {"extra": spoilt(1, np.inf)}, "made case 1 infinite or too large for float32"),
        (Louder, {"extra": lambda X: X.astype(float) * 1e300}, "made case 0 and 1 more of 2 infinite or too large"),
        (Louder, {"extra": spoilt(0, np.nan)}, "took values away from case 0, and says that it makes values alone"),
        (Louder, {"makes": "gaps"}, "changed values of case 0 and 1 more of 2, and says that it makes gaps alone"),
        (
            Louder,
            {"makes": "gaps", "extra": lambda X: X * np.nan},
            "left no value of case 0 and 1 more of 2: take a low",
        ),
    ],
)
def test_what_no_corruption_may_do_is_refused_by_its_name(few, corrupted, cls, members, message):
    members = {name: staticmethod(value) if callable(value) else value for name, value in members.items()}
    with pytest.raises(MethodError, match="^corruption mine=0.5@all " + message):
        corrupted(few, type("Spoilt", (cls,), members), 0.5)


def test_a_case_is_called_as_its_panel_calls_it(few, corrupted):
    named = replace(few, meta={"record": np.array(["mon", "tue"])})
    spoils = type("Spoils", (Louder,), {"extra": staticmethod(spoilt(1, np.inf))})
    with pytest.raises(MethodError, match="made case tue infinite or too large"):
        corrupted(named, spoils, 0.5)


def test_values_that_were_missing_are_not_made_up(panel, corrupted):
    with pytest.raises(MethodError, match="made up values of case .* missing ones or padding"):
        corrupted(panel, type("Fills", (Louder,), {"extra": staticmethod(np.nan_to_num)}), 0.5)


def test_a_case_that_never_had_a_value_is_no_fault(corrupted):
    X = np.full((2, 1, 4), np.nan)
    X[0] = 1.0
    assert np.isnan(corrupted(Panel.build(X), Thin, 0.5).X[1]).all()


def test_the_panel_of_others_cannot_be_written_to(few, corrupted):
    class Careless(Thin):
        def __call__(self, panel, draws):
            panel.X[:] = 0
            return panel.X

    before = few.X.copy()
    with pytest.raises(ValueError, match="read-only"):
        corrupted(few, Careless, 0.5)
    np.testing.assert_array_equal(few.X, before)


@pytest.mark.parametrize(("acts_on", "step"), [("raw", "before"), ("prepared", "after")])
def test_it_acts_once(few, acts_on, step):
    corrupter = Corrupter(type("When", (Thin,), {"acts_on": acts_on})(0.9), "mine", "mine=0.9@all", "k")
    changed = [name for name in ("before", "after") if np.isnan(getattr(corrupter, name)(few).X).any()]
    assert changed == [step]


def test_what_is_registered_and_is_no_corruption_is_named():
    catalog = Catalog("corruptions")
    catalog.add([Entry("odd", print, "somebody")])
    with pytest.raises(UsageError, match="corruption 'odd' of plugin somebody is no class of Corruption"):
        find_corruption("odd", catalog)


@pytest.mark.parametrize(("kind", "level"), [("dropout", 0.3), ("noise", 10.0), (Thin, 0.3)])
def test_streamed_values_are_corrupted_as_those_in_memory(tmp_path, monkeypatch, corrupted, kind, level):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 3000)
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 2, 50)).astype(np.float32))
    held, streamed = (Panel.build(np.load(tmp_path / "x.npy", mmap_mode=mode)) for mode in (None, "r"))
    assert isinstance(streamed.X, stream.Streamed)
    held, streamed = (corrupted(panel, kind, level) for panel in (held, streamed))
    np.testing.assert_array_equal(streamed.X[:], held.X)
    assert (streamed.X.complete == ~np.isnan(held.X).any(axis=(1, 2))).all()
