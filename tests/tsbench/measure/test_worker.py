import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import ROOT
from tsbench.data.splits import test_text as text_of_test
from tsbench.discovery.plugins import Plugins
from tsbench.errors import TsbenchError
from tsbench.learning.learner import Learner
from tsbench.measure.folds import divide
from tsbench.measure.worker import Worker
from tsbench.methods.classifier import Classifier
from tsbench.methods.ssl import SSLMethod
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.tasks.score import metrics_of

QUICK = {"max_steps": "4", "min_steps": "0", "batch_size": "8"}
SMALL_TS2VEC = {"iterations": "2", "encoder.hidden": "8", "encoder.depth": "2", "encoder.out_dim": "8"}


def specs(plugins, registry, method="trls", dataset="UnitTest", protocols=("knn",), **fields):
    if "trls" in method:
        fields.setdefault("overrides", QUICK)
    return make_plan(Request([method], [dataset], protocols, **fields), plugins, registry).specs


def assert_same(a, b):
    assert a.metrics == b.metrics
    for name in ("cases", "y_true", "y_pred", "scores"):
        np.testing.assert_array_equal(getattr(a.predictions, name), getattr(b.predictions, name))


def counted_fits(monkeypatch):
    """Return a list that gets the panels of each training."""
    fits, original = [], Learner.train
    monkeypatch.setattr(Learner, "train", lambda self, panels, *a: fits.append(panels) or original(self, panels, *a))
    return fits


@pytest.mark.parametrize("dataset", ["UnitTest", "BasicMotions", "JapaneseVowels", "PickupGestureWiimoteZ"])
def test_trls_runs_end_to_end_on_real_data(installed, registry, dataset):
    (spec,) = specs(installed, registry, dataset=dataset)
    result = Worker(installed).run(spec)
    assert result.status == "succeeded", result.error
    assert len(result.predictions.y_pred) == result.facts["n_test"]
    assert result.metrics == metrics_of(result.predictions)
    assert result.facts["steps"] == 4
    assert set(result.durations) == {"load", "fit", "encode", "probe", "predict"}


def test_the_same_key_gives_the_same_bits_whatever_ran_before(installed, registry):
    first, second = specs(installed, registry, protocols=("linear-paper", "svm-rbf"))
    alone = Worker(installed).run(second)
    warm = Worker(installed)
    warm.run(first)
    warm.run(specs(installed, registry, seeds=(5,))[0])
    torch.rand(3)
    assert_same(alone, warm.run(second))


def test_a_fresh_process_gives_the_same_bits(installed, registry, tmp_path):
    (spec,) = specs(installed, registry, dataset="GunPoint", protocols=("linear-paper",))
    here = Worker(installed, checkpoint_folder=tmp_path / "here").run(spec)
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from tests.tsbench.measure.test_worker import specs
from tsbench.discovery.plugins import plugins
from tsbench.registry import load_registry
from tsbench.store.packing import pack
from tsbench.measure.worker import Worker
(spec,) = specs(plugins(), load_registry(), dataset="GunPoint", protocols=("linear-paper",))
worker = Worker(plugins(), checkpoint_folder=Path("there"))
Path("bits").write_bytes(pack(worker.run(spec).predictions))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    from tsbench.store.packing import pack

    assert (tmp_path / "bits").read_bytes() == pack(here.predictions)
    weights = [load_file(tmp_path / side / here.checkpoint[1]) for side in ("here", "there")]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_probes_share_one_pretraining_in_memory_and_through_its_checkpoint(installed, registry, tmp_path, monkeypatch):
    fits = counted_fits(monkeypatch)
    both = specs(installed, registry, protocols=("knn", "logistic", "linear"))
    worker = Worker(installed, checkpoint_folder=tmp_path)
    results = [worker.run(spec) for spec in both]
    assert len(fits) == 1
    assert [r.facts["reused_pretraining"] for r in results] == [0, 1, 1]
    key, name, sha256 = results[0].checkpoint
    assert (tmp_path / name).exists()
    restored = Worker(installed, checkpoint_folder=tmp_path, sha256_of={key: sha256}.get)
    again = restored.run(both[2])
    assert_same(results[2], again)
    assert len(fits) == 1
    ranks = {(r.facts["rank_untrained"], r.facts["rank"]) for r in (*results, again)}
    assert len(ranks) == 1 and min(*ranks) > 1
    (tmp_path / name).write_bytes(b"rubbish")
    damaged = Worker(installed, checkpoint_folder=tmp_path, sha256_of={key: sha256}.get)
    assert_same(results[2], damaged.run(both[2]))
    assert len(fits) == 2


def test_the_untrained_twin_never_trains(installed, registry):
    (spec,) = specs(installed, registry, method="random:trls")
    result = Worker(installed).run(spec)
    assert result.status == "succeeded"
    assert result.facts["steps"] == 0
    assert result.curve == []


def test_a_training_that_makes_no_step_is_no_result(installed, registry, tmp_path):
    """Seen in the run where a method counts its steps on its own, also with the weights of such a run kept."""
    (spec,) = specs(installed, registry, method="ts2vec", overrides={**SMALL_TS2VEC, "iterations": "0"})
    result = Worker(installed, checkpoint_folder=tmp_path).run(spec)
    assert result.error.startswith("TS2Vec trained no step: its parameters leave none") and not list(tmp_path.iterdir())
    (features,) = specs(installed, registry, method="minirocket-features", overrides={"n_kernels": "84"})
    assert Worker(installed).run(features).facts["steps"] == 0


def test_test_labels_reach_nothing_that_is_fitted(installed, registry, monkeypatch):
    (spec,) = specs(installed, registry, protocols=("linear-paper",))
    clean = Worker(installed).run(spec)

    def poisoned(*arguments):
        parts = divide(*arguments)
        parts.y_test[:] = 1 - parts.y_test
        return parts

    monkeypatch.setattr("tsbench.measure.run.divide", poisoned)
    result = Worker(installed).run(spec)
    np.testing.assert_array_equal(result.predictions.scores, clean.predictions.scores)
    assert result.metrics["accuracy"] == pytest.approx(1 - clean.metrics["accuracy"])


def with_method(tmp_path, body, base="SSLMethod"):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\nimport torch\nfrom tsbench import hookimpl\n"
        f"from tsbench import Classifier, SSLMethod\n\nclass Mine({base}):\n{body}\n\n"
        "@hookimpl\ndef tsbench_methods(register):\n    register('mine', Mine)\n"
    )
    plugins = Plugins()
    plugins.load_entry_points()
    plugins.load_file(path)
    return plugins


BUILD = "    def build(self, shapes):\n        self.w = torch.nn.Parameter(torch.ones(1))\n"
STEP = "    def training_step(self, step):\n        return self.w.square().sum()\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (BUILD + STEP + "    def represent(self, b):\n        return b.x[:2, 0]\n", "gave features of shape"),
        (BUILD + STEP + "    def represent(self, b):\n        return b.x[:, 0] * float('nan')\n", "(?i)nan|not finite"),
        (
            BUILD + "    def training_step(self, step):\n        return self.w.log().sum() - self.w.sum() / 0\n",
            "loss is",
        ),
        (BUILD + "    def training_step(self, step):\n        raise KeyError('x')\n", "KeyError: 'x'"),
        (BUILD + "    def training_step(self, step):\n        raise SystemExit(0)\n", "SystemExit: 0"),
        ("    def build(self, shapes):\n        raise MemoryError('big')\n" + STEP, "big"),
    ],
)
def test_what_a_method_does_wrong_is_a_result(tmp_path, registry, body, message):
    plugins = with_method(tmp_path, body)
    (spec,) = specs(plugins, registry, method="mine", overrides={"max_steps": "2"})
    result = Worker(plugins).run(spec)
    assert result.status == ("oom" if message == "big" else "failed")
    assert result.metrics == {} and result.predictions is None
    assert re.search(message, result.error)
    assert "\n" not in result.error
    assert "Traceback" in result.traceback


@pytest.mark.parametrize(
    ("scores", "message"),
    [("np.zeros((3, 2))", r"scores of shape \(3, 2\)"), ("np.full((len(p), 2), np.nan)", "NaN scores for 22 of 22")],
)
def test_what_a_classifier_does_wrong_is_a_result(tmp_path, registry, scores, message):
    body = f"    def fit(self, *a):\n        pass\n    def predict_scores(self, p):\n        return {scores}\n"
    plugins = with_method(tmp_path, body, "Classifier")
    result = Worker(plugins).run(specs(plugins, registry, method="mine")[0])
    assert result.status == "failed"
    assert re.search(message, result.error)


CLASSIFIER = "    def predict_scores(self, p):\n        return np.zeros((len(p), 2))\n    def fit(self, *a):\n"


def test_peak_memory_is_what_the_run_added(tmp_path, registry, monkeypatch):
    plugins = with_method(tmp_path, CLASSIFIER + "        pass\n", "Classifier")
    (spec,) = specs(plugins, registry, method="mine")
    peaks = iter([300, 450])  # at the start, and at the end; test_local.py measures true ones in a process of its own
    monkeypatch.setattr("tsbench.measure.resources.peak_memory", lambda device: next(peaks))
    result = Worker(plugins).run(spec)
    assert (result.peak_memory_bytes, result.facts["memory_at_start_bytes"]) == (150, 300)


def test_no_duration_holds_what_a_process_does_once(tmp_path, registry, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "once.py").write_text("import numba\nHANDS = [0.0]\nHANDS[0] += 100\n")
    body = "        import once\n        once.numba.njit(lambda x: x + 1)(1)\n        once.HANDS[0] += 7\n"
    plugins = with_method(tmp_path, CLASSIFIER + body, "Classifier")
    (spec,) = specs(plugins, registry, method="mine")

    def seconds():
        return sys.modules["once"].HANDS[0] if "once" in sys.modules else 0.0

    def note(doing, took):
        if doing == "compiling":
            sys.modules["once"].HANDS[0] += 50

    monkeypatch.setattr("tsbench.learning.clock.time", SimpleNamespace(perf_counter=seconds))
    result = Worker(plugins, note=note).run(spec)
    del sys.modules["once"]
    assert result.error == ""
    assert (result.durations["fit"], result.durations["compile"]) == (7, 50)
    assert result.durations["predict"] == result.durations["load"] == 0


def test_labels_reach_only_supervised_methods(tmp_path, registry):
    step = "    def training_step(self, step):\n        assert (step.batch.y is not None) == self.supervised\n"
    step += "        return self.w.square().sum()\n    def represent(self, b):\n        return b.x[:, 0]\n"
    build = "    def build(self, shapes):\n        self.w = torch.nn.Parameter(torch.ones(1))\n"
    build += "        assert shapes[0].n_classes == (2 if self.supervised else 0)\n"
    for number, flag in enumerate((True, False)):
        folder = tmp_path / str(number)
        folder.mkdir()
        plugins = with_method(folder, f"    supervised = {flag}\n" + build + step)
        (spec,) = specs(plugins, registry, method="mine", overrides={"max_steps": "2"})
        assert Worker(plugins).run(spec).error == ""


@pytest.mark.parametrize("supervised", [False, True])
def test_unlabelled_cases_are_pretrained_on_without_labels(tmp_path, registry, supervised):
    step = "    def training_step(self, step):\n        SEEN.append((step.source, step.batch.x.shape[2]))\n"
    step += "        return self.w.square().sum()\n    def represent(self, b):\n        return b.x[:, 0]\n"
    plugins = with_method(tmp_path, f"    supervised = {supervised}\n" + BUILD + step)
    seen = plugins["methods"].get("mine").training_step.__globals__.setdefault("SEEN", [])
    (tmp_path / "X_TRAIN.csv").write_text("label,a,b\n0,1,2\n1,4,9\n0,2,2\n1,4,8\n")
    (tmp_path / "X_TEST.csv").write_text("label,a,b\n0,1,2\n1,4,9\n")
    without = specs(plugins, registry, method="mine", dataset=str(tmp_path / "X_TRAIN.csv"))[0]
    (tmp_path / "X_UNLABELLED.csv").write_text("a,b,c,d\n1,5,3,2\n2,2,9,1\n1,1,1,7\n")
    (spec,) = specs(plugins, registry, method="mine", dataset=str(tmp_path / "X_TRAIN.csv"))
    assert spec.key != without.key
    result = Worker(plugins).run(spec)
    assert result.error == "" and result.facts["n_unlabelled"] == 3
    assert set(seen) == ({(0, 2)} if supervised else {(0, 2), (1, 4)})


def test_which_unlabelled_cases_are_used_is_said_of_every_run_that_may_use_them(tmp_path, installed, registry):
    head, series = ",".join(f"t{t}" for t in range(9)), [",".join(str(i * t % 7) for t in range(9)) for i in range(20)]
    rows = "".join(f"{'ab'[i % 2]},s{i},{x}\n" for i, x in enumerate(series))
    (tmp_path / "X_TRAIN.csv").write_text(f"label,subject,{head}\n{rows}")
    (tmp_path / "X_TEST.csv").write_text(f"label,subject,{head}\n{rows.replace(',s', ',v')}")
    (tmp_path / "X_UNLABELLED.csv").write_text(f"subject,{head}\nu1,{series[3]}\nu2,{series[5]}\n")
    worker, path = Worker(installed), str(tmp_path / "X_TRAIN.csv")

    def told(method):
        (spec, *_) = specs(installed, registry, method=method, dataset=path, protocols=("ridge-cv5",))
        result = worker.run(spec)
        assert result.error == "", result.error
        return any("no subject of the 2 unlabelled cases" in text for text in result.warnings)

    methods = ("majority", "minirocket-features", "hist-gradient-boosting", "random:ts2vec")
    assert [told(method) for method in methods] == [False, True, False, False]


def test_one_class_in_training_is_refused(tmp_path, installed, registry):
    for part, labels in [("TRAIN", "aa"), ("TEST", "ab")]:
        rows = "".join(f"{label},1,2,{i}\n" for i, label in enumerate(labels))
        (tmp_path / f"own_{part}.csv").write_text("label,t0,t1,t2\n" + rows)
    plan = make_plan(Request(["majority"], [str(tmp_path / "own_TRAIN.csv")]), installed, registry)
    said = "own: the training part of fold 0 has one class only ('a'): nothing to learn"
    assert not plan.specs and plan.invalid == {"own": said}
    (tmp_path / "own_TRAIN.csv").unlink()
    (tmp_path / "own_TEST.csv").write_text("label,t0\n" + "1.5,1\n" * 9)
    (tmp_path / "own_TEST.csv").rename(tmp_path / "one.csv")
    plan = make_plan(Request(["majority"], [f"regression:{tmp_path / 'one.csv'}"]), installed, registry)
    assert plan.invalid == {"one": "one: the whole dataset (9 cases) has one value only (1.5): nothing to learn"}


def test_a_test_label_never_seen_in_training_counts_as_wrong(tmp_path, installed, registry):
    (tmp_path / "own_TRAIN.csv").write_text("label,t0,t1\n" + "a,1,2\nb,2,1\n" * 4)
    (tmp_path / "own_TEST.csv").write_text("label,t0,t1\na,1,2\nb,2,1\nc,9,9\nb,2,1\n")
    for method in ("1nn-ed", "random:trls"):
        (spec,) = specs(installed, registry, method=method, dataset=str(tmp_path / "own_TRAIN.csv"))
        result = Worker(installed).run(spec)
        assert result.status == "succeeded", result.error
        assert result.predictions.y_pred[2] != 2
        assert result.metrics["accuracy"] <= 0.75
        assert result.predictions.classes == ("a", "b", "c")
        said = "class 'c' is in no training case, and in 1 of 4 test cases: nothing can be learnt of it"
        assert said in result.warnings


def test_changed_data_is_a_result(tmp_path, installed, registry):
    path, cases = tmp_path / "own.csv", "a,1,2\nb,2,1\n" * 5
    path.write_text(f"label,t0,t1\n{cases}a,1,1\n")
    first = specs(installed, registry, method="majority", dataset=str(path), protocols=())[0]
    path.write_text(f"label,t0,t1\n{cases}a,1,3\n")
    assert "has changed since the run was planned" in Worker(installed).run(first).error


def test_interfaces_cannot_be_made_without_their_methods():
    for interface in (SSLMethod, Classifier):
        with pytest.raises(TypeError, match="abstract"):
            interface(None)
    assert issubclass(TsbenchError, Exception)


def test_conditions_share_one_pretraining_unless_they_reach_it(installed, registry, monkeypatch):
    fits = counted_fits(monkeypatch)
    conditions = ("", "+labels=0.3", "+dropout=0.4", "+dropout=0.4@downstream", "+noise=5")
    planned = specs(installed, registry, dataset="GunPoint", protocols=tuple(f"knn{c}" for c in conditions))
    worker = Worker(installed)
    results = {spec.protocol.name: worker.run(spec) for spec in planned}
    assert {r.status for r in results.values()} == {"succeeded"}
    assert len(fits) == 1
    assert results["knn+labels=0.3"].facts["n_labelled"] == 15
    scores = [r.predictions.scores.tobytes() for r in results.values()]
    assert len(set(scores)) == len(scores)
    (deep,) = specs(installed, registry, dataset="GunPoint", protocols=("knn+dropout=0.4@all",))
    assert worker.run(deep).status == "succeeded"
    assert len(fits) == 2


def test_finetuning_trains_a_copy_and_leaves_the_pretraining_alone(installed, registry, tmp_path):
    (tmp_path / "mine.yaml").write_text("protocols:\n  quick: {probe: finetune, probe_params: {epochs: 2}}\n")
    from tsbench.registry import load_registry

    own = load_registry(tmp_path / "mine.yaml")
    tuned, probed = specs(installed, own, protocols=("quick", "knn"))
    worker = Worker(installed)
    assert worker.run(tuned).status == "succeeded"
    assert_same(worker.run(probed), Worker(installed).run(probed))


def test_targets_share_a_pretraining_on_other_datasets(installed, registry, tmp_path, monkeypatch):
    fits = counted_fits(monkeypatch)
    request = Request(
        ["ts2vec"], ["UnitTest", "ItalyPowerDemand"], ("knn",), overrides=SMALL_TS2VEC, pretrain_on=["GunPoint"]
    )
    planned = make_plan(request, installed, registry).specs
    worker = Worker(installed)
    results = [worker.run(spec) for spec in planned]
    assert [result.error for result in results] == ["", ""]
    assert len(fits) == 1
    (panel,) = fits[0]
    assert (len(panel), panel.y) == (50, None)  # GunPoint's training part, without labels
    again = Worker(installed).run(planned[1])  # whichever run comes first, the result is the same
    assert_same(worker.run(planned[1]), again)


def test_a_pretraining_on_other_channels_is_refused_before_it_begins(installed, registry, monkeypatch):
    monkeypatch.setattr(Learner, "train", lambda *given: pytest.fail("trained"))
    request = Request(["ts2vec"], ["BasicMotions"], ("knn",), overrides=SMALL_TS2VEC, pretrain_on=["GunPoint"])
    result = Worker(installed).run(make_plan(request, installed, registry).specs[0])
    assert result.status == "failed"
    assert "pre-trained on series of 1 channels and cannot encode BasicMotions, which has 6" in result.error


def subjects(path, ids):
    rows = [f"{'ab'[i % 2]},{i % 2 + i / 99},{i % 5},{who}" for i, who in enumerate(ids)]
    path.write_text("\n".join(["label,x,y,subject", *rows]) + "\n")
    return str(path)


def test_two_files_that_differ_in_their_subjects_alone_are_not_taken_for_each_other(tmp_path, installed, registry):
    names = [subjects(tmp_path / "a.csv", [i // 4 for i in range(40)]), subjects(tmp_path / "b.csv", list(range(40)))]
    planned = [specs(installed, registry, "1nn-ed", name, ("svm-rbf-cv5",))[0] for name in names]
    assert planned[0].fingerprint == planned[1].fingerprint and planned[0].split != planned[1].split
    worker = Worker(installed)
    for spec in planned:
        warm, alone = worker.run(spec), Worker(installed).run(spec)
        assert_same(warm, alone)
        assert text_of_test(warm.predictions.cases) in spec.made_on


def test_a_split_that_changed_since_the_run_was_planned_is_a_result(tmp_path, installed, registry):
    path = tmp_path / "a.csv"
    planned = specs(installed, registry, "1nn-ed", subjects(path, [i // 4 for i in range(40)]), ("svm-rbf-cv5",))
    subjects(path, list(range(40)))
    result = Worker(installed).run(planned[0])
    assert (result.status, result.error) == ("failed", "a has changed since the run was planned; run the command again")


def split_in_two(folder, rows, first):
    """Write a dataset whose first rows are for training."""
    for part, lines in (("TRAIN", rows[:first]), ("TEST", rows[first:])):
        (folder / f"src_{part}.csv").write_text("\n".join(["label,x,y,z", *lines]) + "\n")
    return str(folder)


def test_a_case_that_moves_between_the_parts_of_a_source_is_trained_anew(tmp_path, installed, registry):
    (folder := tmp_path / "src").mkdir()
    rows = [f"{'ab'[i % 2]},{i % 2},{i % 7},{i % 5}" for i in range(24)]

    def run(first):
        source = split_in_two(folder, rows, first)
        request = Request(["ts2vec"], ["UnitTest"], ("knn",), overrides=SMALL_TS2VEC, pretrain_on=[source])
        (spec,) = make_plan(request, installed, registry).specs
        known = {kept[0]: kept[2]} if (kept := results[-1].checkpoint if results else None) else {}
        results.append(Worker(installed, checkpoint_folder=tmp_path / "kept", sha256_of=known.get).run(spec))
        assert results[-1].status == "succeeded", results[-1].error
        return spec, results[-1].facts["reused_pretraining"]

    results = []
    (before, reused), (same, again), (after, anew) = run(12), run(12), run(14)
    assert before.key == same.key == after.key and (reused, again, anew) == (0.0, 1.0, 0.0)
    assert before.made_on == same.made_on != after.made_on
    assert before.made_on.split()[:2] == after.made_on.split()[:2]


def test_static_values_stand_beside_the_features_of_one_pretraining(several_splits, registry, monkeypatch, tmp_path):
    fits, seen = counted_fits(monkeypatch), []
    protocols = ("linear", "linear+static=append")
    plain, append = specs(several_splits, registry, dataset="several", protocols=protocols)
    probe, worker = several_splits["probes"].get("linear"), Worker(several_splits, checkpoint_folder=tmp_path)
    fit = probe.fit
    monkeypatch.setattr(probe, "fit", lambda self, m, train, *rest: seen.append(train.x) or fit(self, m, train, *rest))
    without, given = worker.run(plain), worker.run(append)
    assert (without.status, given.status, len(fits)) == ("succeeded", "succeeded", 1)
    assert without.checkpoint == given.checkpoint
    np.testing.assert_array_equal(seen[0], seen[1][:, :-2])
    np.testing.assert_allclose(seen[1][:, -2:].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(seen[1][:, -2:].std(axis=0), 1, rtol=1e-5)
    assert_same(given, Worker(several_splits).run(append))


def test_static_values_reach_a_method_standardised(several_splits, registry, monkeypatch):
    fits = counted_fits(monkeypatch)
    (spec,) = specs(several_splits, registry, dataset="several", protocols=("linear+split=official",))
    assert Worker(several_splits).run(spec).status == "succeeded"
    own, *unlabelled = fits[0]
    np.testing.assert_allclose(own.static.mean(axis=0), 0, atol=1e-6)
    assert (own.static_names, unlabelled) == (("age", "height"), [])  # which may hold test cases of another split


@pytest.mark.parametrize("method", ["random:ts2vec", "hist-gradient-boosting", "mask-only"])
def test_a_channel_that_training_lacks_decides_nothing(tmp_path, installed, registry, method):
    results = []
    for level in (7, -700):
        folder = tmp_path / str(level)
        folder.mkdir()
        for part, second in (("TRAIN", ",".join("?" * 9)), ("TEST", ",".join([str(level)] * 9))):
            rows = [f"{','.join(str(i * j % 5) for j in range(1, 10))}:{second}:{'ab'[i % 2]}" for i in range(12)]
            head = "@problemName w\n@univariate false\n@dimensions 2\n@classLabel true a b\n@data"
            (folder / f"w_{part}.ts").write_text("\n".join([head, *rows]))
        (spec,) = specs(installed, registry, method, dataset=str(folder / "w_TRAIN.ts"), protocols=("ridge",))
        results.append(Worker(installed).run(spec))
    for result in results:
        assert result.status == "succeeded", result.error
        assert "channel 1 has no observed value in training: it is missing in all cases" in result.warnings
    np.testing.assert_array_equal(*(result.predictions.scores for result in results))


def test_categories_that_training_lacks_are_said_where_static_values_are_read(tmp_path, installed, registry):
    wards = ["x"] * 20 + ["z"] * 2
    rows = [f"{'ab'[i % 2]},{ward},{i % 5},{i % 3}" for i, ward in enumerate(wards)]
    (tmp_path / "w_TRAIN.csv").write_text("\n".join(["label,static_ward,t0,t1", *rows[:20]]))
    (tmp_path / "w_TEST.csv").write_text("\n".join(["label,static_ward,t0,t1", *rows[20:]]))
    path = str(tmp_path / "w_TRAIN.csv")
    plain, append = specs(installed, registry, dataset=path, protocols=("knn", "knn+static=append"))
    worker = Worker(installed)
    said = "static ward: 'z' (2 cases) is in no training case: all its columns are 0"
    assert said not in worker.run(plain).warnings
    assert said in worker.run(append).warnings
