"""What is written of a condition, and what it reaches."""

import re

import pytest
from pydantic import ValidationError

from tsbench.condition import Condition
from tsbench.corruptions.base import Corruption
from tsbench.discovery.catalog import Catalog, Entry
from tsbench.errors import UsageError
from tsbench.protocol import Protocol
from tsbench.registry import load_registry


def test_a_condition_is_written_after_the_name_and_enters_the_hash(registry):
    base = registry.protocol("knn")
    texts = ["labels=0.1", "dropout=0.5", "dropout=0.5@all", "noise=10", "labels=0.1+noise=10@downstream"]
    protocols = [registry.protocol(f"knn+{text}") for text in texts]
    assert len({p.hash() for p in [base, *protocols]}) == 6
    assert protocols[1].name == "knn+dropout=0.5@test"
    assert registry.protocol(protocols[4].name).hash() == protocols[4].hash()
    assert registry.protocol("knn+labels=1").hash() == base.hash()


@pytest.mark.parametrize(
    "text", ["labels=0.1234567891", "noise=10.12345678@all", "noise=1e-09@test", "dropout=0.5@all"]
)
def test_the_name_of_a_condition_says_it_exactly(registry, text):
    protocol = registry.protocol(f"knn+{text}")
    assert protocol.name == f"knn+{text}"
    assert registry.protocol(protocol.name).hash() == protocol.hash()


def test_what_a_stage_reaches(registry):
    parts = ("pretrain", "downstream", "test")
    reach = {
        stage: [registry.protocol(f"knn+noise=1@{stage}").condition.corrupts(part) for part in parts]
        for stage in ("test", "downstream", "all")
    }
    assert reach == {"test": [False, False, True], "downstream": [False, True, True], "all": [True, True, True]}


def test_training_and_test_part_may_lack_different_things(registry):
    both = registry.protocol("own+samples=0.5@train+mnar=0.3")
    assert both.name == "own+samples=0.5@train+mnar=0.3@test"
    assert registry.protocol("own+mnar=0.3+samples=0.5@train").hash() == both.hash()
    assert registry.protocol(both.name).hash() == both.hash()
    condition = both.condition
    assert [condition.corrupts(part) for part in ("pretrain", "downstream", "test")] == [True] * 3
    assert condition.in_training.drawn() == registry.protocol("own+samples=0.5@all").condition.drawn()
    assert condition.label == "samples=0.5@train and mnar=0.3@test, reads labels"
    alone = registry.protocol("own+mnar=0.5@train").condition
    assert [alone.corrupts(part) for part in ("pretrain", "downstream", "test")] == [True, True, False]
    assert alone.label == "mnar=0.5@train, reads labels" and alone.corruption_text() == ""
    assert Protocol.model_validate(both.model_dump(mode="json")).hash() == both.hash()
    names = ["own", "own+samples=0.5@all", "own+samples=0.5@train", "own+samples=0.5", both.name, "own+mnar=0.3"]
    assert len({registry.protocol(name).hash() for name in names}) == len(names)


@pytest.mark.parametrize(
    "training",
    [
        {"corruption": "none", "stage": "all"},
        {"corruption": "noise", "level": 1},
        {"corruption": "noise", "level": 1, "stage": "all", "label_fraction": 0.5},
    ],
)
def test_a_training_that_is_no_corruption_is_refused(training):
    with pytest.raises(ValidationError, match="training: write a corruption, its level, and stage: all"):
        Condition(training=training)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("noise=1@train+noise=2@train", "condition 'noise=2@train': write labels=F, and CORRUPTION=LEVEL with @STAGE"),
        (
            "noise=1@train+samples=0.5@all",
            "condition 'noise=1@train+samples=0.5@all': stage: 'all' reaches the training too",
        ),
        ("noise=1e4@train", "condition 'noise=10000@train': level 10000 is not in [-300, 300]"),
        ("noise=1@train+noise=1", "training and test part have the same corruption: write it once, with @all"),
        ("dropuot=1@train", "unknown corruption 'dropuot'; did you mean 'dropout'?"),
        ("labels=0", "condition 'labels=0': label_fraction = '0': Input should be greater than 0"),
        ("labels=x", "condition 'labels=x': label_fraction = 'x': Input should be a valid number"),
        (
            "labels=0.1+labels=0.2",
            "condition 'labels=0.2': write labels=F, and CORRUPTION=LEVEL with @STAGE after, once",
        ),
        ("dropout=1", "condition 'dropout=1@test': level 1 is not in [0, 1): probability that a time point is missing"),
        (
            "noise=1e4@all",
            "condition 'noise=10000@all': level 10000 is not in [-300, 300]: signal-to-noise ratio in dB",
        ),
        ("noise=nan", "condition 'noise=nan': level = 'nan': Input should be a finite number"),
        ("noise=1@never", "condition 'noise=1@never': @never is none of @test, @downstream, @all, @train"),
        ("dropuot=0.1", "condition 'dropuot=0.1@test': unknown corruption 'dropuot'; did you mean 'dropout'?"),
        ("label=0.1", "unknown corruption 'label'; did you mean 'labels'?"),
        ("blur=1", "unknown corruption 'blur'; see 'tsbench list corruptions'"),
        (
            "noise=1+dropout=0.1",
            "condition 'dropout=0.1': write labels=F, and CORRUPTION=LEVEL with @STAGE after, once",
        ),
        ("noise", "condition 'noise': write labels=F"),
        ("", "condition '': write labels=F"),
    ],
)
def test_wrong_conditions_are_refused(registry, text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        registry.protocol(f"knn+{text}")


def test_the_hash_of_the_first_version_does_not_drift(registry):
    # a change here orphans every stored result
    hashes = {
        text: registry.protocol(f"knn+{text}").hash()[:16] for text in ("dropout=0.2@all", "noise=5", "labels=0.5")
    }
    assert hashes == {
        "dropout=0.2@all": "f37f339127b72012",
        "noise=5": "1e08b7052d39ca2f",
        "labels=0.5": "e0085bb871a17ce8",
    }


@pytest.fixture
def catalog():
    """The corruption `mine`, of which a test says more."""

    def make(**members):
        cls = type("Mine", (Corruption,), {"__call__": lambda self, panel, draws: panel.X, **members})
        found = Catalog("corruptions")
        found.add([Entry("mine", cls, "tests")])
        return found

    return make


def test_a_corruption_of_others_is_a_condition_and_says_what_it_is(registry, catalog):
    base = registry.protocol("knn")
    first, second, reads = (
        base.under(["mine=0.3@all"], catalog(**members)) for members in ({}, {"version": 2}, {"uses_labels": True})
    )
    assert first.name == second.name == reads.name == "knn+mine=0.3@all"
    assert len({first.hash(), second.hash(), reads.hash()}) == 3
    labels = [protocol.condition.label for protocol in (base, first, second, reads)]
    assert labels == ["", "mine=0.3@all", "mine=0.3@all version 2", "mine=0.3@all, reads labels"]
    assert [protocol.condition.drawn() for protocol in (first, second, reads)] == [
        "mine=0.3@all",
        "mine=0.3@all version 2",
        "mine=0.3@all",
    ]


def test_a_stored_protocol_keeps_its_hash_and_is_refused_under_another_version(registry, catalog):
    second = registry.protocol("knn").under(["mine=0.3"], catalog(version=2))
    stored = Protocol.model_validate(second.model_dump(mode="json"))
    assert stored.hash() == second.hash() and stored.known(catalog(version=2)) == second
    with pytest.raises(UsageError, match="'mine=0.3@test' has version 2 of mine, this installation 3"):
        stored.known(catalog(version=3))
    with pytest.raises(UsageError, match="unknown corruption 'mine'"):
        stored.known()


def test_a_protocol_of_a_file_may_have_a_condition(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "protocols:\n  hard: {probe: knn, condition: {corruption: dropout, level: 0.5}}\n"
        "  wrong: {probe: knn, condition: {corruption: dropuot, level: 0.5}}\n"
    )
    own = load_registry(tmp_path / "mine.yaml")
    assert own.protocol("hard").hash() == own.protocol("knn+dropout=0.5").hash()
    both = own.protocol("hard+labels=0.1")
    assert both.hash() == own.protocol("knn+dropout=0.5+labels=0.1").hash() == own.protocol(both.name).hash()
    with pytest.raises(UsageError, match="unknown corruption 'dropuot'; did you mean 'dropout'"):
        own.protocol("wrong")
