from dataclasses import replace

import numpy as np
import pytest

from tsbench.data.dataset import Card, Data, Fold
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, UsageError
from tsbench.protocol import Protocol, Split


def test_the_hash_covers_what_is_measured_and_not_what_it_is_called():
    base = Protocol(name="a", probe="knn")
    assert base.hash() == Protocol(name="b", summary="other words", probe="knn").hash()
    others = [
        Protocol(name="a", probe="linear"),
        Protocol(name="a", probe="knn", version=2),
        Protocol(name="a", probe="knn", normalisation="none"),
        Protocol(name="a", probe="knn", probe_params={"k": 3}),
        Protocol(name="a", probe="knn", transforms=("stft",)),
        Protocol(name="a", probe="knn", split=Split(scheme="cv")),
        Protocol(name="a", probe="knn", split=Split(scheme="cv", seed=1)),
        Protocol(name="a", probe="knn", split=Split(scheme="resample")),
        Protocol(name="a", probe="knn", split=Split(scheme="resample", folds=30)),
        base.own(),
    ]
    assert len({p.hash() for p in [base, *others]}) == len(others) + 1


def test_an_archive_split_ignores_the_settings_of_cross_validation():
    assert Protocol(name="a", probe="knn", split=Split(folds=7)).hash() == Protocol(name="a", probe="knn").hash()


def test_the_hash_does_not_drift():
    # a change here orphans every stored result
    assert Protocol(name="a", probe="knn").hash() == "946e300966980198663712a3ef6f700b0edb0ca2844d809f680c2a788eb176b1"


def test_a_resamples_seed_is_its_number():
    first, second = (Protocol(name="a", probe="knn", split=Split(scheme="resample", seed=seed)) for seed in (0, 1))
    assert first.hash() == second.hash()
    assert first.split_name(Card("d")) == second.split_name(Card("d")) == "resample5:"
    assert first.split.label == "resample5" and first.n_folds(1) == 5
    assert not first.own_split and not first.archive_split and first.needs_own_split


def test_auto_normalisation_follows_the_card():
    protocol = Protocol(name="a", probe="knn")
    assert protocol.resolve_normalisation(Card("d", normalised=True)) == "none"
    assert protocol.resolve_normalisation(Card("d")) == "channel"
    assert Protocol(name="a", probe="knn", normalisation="none").resolve_normalisation(Card("d")) == "none"


def grouped(n=30):
    panel = Panel.build(np.ones((n, 1, 4)), np.arange(n) % 2)
    return Data(replace(panel, meta={"subject": np.arange(n) // 3}))


def test_folds_follow_the_cards_group():
    protocol, data = Protocol(name="a", probe="knn", split=Split(scheme="cv")), grouped()
    folds = protocol.folds(data, Card("d", group="subject"))
    subject = data.panel.meta["subject"]
    assert len(folds) == 5
    for fold in folds:
        parts = [set(subject[index]) for index in fold]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(30))


def archive(labels, n_folds=1, **fields):
    panel = Panel.build(np.ones((len(labels), 1, 4)), labels)
    half = np.arange(len(labels) // 2)
    folds = [Fold(half, None, half + len(half))] * n_folds
    return Data(replace(panel, meta={"subject": np.arange(len(labels)) // 3}, **fields), {"archive": folds})


def test_resamples_begin_with_the_split_itself():
    protocol, data = Protocol(name="a", probe="knn", split=Split(scheme="resample", folds=30)), archive([0, 1] * 6)
    folds = protocol.folds(data, Card("d"))
    assert folds[0] is data.folds["archive"][0]
    assert len({tuple(sorted(fold.test)) for fold in folds}) > 20
    by_hand = Protocol(name="a", probe="knn", split=Split(scheme="resample", group=None))
    assert len(by_hand.folds(data, Card("d", group="subject"))) == 5


@pytest.mark.parametrize(
    ("data", "card", "message"),
    [
        (grouped(), Card("d"), "d has no train/test split of its own, which protocol 'r' needs"),
        (archive([0, 1] * 6, n_folds=2), Card("d"), "d: protocol 'r' resamples a split by class, and it has 2 folds"),
        (archive([0, 1] * 6), Card("d", group="subject"), "they would part the cases of one subject; take a cross-val"),
        (archive([0, 1] * 6, y=np.arange(12.0), task="regression", classes=()), Card("d"), "its labels are for regr"),
    ],
)
def test_what_is_not_resampled(data, card, message):
    with pytest.raises(UsageError, match=message):
        Protocol(name="r", probe="knn", split=Split(scheme="resample")).folds(data, card)


def test_refusals():
    cv = Protocol(name="a", probe="knn", split=Split(scheme="cv", group="patient"))
    with pytest.raises(UsageError, match="no meta array 'patient' to group by \\(it has: subject\\)"):
        cv.folds(grouped(), Card("d"))
    with pytest.raises(UsageError, match="d has no train/test split of its own.*svm-rbf-cv5"):
        Protocol(name="a", probe="knn").folds(grouped(), Card("d"))
    with pytest.raises(UsageError, match="such as --protocol ridge-cv5"):  # svm-rbf-cv5 may be for other labels
        Protocol(name="a", probe="knn").folds(grouped(), Card("d", default_protocol="ridge-cv5"))
    few = Data(Panel.build(np.ones((4, 1, 4)), [0, 1, 0, 1]))
    with pytest.raises((InvalidDataError, UsageError), match="4 cases"):
        Protocol(name="a", probe="knn", split=Split(scheme="cv", group=None)).folds(few, Card("d"))


def test_a_named_split_enters_the_hash_and_the_archives_does_not(registry):
    base, named = registry.protocol("linear"), registry.protocol("linear+split=raindrop")
    assert (named.name, named.split.label) == ("linear+split=raindrop", "raindrop")
    assert len({base.hash(), named.hash(), registry.protocol("linear+split=official").hash()}) == 3
    assert registry.protocol("linear+split=archive") == base
    for split in (Split(scheme="own"), Split(scheme="own", name="archive"), Split(folds=7, seed=3)):
        assert Protocol(name="a", probe="knn", split=split).hash() == Protocol(name="a", probe="knn").hash()
    written = Protocol(name="a", probe="linear", split=Split(scheme="own", name="raindrop", folds=9))
    assert written.hash() == named.hash()
    back = Protocol.model_validate(written.model_dump()).under(["split=archive"])
    assert (back.name, back.hash()) == ("a+split=archive", base.hash())


def test_the_hash_of_cross_validation_has_no_name_of_a_split():
    # a change here orphans every stored result
    cv = Protocol(name="a", probe="knn", split=Split(scheme="cv"))
    assert cv.hash() == "11e8f3b1c7adbd8a0110e0bdad3f898be6f19dd5408a433e5e00f99d009ec4c1"


def test_static_values_enter_the_hash_only_where_they_are_given(registry):
    base, append = registry.protocol("linear"), registry.protocol("linear+static=append")
    assert append.hash() != base.hash()
    assert registry.protocol("linear+static=none") == base
    assert append.own().hash() == base.own().hash()  # a method's own decision rule reads them by itself or not at all
    both = registry.protocol("linear+labels=0.1+static=append+split=raindrop")
    assert both.name == "linear+split=raindrop+static=append+labels=0.1"
    assert registry.protocol(both.name) == both


def test_folds_at_random_are_another_protocol(registry):
    base, random = registry.protocol("linear-cv5"), registry.protocol("linear-cv5+labels=0.1+group=none")
    assert random.split == base.split.model_copy(update={"group": None})
    assert random.hash() != registry.protocol("linear-cv5+labels=0.1").hash()
    assert random.name == "linear-cv5+group=none+labels=0.1"
    assert registry.protocol(random.name) == random


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("linear+static=concat", "write static=append, or static=none"),
        ("linear+split=", "name a split; 'tsbench data info DATASET' lists them"),
        ("linear+split=a+split=b", "once each"),
        ("linear-cv5+split=raindrop", "linear-cv5 makes a split of its own"),
        ("linear-cv5+group=subject", "write group=none"),
        ("linear+group=none", "takes the dataset's own split"),
    ],
)
def test_what_no_protocol_can_be_is_refused(registry, text, message):
    with pytest.raises(UsageError, match=message):
        registry.protocol(text)


@pytest.mark.parametrize("scheme", ["archive", "cv", "resample"])
def test_a_name_goes_with_own_splits_alone(scheme):
    with pytest.raises(ValueError, match="name: raindrop goes with scheme: own"):
        Split(scheme=scheme, name="raindrop")


def test_folds_are_those_of_the_named_split():
    archive, raindrop = [Fold(*map(np.asarray, ([0], [1], [2])))], [Fold(*map(np.asarray, ([3], [4], [5])))] * 2
    data = replace(grouped(), folds={"archive": archive, "raindrop": raindrop})
    protocol = Protocol(name="a", probe="knn").on_split("raindrop")
    assert protocol.folds(data, Card("d")) == raindrop
    assert protocol.split_name(Card("d")) != Protocol(name="a", probe="knn").split_name(Card("d")) == "archive:"
    with pytest.raises(UsageError, match=r"d has no split 'rain', .*\(it has: archive, raindrop\); did you mean"):
        Protocol(name="a", probe="knn").on_split("rain").folds(data, Card("d"))
    with pytest.raises(UsageError, match=r"another of its own splits \(raindrop\), such as \+split=raindrop"):
        Protocol(name="a", probe="knn").folds(replace(data, folds={"raindrop": raindrop}), Card("d"))
