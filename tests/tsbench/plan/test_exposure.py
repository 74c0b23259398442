"""Exposure: what a row states of what its method had seen before the run."""

from dataclasses import replace
from typing import ClassVar

import pytest

from tsbench import BaseParams, Corpus, Encoder, SSLMethod, weights
from tsbench.discovery.catalog import Entry
from tsbench.errors import UsageError
from tsbench.plan.exposure import derived, seen_in, state
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.plan.spec import Source
from tsbench.store.record import run_row, spec_to_json
from tsbench.testing.checks import with_given

HEX = "0123456789abcdef" * 4


class Plain(SSLMethod):
    """Trains nothing of use."""

    def build(self, shapes):
        self.encoder = self.make_encoder(shapes)

    def training_step(self, step):
        return self.encoder(step.batch).mean()


class Loaded(Plain):
    class Params(Plain.Params):
        backbone: str | None = weights(doc="w", pretrained_on={HEX: ("ImageNet", "GunPoint")})


class Holds(Encoder):
    """An encoder that says what it has learnt from."""

    class Params(BaseParams):
        pass

    pretrained_on: ClassVar = ("ucr",)
    forward = None


@pytest.fixture
def plugins(installed):
    found, _ = with_given()
    found["methods"].add([Entry("plain", Plain, "tests"), Entry("loaded", Loaded, "tests")])
    found["encoders"].add([Entry("holds", Holds, "tests")])
    return found


def exposures(plugins, registry, method, datasets="GunPoint,BasicMotions", **fields):
    specs = make_plan(Request([method], datasets.split(","), **fields), plugins, registry).specs
    return {spec.dataset: spec.exposure for spec in specs}


def test_most_methods_are_clean_and_keys_do_not_know_it(plugins, registry):
    assert exposures(plugins, registry, "plain") == {"GunPoint": "clean", "BasicMotions": "clean"}
    (spec,) = make_plan(Request(["plain"], ["GunPoint"]), plugins, registry).specs
    assert replace(spec, exposure="exposed: x").key == spec.key
    assert run_row(replace(spec, exposure="exposed: x"))["exposure"] == "exposed: x"


@pytest.mark.parametrize(
    ("declared", "gunpoint", "motions"),
    [
        (("GunPoint",), "exposed: GunPoint", "clean"),
        (("gunpoint", Corpus("BasicMotions")), "exposed: gunpoint", "exposed: BasicMotions"),
        (("ucr", "ImageNet"), "exposed: ucr", "clean"),
        (("uea",), "clean", "exposed: uea"),
        (("bundled", "uea"), "exposed: bundled", "exposed: bundled, uea"),
        (None, "unknown: plain", "unknown: plain"),
        ((), "clean", "clean"),
    ],
)
def test_a_declared_corpus_exposes_what_it_is_or_holds(plugins, registry, monkeypatch, declared, gunpoint, motions):
    monkeypatch.setattr(Plain, "pretrained_on", declared)
    for name in ("plain", "random:plain"):
        found = exposures(plugins, registry, name)
        expected = {"GunPoint": gunpoint, "BasicMotions": motions}
        assert {key: text.replace("random:", "") for key, text in found.items()} == expected


def test_a_fingerprint_exposes_data_of_any_name(plugins, registry, monkeypatch):
    (spec,) = make_plan(Request(["plain"], ["GunPoint"]), plugins, registry).specs
    monkeypatch.setattr(Plain, "pretrained_on", (Corpus("our ward", spec.fingerprint),))
    assert exposures(plugins, registry, "plain") == {"GunPoint": "exposed: our ward", "BasicMotions": "clean"}


def test_weights_and_components_declare_theirs(plugins, registry):
    pinned = {"backbone": f"sha256:{HEX}@nowhere"}
    assert exposures(plugins, registry, "loaded", overrides=pinned) == {
        "GunPoint": "exposed: GunPoint",
        "BasicMotions": "clean",
    }
    other = {"backbone": f"sha256:{HEX[::-1]}@nowhere"}
    assert exposures(plugins, registry, "loaded", "GunPoint", overrides=other) == {"GunPoint": "unknown: backbone"}
    both = {**other, "encoder": "holds"}
    assert exposures(plugins, registry, "loaded", overrides=both) == {
        "GunPoint": "exposed: ucr",
        "BasicMotions": "unknown: backbone",
    }


@pytest.mark.parametrize("declared", ["GunPoint", (3,), ("a", None)])
def test_a_declaration_that_is_none_is_refused(plugins, registry, monkeypatch, declared):
    monkeypatch.setattr(Plain, "pretrained_on", declared)
    with pytest.raises(UsageError, match="plain: its pretrained_on is to be a tuple of names or of Corpus, or None"):
        exposures(plugins, registry, "plain")


def test_the_target_among_the_sources_is_clean_by_its_training_part_alone(plugins, registry):
    found = exposures(plugins, registry, "plain", pretrain_on=("GunPoint", "BasicMotions"))
    assert found == {"GunPoint": "clean", "BasicMotions": "clean"}


SAME = Source("D", "f", "none", "D", "test:1 train:2")


@pytest.mark.parametrize(
    ("source", "split", "own", "seen"),
    [
        (SAME, "test:1 train:2", "archive", []),
        (SAME, "test:1 train:3 sources:4", "archive", ["D"]),  # the digests say more than the names
        (SAME, "", "archive", []),
        (SAME, "", "other", ["D"]),
        (SAME, "", "", ["D"]),
        (replace(SAME, split=""), "test:1 train:3", "archive", []),
        (replace(SAME, split="", split_name="s"), "test:1 train:3", "archive", ["D"]),
        (replace(SAME, fingerprint="g"), "test:1 train:2", "archive", ["D"]),  # of this name, with other data
        (replace(SAME, fingerprint="g", dataset="d"), "", "archive", ["d"]),
        (replace(SAME, fingerprint="g", dataset="E"), "", "archive", []),
        (replace(SAME, dataset="E"), "", "archive", []),
        (replace(SAME, dataset="E"), "test:1 train:3", "archive", ["E"]),
    ],
)
def test_which_sources_may_hold_test_cases(source, split, own, seen):
    assert seen_in([source], "D", "f", split, own) == seen
    assert seen_in([SAME, source], "D", "f", "test:1 train:2", "archive") == seen_in(
        [source], "D", "f", "test:1 train:2", "archive"
    )


def test_rows_of_before_tell_it_by_what_they_hold(plugins, registry):
    (spec,) = make_plan(Request(["plain"], ["GunPoint"], pretrain_on=("GunPoint",)), plugins, registry).specs
    stored = spec_to_json(spec)
    assert derived(stored, spec.made_on) == "clean"
    assert (
        derived({**stored, "fold": 1, "sources": [{**stored["sources"][0], "split": ""}]}, None) == "exposed: GunPoint"
    )
    assert derived({**stored, "fingerprint": "x"}, None) == "exposed: GunPoint"
    earlier = {**stored, "sources": [], "params": {"eye": f"w.pt@sha256:{HEX}", "lr": 0.1}}
    assert derived(earlier, None) == "unknown: eye"
    assert derived({"dataset": "D", "params": {}}, None) == "clean"


def test_the_first_word_is_the_state():
    assert [state(text) for text in ("clean", "exposed: a, b", "unknown: w")] == ["clean", "exposed", "unknown"]
    assert {state(text) for text in ("", "Clean", "cleaner: x", "\x1b[2J")} == {"unknown"}
