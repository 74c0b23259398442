import pytest

from tsbench.errors import UsageError
from tsbench.papers.named import Results, results, summaries
from tsbench.papers.published import Number, Row


def row(dataset="A", mean="0.5", **fields):
    about = {"paper": "P", "table": "T", "setting": "s", "method": "M", "variant": "", "metric": "ACC", "std": ""}
    return Row.model_validate({**about, "note": "", "dataset": dataset, "mean": mean, **fields})


def named(*rows, name="src/m", metric="accuracy"):
    return Results(name, metric, {one.dataset: Number(float(one.mean), one.std, one.note) for one in rows}, rows)


def test_a_name_is_source_method_and_variant(registry):
    found = results("srl/t-loss/K=10", "accuracy", registry)
    assert found.name == "srl/t-loss/k=10" and found.protocol == "svm-rbf"
    assert found.numbers["GunPoint"].mean == 0.98 and len(found.numbers) == 155


def test_a_variant_may_be_left_out_where_it_is_the_only_one(registry):
    assert results("mcl/ed", "accuracy", registry).name == "mcl/ed/1-nn-euclidean"
    with pytest.raises(
        UsageError, match=r"--published srl/t-loss: name one of srl/t-loss/combined-k, .*srl/t-loss/k=1,"
    ):
        results("srl/t-loss", "accuracy", registry)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rankscl/ts2vce", "did you mean 'rankscl/ts2vec'"),
        ("nobody", "'tsbench list published' has them"),
        ("", "'tsbench list published' has them"),
        ("bakeoff", "no published results of this name"),
    ],
)
def test_an_unknown_name_is_refused(registry, name, said):
    with pytest.raises(UsageError, match=said):
        results(name, "accuracy", registry)


def test_a_metric_that_was_not_published_is_refused(registry):
    with pytest.raises(UsageError, match="rankscl/ts2vec has no auroc; published is: accuracy, macro-precision"):
        results("rankscl/ts2vec", "auroc", registry)


def test_what_is_said_of_some_datasets_names_them():
    found = named(row("A", doubts="x; y"), row("B", doubts="x"), *(row(f"C{i}", doubts="x") for i in range(6)))
    assert found.said("doubts") == ["x", "y (A)"]
    many = named(row("A"), *(row(f"C{i}", note="z") for i in range(6)))
    assert many.said("note") == ["z (6 datasets)"]


def test_results_have_a_protocol_where_all_rows_have_the_same():
    assert named(row("A", protocol="own"), row("B", protocol="own")).protocol == "own"
    mixed = named(row("A", protocol="own"), row("B"))
    assert mixed.protocol == "" and mixed.on(["A"]).protocol == "own"


def test_decimals_are_those_of_the_longest():
    assert named(row("A", "0.5"), row("B", "0.125"), row("C", "1")).decimals == 3
    assert named(row("A", "1E+0")).decimals == 0


@pytest.mark.parametrize(
    ("mean", "decimals"),
    [("0.6940000000000001", 3), ("0.027999999999999997", 3), ("0.8571428571428571", 12), ("0.54526854", 8)],
)
def test_what_floats_leave_behind_is_no_decimal(mean, decimals):
    assert row(mean=mean).decimals == decimals


def test_the_list_says_what_there_is(registry, tsbench):
    lines = summaries(registry)
    assert lines["rankscl/ts2vec"] == "158 datasets, protocol not ours: RankSCL (ICDM 2024)"
    code, out, _ = tsbench("list", "published")
    assert code == 0 and "srl/t-loss/k=10 " in out and "trls/" not in out and "here: none" in out
