"""Learner: what it learns is told by panel, parameters and seed, and comes back from a folder."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import tsbench
from tsbench.data.panel import Panel
from tsbench.discovery.plugins import plugins
from tsbench.errors import InvalidDataError, MethodError, TsbenchError, UsageError
from tsbench.learning.learner import Learner
from tsbench.methods.capabilities import capabilities
from tsbench.methods.ssl import SSLMethod
from tsbench.testing import make_data, noise
from tsbench.testing.checks import SMALL

SMALL_TS2VEC = {"iterations": 2, "encoder.hidden": 8, "encoder.depth": 2, "encoder.out_dim": 8}
CLASSES = {entry.name: plugins()["methods"].get(entry.name) for entry in plugins()["methods"] if entry.name[-1] != ":"}
# Those that read texts have tests of their own: the panels here have none
METHODS = [name for name, cls in CLASSES.items() if issubclass(cls, SSLMethod) and "text" not in cls.reads]


class Mean(SSLMethod):
    """Weighs the mean of each channel."""

    def build(self, shapes):
        self.w = torch.nn.Parameter(torch.rand(shapes[0].n_channels))

    def training_step(self, step):
        return (self.w - step.batch.x.mean()).square().sum()

    def represent(self, batch):
        return batch.x.mean(dim=2) * self.w


class Insists(Mean):
    normalisation = "none"


class Sees(Mean):
    """Notes what it is trained on."""

    seen: ClassVar[list] = []

    def training_step(self, step):
        self.seen.append((step.source, tuple(step.batch.x.shape[1:]), step.batch.y is not None))
        return super().training_step(step)


class Labelled(Sees):
    supervised = True


def small(name, **settings):
    """Return a learner with little training."""
    known = Learner(name).settings.flat()
    return Learner(name, **{key: value for key, value in {**SMALL, **settings}.items() if key in known})


@pytest.fixture
def fitted():
    return Learner("ts2vec", **SMALL_TS2VEC).fit(noise(6, 2, 20))


@pytest.fixture
def folder(fitted, tmp_path):
    fitted.save(tmp_path / "kept")
    return tmp_path / "kept"


def test_it_is_a_public_name():
    assert tsbench.Learner is Learner


@pytest.mark.parametrize("name", METHODS)
def test_each_method_learns_encodes_and_comes_back(name, tmp_path):
    panel = make_data(sizes=(9, 0, 1), channels=2, length=40).panel
    learner = small(name).fit(panel)
    gives = "encode" if "represent" in capabilities(learner.cls) else "reconstruct"
    features = getattr(learner, gives)(panel)
    assert features.dtype == np.float32 and features.shape[0] == len(panel) and np.isfinite(features).all()
    assert learner.report["steps"] > 0 or not learner.cls.trains
    learner.save(tmp_path)
    again = Learner.load(tmp_path)
    np.testing.assert_array_equal(getattr(again, gives)(panel), features)
    assert again.report == learner.report


def test_a_fresh_process_gives_the_same_bits(fitted, folder, tmp_path):
    panel = noise(4, 2, 20, seed=1)
    np.save(tmp_path / "x.npy", panel.X)
    code = (
        "import numpy as np; from tsbench import Learner, Panel\n"
        "np.save('features.npy', Learner.load('kept').encode(Panel.build(np.load('x.npy'))))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "features.npy"), fitted.encode(panel))


def test_the_seed_alone_tells_one_training_from_another():
    panel = noise(6, 2, 20)
    one, again, other = (Learner("ts2vec", **SMALL_TS2VEC).fit(panel, seed=s).encode(panel) for s in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    learner = Learner("ts2vec", **SMALL_TS2VEC).fit(noise(6, 3, 25))
    np.testing.assert_array_equal(learner.fit(panel, seed=3).encode(panel), one)  # nothing of the first fit is left


@pytest.mark.parametrize("name", ["ts2vec", "trls", "simclr"])
def test_the_normalisation_is_inside(name):
    panel = noise(6, 2, 32)
    panel = replace(panel, X=np.round(panel.X * 1024) / np.float32(1024))  # what float32 also holds when it is scaled
    scaled = replace(panel, X=(panel.X * np.float32([[4], [0.5]]) + np.float32([[64], [-2]])).astype(np.float32))
    own, other = (small(name).fit(p).encode(p) for p in (panel, scaled))
    np.testing.assert_allclose(own, other, rtol=1e-3, atol=1e-3)
    raw, moved = (Learner(Mean, normalisation="none", epochs=1).fit(p).encode(p) for p in (panel, scaled))
    assert not np.allclose(raw, moved)


def test_the_statistics_are_those_of_the_panel_it_was_fitted_on():
    panel, other = noise(6, 2, 20), noise(3, 2, 20, seed=5)
    learner = Learner(Mean, epochs=1).fit(panel)
    z = (other.X - panel.X.mean((0, 2), keepdims=True)) / panel.X.std((0, 2), keepdims=True)
    expected = z.mean(2) * learner.method.w.detach().numpy()
    np.testing.assert_allclose(learner.encode(other), expected, rtol=1e-4, atol=1e-6)


def test_a_methods_own_normalisation_wins():
    learner = Learner(Insists, normalisation="channel", epochs=1)
    assert learner.normalisation == "none" and learner.fit(noise()).statistics is None


def test_unlabelled_panels_are_learnt_from_without_labels():
    Sees.seen = []
    extra = Panel.build(noise(5, 2, 30).X, list("ababa"))
    Learner(Sees, epochs=1).fit(noise(6, 2, 20), unlabelled=extra)
    assert set(Sees.seen) == {(0, (2, 20), False), (1, (2, 30), False)}
    Sees.seen = []
    Learner(Sees, epochs=1).fit(noise(6, 2, 20), unlabelled=[extra, extra])
    assert {source for source, *_ in Sees.seen} == {0, 1, 2}


def test_labels_reach_supervised_methods_alone(panel):
    for cls in (Sees, Labelled):
        cls.seen = []
        learner = Learner(cls, epochs=1).fit(panel)
        assert {labelled for *_, labelled in cls.seen} == {cls.supervised}
        assert learner.shapes[0].n_classes == (3 if cls.supervised else 0)
    with pytest.raises(InvalidDataError, match="Labelled learns from labels of classification, and the panel has none"):
        Learner(Labelled).fit(panel.without_labels())
    with pytest.raises(UsageError, match="leave out the unlabelled cases"):
        Learner(Labelled).fit(panel, unlabelled=panel)


def test_labels_change_no_feature(panel):
    learner = Learner("ts2vec", **SMALL_TS2VEC).fit(panel)
    np.testing.assert_array_equal(learner.encode(panel), learner.encode(panel.without_labels()))


def test_the_untrained_twin_is_built_and_no_more(panel):
    twin = Learner("random:ts2vec", **SMALL_TS2VEC).fit(panel)
    assert twin.report == {"steps": 0, "seconds": 0.0}
    trained = Learner("ts2vec", **SMALL_TS2VEC).fit(panel)
    assert not np.array_equal(twin.encode(panel), trained.encode(panel))


def test_progress_is_told():
    told = []
    Learner(Mean, max_steps=3).fit(noise(6), progress=lambda *step: told.append(step[:2]))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Learner("ts2vce"), "did you mean 'ts2vec'"),
        (lambda: Learner("1nn-ed"), "1nn-ed gives no features, only decisions"),
        (lambda: Learner(dict), "dict gives no features"),
        (lambda: Learner(7), "7 gives no features"),
        (lambda: Learner("random:minirocket-features"), "no training to leave out"),
        (lambda: Learner("ts2vec", lrr=1), "no parameter 'lrr'"),
        (lambda: Learner("ts2vec", **{"encoder.sell": 1}), "no parameter 'encoder.sell'"),
        (lambda: Learner("ts2vec", lr="much"), "parameter 'lr' = 'much'"),
        (lambda: Learner("ts2vec", normalisation="auto"), "choose channel or none"),
        (lambda: Learner("ts2vec", device="abacus"), "device 'abacus' cannot be used"),
        (lambda: Learner("ts2vec").encode(noise()), r"call fit\(panel\) first"),
        (lambda: Learner("ts2vec").save("nowhere"), r"call fit\(panel\) first"),
        (lambda: Learner("ts2vec").fit(noise().X), "fit takes a Panel, got ndarray"),
        (lambda: Learner("ts2vec").fit(noise(), unlabelled=[noise().X]), "fit takes a Panel, got ndarray"),
        (lambda: Learner(Mean, epochs=0).fit(noise()), "trained no step"),
        (lambda: Learner(Mean, epochs=1).fit(noise(c=2)).encode(noise(c=3)), "2 channels and cannot encode this panel"),
    ],
)
def test_wrong_input_is_one_line(make, message):
    with pytest.raises(TsbenchError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_training_that_failed_leaves_nothing_to_encode_with():
    learner = Learner(Mean, epochs=1).fit(noise())
    with pytest.raises(MethodError):
        Learner.of("Mean", Mean, Learner(Mean, epochs=0).settings).fit(noise())
    learner.settings = Learner(Mean, epochs=0).settings
    with pytest.raises(MethodError, match="trained no step"):
        learner.fit(noise())
    with pytest.raises(UsageError, match="call fit"):
        learner.encode(noise())


def test_a_class_that_no_plugin_registers_is_given_again(tmp_path):
    learner = Learner(Mean, epochs=1).fit(noise())
    learner.save(tmp_path)
    with pytest.raises(UsageError, match="unknown method 'Mean'"):
        Learner.load(tmp_path)
    np.testing.assert_array_equal(Learner.load(tmp_path, method=Mean).encode(noise()), learner.encode(noise()))


def tampered(folder, **values):
    path = folder / "learner.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


SHAPE = {"n_channels": 2, "n_timepoints": 20, "n_static": 0, "n_classes": 0, "sampling_rate": None}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "os.system"}, "unknown method 'os.system'"),
        ({"method": "1nn-ed"}, "gives no features"),
        ({"method": 5}, "learner.json, method: "),
        ({"format": 2}, "learner.json, format: "),
        ({"version": 99}, "version 99 of ts2vec, which is now"),
        ({"versions": {}}, "version None of encoder:dilated-cnn, which is now"),
        ({"params": {"encoder": "no-such"}}, "unknown encoder 'no-such'"),
        ({"params": {"device": "cuda"}}, "no parameter 'device'"),
        ({"params": {"encoder.out_dim": 4}}, "size mismatch"),
        ({"normalisation": "auto"}, "learner.json, normalisation: "),
        ({"statistics": [[0.0], [1.0]]}, "the statistics are not"),
        ({"statistics": [[0.0, 0.0], [1.0, 0.0]]}, "the statistics are not"),
        ({"statistics": [[0.0, float("nan")], [1.0, 1.0]]}, "the statistics are not"),
        ({"shapes": []}, "learner.json, shapes: "),
        ({"shapes": [{**SHAPE, "n_channels": 0}]}, "a shape has no channels"),
        ({"shapes": [{**SHAPE, "n_channels": 3}], "statistics": None}, "size mismatch"),
        ({"shapes": [{**SHAPE, "n_channels": "2"}]}, "learner.json, shapes"),
        ({"report": {"steps": -1, "seconds": 0.0}}, "learner.json, report.steps: "),
        ({"report": {"steps": 0, "seconds": 0.0}}, "trained no step"),
        ({"weights": "0" * 64}, "its sha256 differs"),
        ({"more": 1}, "learner.json, more: "),
    ],
)
def test_a_header_that_was_changed_is_refused(folder, values, message):
    tampered(folder, **values)
    with pytest.raises(UsageError, match=message) as caught:
        Learner.load(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def resealed(folder, change):
    """Change the weights, and the header with them."""
    import hashlib

    path = folder / "weights.safetensors"
    change(path)
    tampered(folder, weights=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(b"rubbish"), "holds no weights"),
        (lambda path: save_file(dict(list(load_file(path).items())[1:]), path), "Missing key"),
        (lambda path: save_file({**load_file(path), "more": torch.ones(1)}, path), "Unexpected key"),
        (lambda path: save_file({name: t[..., :1].clone() for name, t in load_file(path).items()}, path), "size mism"),
    ],
)
def test_weights_that_are_others_are_refused(folder, change, message):
    resealed(folder, change)
    with pytest.raises(UsageError, match=message) as caught:
        Learner.load(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_what_is_missing_or_no_json_is_told(folder, tmp_path):
    with pytest.raises(UsageError, match=r"none/learner.json is not there"):
        Learner.load(tmp_path / "none")
    (folder / "weights.safetensors").unlink()
    with pytest.raises(UsageError, match=r"weights.safetensors is not there"):
        Learner.load(folder)
    for text in ("", "[]", "null", "{", "{}"):
        (folder / "learner.json").write_text(text)
        with pytest.raises(UsageError, match=r"learner.json") as caught:
            Learner.load(folder)
        assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_told(fitted, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TsbenchError, match="the learner cannot be written to .*file"):
        fitted.save(tmp_path / "file")


def test_saving_again_replaces_and_leaves_no_other_file(fitted, folder):
    fitted.fit(noise(6, 2, 20), seed=1).save(folder)
    np.testing.assert_array_equal(Learner.load(folder).encode(noise(3, 2, 20)), fitted.encode(noise(3, 2, 20)))
    assert sorted(path.name for path in folder.iterdir()) == ["learner.json", "weights.safetensors"]


# --- an own decision rule


class Decides(Labelled):
    represent = None

    def build(self, shapes):
        super().build(shapes)
        self.head = torch.nn.Linear(shapes[0].n_channels, shapes[0].n_classes)

    def decide(self, batch):
        return self.head(batch.x.mean(2))


def test_a_rule_of_its_own_predicts_any_panel(panel, tmp_path):
    learner = Learner(Decides, epochs=1).fit(panel)
    answer = learner.predict(panel.without_labels())
    assert answer.scores.shape == (len(panel), 3) and answer.scores.dtype == np.float64
    np.testing.assert_array_equal(answer.y_pred, answer.scores.argmax(1))
    learner.save(tmp_path / "kept")
    again = Learner.load(tmp_path / "kept", method=Decides)
    assert again.shapes[0].task == "classification"
    np.testing.assert_array_equal(again.predict(panel).scores, answer.scores)
    few = panel.select(np.arange(3))
    np.testing.assert_allclose(learner.predict(few).scores, answer.scores[:3], rtol=1e-5)


def test_what_a_method_cannot_do_is_refused(panel):
    with pytest.raises(UsageError, match="Decides predicts when it has been fitted"):
        Learner(Decides).predict(panel)
    with pytest.raises(UsageError, match="Decides gives no features, only decisions"):
        Learner(Decides, epochs=1).fit(panel).encode(panel)
    with pytest.raises(UsageError, match="Mean has no decision rule of its own"):
        Learner(Mean, max_steps=1).fit(panel).predict(panel)


def test_a_learner_saved_before_shapes_had_a_task_is_loaded(panel, tmp_path):
    learner = Learner(Decides, epochs=1).fit(panel)
    learner.save(tmp_path / "kept")
    header = json.loads((tmp_path / "kept" / "learner.json").read_text())
    assert [shape.pop("task") for shape in header["shapes"]] == ["classification"]
    (tmp_path / "kept" / "learner.json").write_text(json.dumps(header))
    loaded = Learner.load(tmp_path / "kept", method=Decides)
    np.testing.assert_array_equal(loaded.predict(panel).scores, learner.predict(panel).scores)


def test_static_values_are_prepared_as_in_training_and_kept(tmp_path):
    static = np.asarray([[50 + case, case % 2] for case in range(len(noise()))], np.float32)
    panel = replace(noise(), static=static, static_names=("age", "sex"), categories={"sex": ("f", "m")})
    learner, seen = Learner(Mean, epochs=1).fit(panel), []
    assert [shape.n_static for shape in learner.shapes] == [3]
    learner.save(tmp_path)
    again = Learner.load(tmp_path, method=Mean)
    assert again.statics == learner.statics
    encode = again.method.encode
    again.method.encode = lambda batch: seen.append(batch.static) or encode(batch)
    again.encode(panel.select([0, 1]))
    age = (static[:, 0] - static[:, 0].mean()) / static[:, 0].std()
    np.testing.assert_allclose(seen[0].numpy(), [[age[0], 1, 0], [age[1], 0, 1]], rtol=1e-5)


def test_wrong_statistics_of_static_values_are_refused(folder):
    column = {"name": "age", "mean": 0.0, "std": -1.0, "categories": None, "masked": False}
    for statics, message in (
        ([column], "are not a mean and a standard deviation"),
        ([{"name": 1}], "learner.json, stat"),
    ):
        tampered(folder, statics=statics)
        with pytest.raises(UsageError, match=message):
            Learner.load(folder)
