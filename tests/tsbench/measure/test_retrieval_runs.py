"""A run that retrieves, from the plan to the row, with a method that knows the answer or does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tsbench import SSLMethod, param
from tsbench.data.dataset import Card, Data, Dataset, Fold
from tsbench.data.panel import Panel
from tsbench.discovery.catalog import Entry
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.protocol import Protocol
from tsbench.registry import load_registry
from tsbench.store.packing import pack, unpack
from tsbench.tasks.score import metrics_of

N = 40


class Numbers(Dataset):
    """Series of one level each, whose text is that level in words."""

    texts = tuple(f"level {i}" for i in range(N))

    @property
    def card(self):
        return Card("numbers", task="classification", normalised=True)

    def load(self):
        X = np.arange(N, dtype=np.float32)[:, None, None] + np.zeros((N, 1, 5), np.float32)
        text = None if self.texts is None else np.array(self.texts)
        panel = Panel.build(X, np.arange(N) % 2, text=text, meta={"codes": np.array([f"A{i % 3}" for i in range(N)])})
        return Data(panel, {"archive": [Fold(np.arange(20), None, np.arange(20, N))]})


class Untexted(Numbers):
    texts = None


class Blank(Numbers):
    texts = (" ", *Numbers.texts[1:-1], " ")


class Knows(SSLMethod):
    """Reads the level off both sides; `off` cases beside it where asked to be wrong."""

    class Params(SSLMethod.Params):
        off: int = param(0, low=0, high=N, doc="how far the texts are off")

    reads = frozenset({"text"})
    represent = None

    def build(self, shapes):
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, step):
        assert step.batch.text is not None and len(step.batch.text) == len(step.batch)
        return self.weight.square().sum()

    def embed(self, batch, modality):
        level = batch.x[:, 0, 0] if modality == "series" else self.levels(batch)
        angle = level * (torch.pi / N)
        return torch.stack([angle.cos(), angle.sin()], dim=1)

    def levels(self, batch):
        return torch.tensor([float(text.split()[1]) + self.params.off for text in batch.text])


class Matches(Knows):
    """Is wrong by its vectors, and right by what it says of pairs."""

    def match(self, batch, series, texts):
        level = torch.tensor([float(text.split()[1]) for text in batch.text])
        return -(batch.x[series, 0, 0] - level[texts]).abs()


def planned(method="knows", dataset="numbers", protocol="retrieval", **settings):
    plugins = Plugins()
    plugins.load_entry_points()
    for kind, name, target in (
        ("methods", "knows", Knows),
        ("methods", "matches", Matches),
        ("datasets", "numbers", Numbers),
        ("datasets", "untexted", Untexted),
        ("datasets", "blank", Blank),
    ):
        plugins.catalogs[kind].add([Entry(name, target, "test", "For a test.")])
    overrides = {"max_steps": "1", **{key: str(value) for key, value in settings.items()}}
    plan = make_plan(Request([method], [dataset], (protocol,), overrides=overrides), plugins, load_registry())
    return plan, Worker(plugins)


def ran(*asked, **settings):
    plan, worker = planned(*asked, **settings)
    (spec,) = plan.specs
    return worker.run(spec)


def test_who_knows_finds_all():
    result = ran()
    assert result.status == "succeeded", result.error
    assert result.metrics["rsum"] == pytest.approx(6)
    assert result.metrics["chance_r1"] == pytest.approx(1 / 20)
    assert result.predictions.task == result.spec.task == "retrieval"
    assert result.spec.versions["task:retrieval"] == 1


def test_who_is_off_by_one_finds_it_second():
    metrics = ran(off=1).metrics
    assert metrics["report_r1"] <= 0.1 and metrics["report_r5"] == 1


def test_the_batch_that_is_embedded_at_a_time_changes_no_metric(monkeypatch):
    whole = ran(off=3).metrics
    monkeypatch.setattr(Knows, "encode_elements", 5)
    assert ran(off=3).metrics == whole


def test_pairs_put_the_nearest_in_a_new_order():
    plain, again = ran("matches", off=1), ran("matches", protocol="retrieval-rerank", off=1)
    assert plain.metrics["report_r1"] <= 0.1 and again.metrics["rsum"] == pytest.approx(6)
    assert plain.spec.key != again.spec.key


def test_only_the_nearest_are_put_in_a_new_order():
    plan, worker = planned("matches", off=5)
    (spec,) = plan.specs
    protocol = Protocol(name="few", probe="retrieve", probe_params={"rerank": 3})
    few = worker.run(replace(spec, protocol=protocol))
    assert few.metrics["report_r1"] <= 0.2 and few.metrics["report_r5"] < 1


def test_a_method_without_pairs_cannot_put_them_in_order():
    with pytest.raises(UsageError, match=r"knows says nothing of pairs: it has no `match`; take protocol retrieval"):
        planned(protocol="retrieval-rerank")


def test_what_is_stored_has_the_metrics():
    result = ran(off=2)
    stored = unpack(pack(result.predictions))
    assert metrics_of(stored) == result.metrics
    assert np.array_equal(stored.y_pred, result.predictions.y_pred) and stored.task == "retrieval"


def test_a_dataset_without_texts_is_refused_when_the_run_is_planned():
    plan, _ = planned(dataset="untexted")
    assert plan.specs == [] and "retrieves texts, and the dataset has none" in plan.invalid["untexted"]


def test_a_case_without_a_text_is_neither_learnt_from_nor_a_query_nor_a_candidate(monkeypatch):
    seen = []
    monkeypatch.setattr(Knows, "on_fit_start", lambda self, data: seen.extend(data[0].text.tolist()))
    result = ran(dataset="blank")
    assert len(seen) == 19 and "" not in [text.strip() for text in seen]
    assert result.facts["n_without_text"] == 1 and len(result.predictions.cases) == 20
    assert (result.predictions.y_pred[19] == -1).all() and (result.predictions.y_pred[:, [19, 39]] == -1).all()
    assert result.metrics["rsum"] == pytest.approx(6)
    assert result.metrics["chance_r1"] == pytest.approx(1 / 19)
    assert unpack(pack(result.predictions)).y_true.shape == (20, 20)


def test_a_method_that_embeds_nothing_is_refused_and_one_that_only_embeds_by_a_probe():
    with pytest.raises(UsageError, match=r"ts2vec puts no texts beside series"):
        planned("ts2vec")
    with pytest.raises(UsageError, match=r"knows retrieves and nothing else: take a protocol such as retrieval"):
        planned(protocol="ridge")


@pytest.mark.parametrize("params", [{"rerank": -1}, {"rerank": 1.5}, {"k": 3}])
def test_parameters_of_retrieval_are_checked(params):
    with pytest.raises(ValueError, match="retrieve has rerank, a number from 0"):
        Protocol(name="x", probe="retrieve", probe_params=params)
