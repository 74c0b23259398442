import itertools
from dataclasses import replace

import numpy as np
import pytest

from tsbench.discovery.catalog import Entry
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.methods.encoder import Encoder
from tsbench.methods.params import declarations
from tsbench.plan.plan import expand_datasets, make_plan
from tsbench.plan.request import Request, parse_overrides, parse_seeds
from tsbench.plan.spec import PADDING
from tsbench.registry import load_registry


def plan(installed, registry, methods="majority", datasets="GunPoint", **fields):
    return make_plan(Request(methods.split(","), datasets.split(","), **fields), installed, registry)


def test_a_plan_is_the_product_of_what_was_asked(installed, registry):
    specs = plan(
        installed, registry, "trls,random:trls", "GunPoint,UnitTest", protocols=("knn", "linear-cv5"), seeds=(0, 7)
    ).specs
    assert len(specs) == 2 * 2 * 2 * (1 + 5)
    assert len({spec.key for spec in specs}) == len(specs)
    # runs that share a pre-training follow each other
    shared = [(s.dataset, s.fold, s.method, s.seed) for s in specs]
    assert len([1 for a, b in itertools.pairwise(shared) if a != b]) + 1 == len(set(shared))


def test_small_datasets_come_first(installed, registry):
    specs = plan(installed, registry, datasets="BasicMotions,GunPoint,UnitTest").specs
    assert [spec.dataset for spec in specs] == ["UnitTest", "GunPoint", "BasicMotions"]


def test_the_default_protocol_is_the_collections(installed, registry):
    assert [spec.protocol.name for spec in plan(installed, registry, datasets="BasicMotions").specs] == ["svm-rbf"]


def test_a_collection_that_only_lists_a_dataset_is_not_its_home(installed, registry):
    for name, protocol in (("icu-demo-mortality24-eicu", "linear"), ("p19", "linear"), ("JapaneseVowels", "svm-rbf")):
        assert expand_datasets([name], installed, registry)[0].default_protocol == protocol


def test_floors_add_the_untrained_twin_of_each_method(installed, registry):
    methods = [spec.method for spec in plan(installed, registry, "trls", floors=True).specs]
    assert sorted(methods) == ["1nn-ed", "majority", "random:trls", "trls"]


def test_a_method_with_its_own_decision_rule_runs_once_for_all_probes(installed, registry):
    specs = plan(installed, registry, protocols=("knn", "linear")).specs
    assert len(specs) == 1
    assert specs[0].own_probe


def test_overrides_enter_key_and_label_of_those_that_declare_them(installed, registry):
    changed = plan(installed, registry, "trls,majority", overrides={"encoder.cell": "gru", "lr": "3e-4"}).specs
    assert [spec.label for spec in changed] == ["trls[encoder.cell=gru]", "majority"]
    default = plan(installed, registry, "trls,majority").specs
    assert changed[0].key != default[0].key
    assert changed[1].key == default[1].key


def test_a_value_with_a_version_of_its_own_is_part_of_its_runs_alone(installed, registry):
    def versions(name, **overrides):
        (spec,) = plan(installed, registry, name, overrides=overrides).specs
        return {part: version for part, version in spec.versions.items() if part.startswith("precision")}

    assert versions("trls", precision="bf16") == {"precision:bf16": 2}
    assert versions("trls", precision="fp32") == versions("random:trls", precision="bf16") == {}


def test_setting_a_default_explicitly_is_the_same_run(installed, registry):
    explicit = plan(installed, registry, "trls", overrides={"encoder": "tfr", "encoder.cell": "lstm", "tau": "0.999"})
    assert explicit.specs[0].key == plan(installed, registry, "trls").specs[0].key
    assert explicit.specs[0].label == "trls"


@pytest.mark.parametrize("name", ["trls", "ts2vec", "ts-tcc", "t-loss", "tnc", "cpc", "simclr", "supervised", "aimts"])
def test_what_only_training_reads_makes_no_other_untrained_twin(installed, registry, name):
    twin, given = f"random:{name}", {}
    for d in declarations(installed["methods"].get(name).Params):
        values = (*d.choices, d.low, d.high, True)
        if d.stage == "training" and d.type != "str | None":
            given[d.name] = str(next(value for value in values if value not in (None, d.default)))
    given |= {"image_encoder": "small-cnn"} if "image_encoder" in given else {}  # which is looked up
    assert {"epochs", "min_steps", "max_steps", "batch_size", "lr", "weight_decay", "clip_norm", "precision"} <= set(
        given
    )
    (plain,), (spec,) = plan(installed, registry, twin).specs, plan(installed, registry, twin, overrides=given).specs
    assert (spec.key, spec.label, dict(spec.params)) == (plain.key, twin, dict(plain.params))
    assert plan(installed, registry, name, overrides={"lr": "0.5"}).specs[0].label == f"{name}[lr=0.5]"


def test_a_value_that_makes_no_other_row_is_checked_all_the_same(installed, registry):
    with pytest.raises(UsageError, match="random:trls: parameter 'max_steps' = 'many'"):
        plan(installed, registry, "random:trls", overrides={"max_steps": "many"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_steps": "7", "warmup_steps": "8"}, "trls: warmup_steps=8 is longer than max_steps=7; lower it"),
        ({"schedule": "linear"}, "trls: parameter 'schedule' = 'linear': Input should be 'constant' or 'cosine'"),
        (
            {"optimizer": "lamb"},
            "trls: parameter 'optimizer' = 'lamb': Input should be 'own', 'adam', 'adamw' or 'sgd'",
        ),
    ],
)
def test_what_no_training_can_follow_is_refused(installed, registry, given, message):
    with pytest.raises(UsageError, match=f"^{message}$"):
        plan(installed, registry, "trls", overrides=given)


@pytest.mark.parametrize(
    ("name", "given", "zero"),
    [
        ("trls", {"max_steps": "0"}, "max_steps=0"),
        ("ts2vec", {"max_steps": "0"}, "max_steps=0"),
        ("t-loss", {"min_steps": "0", "max_steps": "15"}, "epochs=0 and min_steps=0"),
        ("supervised", {"epochs": "0"}, "epochs=0 and min_steps=0"),
    ],
)
def test_a_training_without_a_step_is_refused(installed, registry, name, given, zero):
    with pytest.raises(UsageError, match=f"^{name}: {zero} trains no step; set .* above 0, or take random:{name}"):
        plan(installed, registry, name, overrides=given)
    assert plan(installed, registry, f"random:{name}", overrides=given).specs[0].label == f"random:{name}"


def test_what_shapes_an_untrained_twin_stays_in_its_label(installed, registry):
    given = {"encoder.cell": "gru", "max_steps": "7", "projector_dim": "8"}
    assert plan(installed, registry, "random:trls", overrides=given).specs[0].label == (
        "random:trls[encoder.cell=gru,projector_dim=8]"
    )


def test_threads_and_seed_enter_the_key_and_the_dataset_reference_does_not(installed, registry, tmp_path):
    keys = {plan(installed, registry, threads=t, seeds=(s,)).specs[0].key for t in (1, 2) for s in (0, 1)}
    assert len(keys) == 4


def test_normalisation_follows_the_dataset(installed, registry):
    specs = plan(installed, registry, datasets="GunPoint,BasicMotions,UnitTest").specs
    assert {spec.dataset: spec.normalisation for spec in specs} == {
        "GunPoint": "none",
        "BasicMotions": "channel",
        "UnitTest": "channel",
    }


def test_what_is_not_here_is_named_and_the_rest_is_planned(installed, registry):
    result = plan(installed, registry, datasets="uea")
    assert {spec.dataset for spec in result.specs} == {"BasicMotions", "JapaneseVowels"}
    assert len(result.missing) == 28
    assert "--data-dir" in result.missing["Epilepsy"]


def test_a_corrupt_dataset_does_not_keep_the_others_from_running(installed, registry, tmp_path):
    (tmp_path / "bad.csv").write_text("label,t0\na,x\n")
    result = plan(installed, registry, datasets=f"{tmp_path}/bad.csv,GunPoint")
    assert len(result.specs) == 1
    assert "bad" in next(iter(result.invalid.values()))


def test_the_fingerprint_is_cached_until_the_file_changes(installed, registry, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("label,t0,t1\n" + "a,1,2\nb,2,1\n" * 10)
    first = plan(installed, registry, datasets=str(path)).specs[0]
    assert plan(installed, registry, datasets=str(path)).specs[0].key == first.key
    path.write_text("label,t0,t1\n" + "a,1,2\nb,2,3\n" * 10)
    assert plan(installed, registry, datasets=str(path)).specs[0].fingerprint != first.fingerprint


def test_a_file_without_a_split_is_cross_validated_by_default_and_refused_under_an_archive_protocol(
    installed, registry, tmp_path
):
    path = tmp_path / "own.csv"
    path.write_text("label,t0,t1\n" + "a,1,2\nb,2,1\n" * 10)
    assert [spec.protocol.name for spec in plan(installed, registry, datasets=str(path)).specs] == ["svm-rbf-cv5"] * 5
    with pytest.raises(UsageError, match="no train/test split of its own"):
        plan(installed, registry, datasets=str(path), protocols=("svm-rbf",))


@pytest.mark.parametrize("method", ["random:trls", "majority"])
def test_resamples_have_a_split_of_their_own_and_begin_with_the_archives(installed, registry, method):
    def specs(protocol):
        return plan(installed, registry, method, "PickupGestureWiimoteZ", protocols=(protocol,)).specs

    (archive,), resamples = specs("ridge"), specs("ridge-resample30")
    assert len({spec.key for spec in resamples}) == len({spec.split for spec in resamples}) == 30
    assert resamples[0].split == archive.split and resamples[0].key != archive.key
    assert len({spec.protocol.hash() for spec in resamples} | {archive.protocol.hash()}) == 2
    assert {spec.protocol.split.label for spec in resamples} == {"resample30"}


def two_files(folder, train, test):
    for part, labels in (("TRAIN", train), ("TEST", test)):
        rows = "".join(f"{label},{number},{number + 1}\n" for number, label in enumerate(labels))
        (folder / f"own_{part}.csv").write_text(f"label,t0,t1\n{rows}")
    return str(folder)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("aabbc", "abab", "its test part has no case of class 'c' (the training part has 1)"),
        ("aabb", "ababc", "its training part has no case of class 'c'"),
    ],
)
def test_what_cannot_be_resampled_is_named_and_the_rest_is_planned(installed, registry, tmp_path, train, test, message):
    folder = two_files(tmp_path, train, test)
    for _ in range(2):  # read, then from the cache
        found = plan(installed, registry, datasets=f"{folder},GunPoint", protocols=("own-resample30",))
        assert {spec.dataset for spec in found.specs} == {"GunPoint"} and len(found.specs) == 30
        (reason,) = found.invalid.values()
        assert message in reason and reason.startswith("own: ")


def test_fewer_cases_than_folds_are_refused_before_any_run(installed, registry, tmp_path):
    (tmp_path / "few.csv").write_text("label,t0,t1\na,1,2\nb,2,1\na,1,1\n")
    found = plan(installed, registry, datasets=f"{tmp_path}/few.csv")
    assert not found.specs
    assert found.invalid["few"].startswith("few: 3 cases cannot be split into 5 folds; use fewer folds")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("{c: 1}", "knn has no parameter 'c'; it has: k, "),
        ("{k: none at all}", "knn: parameter 'k' = 'none at all': "),
    ],
)
@pytest.mark.parametrize("condition", ["", "+labels=0.5"])
def test_wrong_parameters_of_a_probe_are_refused_with_their_place(installed, tmp_path, params, said, condition):
    path = tmp_path / "mine.yaml"
    path.write_text(f"protocols:\n  odd:\n    probe: knn\n    probe_params: {params}\n")
    with pytest.raises(UsageError) as error:
        plan(installed, load_registry(path), "random:simclr", protocols=(f"odd{condition}",))
    assert str(error.value).startswith(f"registry {path}:4: protocol 'odd': probe_params: {said}")


def test_numbers_and_files_without_a_split_are_not_resampled(installed, registry, tmp_path):
    found = plan(installed, registry, datasets="Covid3Month", protocols=("ridge-resample30",))
    assert not found.specs and "its labels are for regression" in found.invalid["Covid3Month"]
    (tmp_path / "one.csv").write_text("label,t0,t1\n" + "a,1,2\nb,2,1\n" * 10)
    with pytest.raises(UsageError, match="one has no train/test split of its own.*use a cross-validated one"):
        plan(installed, registry, datasets=f"{tmp_path}/one.csv", protocols=("ridge-resample30",))


def ward(tmp_path, times=(0, 1, 5), n_static=3):
    """Return the path of ten cases with times and static values."""
    rng, y = np.random.default_rng(0), np.arange(10) % 2
    extra = {"times": np.tile(np.asarray(times, float), (10, 1)), "static": rng.normal(size=(10, n_static))}
    np.savez(tmp_path / "ward.npz", X=rng.normal(size=(10, 1, 3)), y=y, **extra)
    return str(tmp_path / "ward.npz")


@pytest.mark.parametrize(
    ("times", "n_static", "unread"),
    [
        ((0, 1, 5), 3, ["times (irregular)", "3 static values"]),
        ((0, 0.1, 0.2), 1, ["1 static value"]),
        ((0, 1e-9, 5e-9), 1, ["times (irregular)", "1 static value"]),
        ((1.7e9, 1.7e9 + 0.01, 1.7e9 + 0.02), 1, ["1 static value"]),  # as float64 holds them
    ],
)
def test_what_no_method_reads_of_a_dataset_is_noted(installed, registry, tmp_path, times, n_static, unread):
    path = ward(tmp_path, times, n_static)
    for _ in range(2):  # read, then from the cache
        found = plan(installed, registry, "majority,trls,ts2vec", f"{path},GunPoint", protocols=("linear-cv5",))
        assert found.unread == {"ward": unread}


def test_what_one_method_declares_to_read_is_not_noted(installed, registry, tmp_path, monkeypatch):
    monkeypatch.setattr(installed["methods"].get("majority"), "reads", frozenset({"static"}))
    found = plan(installed, registry, "majority,1nn-ed", ward(tmp_path))
    assert found.unread == {"ward": ["times (irregular)"]}
    monkeypatch.setattr(installed["methods"].get("1nn-ed"), "reads", ("times",))
    assert plan(installed, registry, "majority,1nn-ed", ward(tmp_path)).unread == {}


def test_what_the_encoder_of_a_method_reads_is_not_noted(installed, registry, tmp_path, monkeypatch):
    monkeypatch.setattr(installed["encoders"].get("gru"), "reads", frozenset({"times"}))
    path = ward(tmp_path)
    assert plan(installed, registry, "simclr", path).unread == {"ward": ["times (irregular)", "3 static values"]}
    found = plan(installed, registry, "simclr", path, overrides={"encoder": "gru"})
    assert found.unread == {"ward": ["3 static values"]}


class Plain(Encoder):
    """An encoder of one vector."""

    def forward(self, x):
        return x.mean(dim=2)


@pytest.mark.parametrize("method", ["ts2vec", "cpc", "ts-tcc", "aimts"])
def test_an_encoder_that_lacks_what_a_method_needs_is_refused(installed, registry, method):
    plugins = Plugins()
    plugins.load_entry_points()
    plugins["encoders"].add([Entry("plain", Plain, "tests")])
    with pytest.raises(UsageError, match="needs an encoder that has forward_sequence, and plain has none; choose an"):
        plan(plugins, registry, method, overrides={"encoder": "plain"})
    assert plan(plugins, registry, "simclr", overrides={"encoder": "plain"}).specs


def padding(spec):
    return {part.removeprefix(PADDING) for part in spec.versions if part.startswith(PADDING)}


@pytest.mark.parametrize(
    ("method", "overrides", "parts"),
    [
        ("simclr", {}, {"encoder:tcn", "views"}),
        ("simclr", {"encoder": "dilated-cnn"}, {"views"}),
        ("random:simclr", {"encoder": "gru"}, {"encoder:gru"}),
        ("cpc", {"encoder": "fcn"}, {"encoder:fcn"}),
        ("supervised", {"encoder": "tfr"}, set()),
        ("supervised", {"encoder": "tfr", "encoder.frequency": "off"}, {"encoder:tfr"}),
        ("t-loss", {}, set()),
        ("t-loss", {"encoder": "fcn"}, {"encoder:fcn"}),
        ("ts2vec", {"encoder": "fcn"}, {"encoder:fcn"}),
        *((name, {}, set()) for name in ("ts2vec", "aimts", "trls", "tnc", "majority", "minirocket-features")),
    ],
)
def test_what_is_done_with_padding_enters_the_key_where_there_is_any(installed, registry, method, overrides, parts):
    even, uneven = plan(installed, registry, method, "BasicMotions,JapaneseVowels", overrides=overrides).specs
    if even.dataset != "BasicMotions":
        even, uneven = uneven, even
    assert (padding(even), padding(uneven)) == (set(), parts)


def test_padded_sources_and_cached_summaries_count(installed, registry):
    for _ in range(2):
        (spec,) = plan(installed, registry, "cpc", "UnitTest", pretrain_on=("JapaneseVowels",)).specs
        assert padding(spec) == {"encoder:tcn"}
        assert not padding(plan(installed, registry, "cpc", "UnitTest", pretrain_on=("BasicMotions",)).specs[0])


@pytest.mark.parametrize("name", ["stft:n_fft=16", "gasf", "line-plot"])
def test_a_protocol_that_makes_maps_is_refused(installed, tmp_path, name):
    (tmp_path / "p.yaml").write_text(f'protocols:\n  maps: {{summary: s, probe: knn, transforms: ["{name}"]}}\n')
    with pytest.raises(UsageError, match=f"protocol 'maps': transform {name} makes maps of series"):
        plan(installed, load_registry(tmp_path / "p.yaml"), protocols=("maps",))


def test_two_datasets_of_one_name_are_refused(installed, registry, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.csv").write_text("label,t0\n" + "a,1\nb,2\n" * 5)
    with pytest.raises(UsageError, match="two datasets are named 'own'"):
        plan(installed, registry, datasets=f"{tmp_path}/a/own.csv,{tmp_path}/b/own.csv")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"methods": "trsl"}, "unknown method 'trsl'; did you mean 'trls'"),
        ({"methods": "random:majority"}, "has no training to leave out"),
        ({"datasets": "gunpoint"}, "unknown dataset or collection 'gunpoint'; did you mean 'GunPoint'"),
        ({"datasets": "./none.csv"}, "there is no such file or folder"),
        ({"protocols": ("svm",)}, "unknown protocol 'svm'"),
        ({"methods": "trls", "overrides": {"lrr": "1"}}, "no parameter 'lrr' in trls; did you mean 'lr'"),
        ({"methods": "trls", "overrides": {"tau": "2"}}, "trls: parameter 'tau' = '2'"),
        ({"methods": "trls", "overrides": {"encoder": "tfrr"}}, "unknown encoder 'tfrr'; did you mean 'tfr'"),
        ({"overrides": {"lr": "1"}}, "no parameter 'lr' in majority; parameters: none"),
    ],
)
def test_wrong_requests_are_refused_before_any_work(installed, registry, fields, message):
    with pytest.raises(UsageError, match=message):
        plan(installed, registry, **fields)


def test_parsing_of_seeds_and_overrides():
    assert parse_seeds("3") == (0, 1, 2)
    assert parse_seeds("5,0,5") == (5, 0)
    assert parse_seeds("4,") == (4,)
    assert parse_overrides(["a=1", "b.c=x=y"]) == {"a": "1", "b.c": "x=y"}
    for text in ("a", "0", "-1", "-1,2", "", f"{2**31},", f"0,{10**20}"):
        with pytest.raises(UsageError, match="--seeds"):
            parse_seeds(text)
    for pairs in (["a"], ["=1"], ["a=1", "a=2"]):
        with pytest.raises(UsageError, match="--set"):
            parse_overrides(pairs)


def test_one_pretraining_on_other_datasets_serves_all_targets(installed, registry):
    fields = {"pretrain_on": ("BasicMotions", "GunPoint"), "protocols": ("knn",)}
    specs = plan(installed, registry, "ts2vec,random:ts2vec,majority", "GunPoint,UnitTest", **fields).specs
    trained = [spec for spec in specs if spec.method == "ts2vec"]
    assert [[s.dataset for s in spec.sources] for spec in trained] == [["GunPoint", "BasicMotions"]] * 2
    assert [s.normalisation for s in trained[0].sources] == ["none", "channel"]
    assert len({spec.pretrain_key(np.arange(n)) for n, spec in enumerate(trained)}) == 1
    assert trained[0].label == "ts2vec[pretrain_on=BasicMotions+GunPoint]"
    others = plan(installed, registry, "ts2vec,random:ts2vec,majority", "GunPoint,UnitTest", protocols=("knn",)).specs
    own = {spec.key for spec in others}
    assert [spec.key in own for spec in specs] == [spec.method != "ts2vec" for spec in specs]


def test_the_target_left_out_of_its_pretraining(installed, registry):
    fields = {"pretrain_on": ("GunPoint", "UnitTest"), "exclude_target": True, "protocols": ("linear-cv5",)}
    specs = plan(installed, registry, "ts2vec", "GunPoint,BasicMotions", **fields).specs
    sources = {spec.dataset: [s.dataset for s in spec.sources] for spec in specs}
    assert sources == {"GunPoint": ["UnitTest"], "BasicMotions": ["UnitTest", "GunPoint"]}
    assert specs[0].label == "ts2vec[pretrain_on=GunPoint+UnitTest-target]"


def test_a_corpus_of_which_part_is_missing_says_so_in_the_label(installed, registry, monkeypatch):
    monkeypatch.setenv("TSBENCH_DATA", "")
    found = plan(installed, registry, "ts2vec", "UnitTest", pretrain_on=("GunPoint", "FordA"), protocols=("knn",))
    assert found.specs[0].label == "ts2vec[pretrain_on=GunPoint+FordA:1of2]"
    assert list(found.missing_sources) == ["FordA"] and not found.missing


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"exclude_target": True}, "needs --pretrain-on"),
        ({"pretrain_on": ("GunPoint",), "exclude_target": True}, "leaves nothing to pre-train on for GunPoint"),
        ({"pretrain_on": ("GunPoint",), "protocols": ("linear-cv5",)}, "may hold test cases of 'linear-cv5'"),
        ({"pretrain_on": ("GunPoint",), "protocols": ("linear+noise=1@all",)}, "corrupts the pre-training"),
        ({"pretrain_on": ("GunPoint",), "methods": "supervised"}, "supervised learns from the target's labels"),
        ({"pretrain_on": ("FordA",)}, "none of its datasets is on this machine"),
    ],
)
def test_what_cannot_be_pretrained_on_is_refused(installed, registry, fields, message, monkeypatch):
    monkeypatch.setenv("TSBENCH_DATA", "")
    with pytest.raises(UsageError, match=message):
        plan(installed, registry, **{"methods": "ts2vec", **fields})


def test_what_one_label_may_stand_for_is_told_apart(installed, registry):
    def configuration(**fields):
        spec = plan(installed, registry, "ts2vec", **fields).specs[0]
        return spec.configuration.split(":")

    row, cell = configuration()
    assert configuration(seeds=(3,)) == [row, cell]
    assert configuration(datasets="ItalyPowerDemand")[0] == row
    assert configuration(threads=2)[0] == row and configuration(threads=2)[1] != cell
    assert configuration(overrides={"encoder.hidden": "8"})[0] != row
    alone, both = configuration(pretrain_on=["UnitTest"]), configuration(pretrain_on=["UnitTest", "ItalyPowerDemand"])
    assert len({row, alone[0], both[0]}) == len({cell, alone[1], both[1]}) == 3
    apart = configuration(pretrain_on=["UnitTest"], exclude_target=True)
    assert apart[0] == row and apart[1] == alone[1]


def test_a_tuned_run_is_told_apart_by_what_was_planned(installed, registry):
    (spec,) = plan(installed, registry, "ts2vec").specs
    planned = spec.identity()["params"]
    runs = [replace(spec, params={**spec.params, "lr": lr}, planned=planned) for lr in (0.5, 0.25)]
    assert runs[0].configuration == runs[1].configuration
    other = replace(runs[0], planned={**planned, "lr": 0.125})
    assert other.configuration != runs[0].configuration and other.key == runs[0].key


def test_a_protocol_takes_the_folds_of_the_split_it_names(several_splits, registry):
    protocols = ("linear", "linear+split=raindrop", "linear+split=official")
    specs = plan(several_splits, registry, "trls", "several", protocols=protocols).specs
    counts = {name: [s.fold for s in specs if s.protocol.name == name] for name in protocols}
    assert counts == dict(zip(protocols, ([0], [0, 1, 2], [0]), strict=True))
    assert len({spec.key for spec in specs}) == len({spec.split for spec in specs}) == 5
    named = plan(several_splits, registry, "trls", "several", protocols=protocols, folds=(2,)).specs
    assert [(spec.protocol.name, spec.fold) for spec in named] == [("linear+split=raindrop", 2)]


@pytest.mark.parametrize(
    ("methods", "datasets", "protocol", "message"),
    [
        (
            "trls",
            "several",
            "linear+split=raindrp",
            r"several has no split 'raindrp'.*\(it has: archive, rain",
        ),
        ("trls", "GunPoint", "linear+split=raindrop", r"GunPoint has no split 'raindrop'.*\(it has: archive\)"),
        (
            "trls",
            "GunPoint",
            "linear+static=append",
            "GunPoint has no static values, which protocol 'linear",
        ),
        ("trls", "several", "finetune+static=append", "static: append needs a probe on features, not finetune"),
        ("1nn-ed", "several", "own+static=append", "static: append needs a probe on features, not a method's own rule"),
    ],
)
def test_a_split_or_static_values_that_are_not_there_are_refused(
    several_splits, registry, methods, datasets, protocol, message
):
    with pytest.raises(UsageError, match=message):
        plan(several_splits, registry, methods, datasets, protocols=(protocol,))


def test_static_values_that_a_probe_is_given_are_read(several_splits, registry):
    def unread(methods, protocol):
        return plan(several_splits, registry, methods, "several", protocols=(protocol,)).unread

    assert unread("trls", "linear") == {"several": ["2 static values"]}
    assert unread("trls,majority", "linear+static=append") == {}
    assert unread("majority", "linear+static=append") == {"several": ["2 static values"]}


def test_a_source_is_trained_on_the_split_that_is_named(several_splits, registry):
    def made(protocol, sources=("several",), **fields):
        return plan(several_splits, registry, "trls", "several", protocols=(protocol,), pretrain_on=sources, **fields)

    archive, official = (made(f"linear+split={name}").specs[0] for name in ("archive", "official"))
    assert [spec.sources[0].split_name for spec in (archive, official)] == ["archive", "official"]
    assert official.sources[0].split == official.split != archive.sources[0].split == archive.split
    index = np.arange(3)
    assert archive.pretrain_key(index) != official.pretrain_key(index)
    other = made("linear+split=official", ("GunPoint",), exclude_target=True).specs[0]
    assert other.sources[0].split_name == "archive"  # it has no other
    with pytest.raises(UsageError, match="fold 0 of several may hold test cases of fold 1; add --exclude-target"):
        made("linear+split=raindrop")
    assert len(made("linear+split=raindrop", folds=(0,)).specs) == 1


@pytest.mark.parametrize(
    ("methods", "protocol", "message"),
    [
        ("linear-fill,mean-fill", "impute+samples=0.3+labels=0.5", "labels=0.5 changes nothing"),
        ("linear-fill", "impute+samples=0.3@downstream", "@downstream is no more than @test"),
        ("supervised", "own+samples=0.3@downstream", "@downstream is no more than @test"),
        ("signal-text", "retrieval+labels=0.5", "labels=0.5 changes nothing"),
    ],
)
def test_a_condition_that_changes_nothing_is_refused(installed, registry, methods, protocol, message):
    with pytest.raises(UsageError, match=message):
        plan(installed, registry, methods, "BasicMotions", protocols=(protocol,))


@pytest.mark.parametrize(
    ("methods", "protocol"),
    [
        ("linear-fill,seqimage", "impute+samples=0.3+labels=0.5"),  # the second learns from labels
        ("supervised,1nn-ed", "own+samples=0.3@downstream"),  # the second is fitted by itself
        ("supervised", "own+samples=0.3@all+labels=0.5"),
        ("ts2vec", "knn+samples=0.3@downstream+labels=0.5"),
    ],
)
def test_a_condition_that_some_method_feels_is_planned(installed, registry, methods, protocol):
    assert plan(installed, registry, methods, "BasicMotions", protocols=(protocol,)).specs


def test_folds_at_random_where_nothing_is_grouped_are_noted(installed, registry, tmp_path):
    (tmp_path / "own.csv").write_text("label,subject,t0\n" + "".join(f"{'ab'[i % 2]},s{i},1\n" for i in range(10)))
    for dataset, noted in (("BasicMotions", True), (f"{tmp_path}/own.csv", False)):
        found = plan(installed, registry, datasets=dataset, protocols=("linear-cv5+group=none",))
        assert [line.startswith(f"note: {dataset} names no group") for line in found.remarks] == [True] * noted
    assert not plan(installed, registry, datasets="BasicMotions", protocols=("linear-cv5",)).remarks
