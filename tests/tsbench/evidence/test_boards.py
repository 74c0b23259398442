"""Boards follow from evidence: the committed ones are what one command makes of the committed shards."""

import pytest

from tests.conftest import ROOT
from tsbench.errors import UsageError
from tsbench.evidence.boards import _asked, _served, make_boards, with_boards
from tsbench.evidence.submit import _folders
from tsbench.leaderboard.cell_intervals import METRICS

COMMITTED = ROOT / "leaderboards"


def test_each_collection_and_protocol_has_a_board(folder, tmp_path, installed, registry):
    made = make_boards(folder, tmp_path / "boards", installed, registry)
    names = ["ucr.csv", "ucr.md", "ucr-shared.csv", "uea.csv", "uea.md", "uea-shared.csv"]
    assert [path.name for path in made.files] == names and made.refused == []
    text = (tmp_path / "boards" / "ucr.csv").read_text()
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == ["minirocket-features", "majority"]


def test_further_metrics_of_a_collection_have_boards_of_their_own(folder, tmp_path, installed, registry):
    ucr = registry.collections["ucr"].model_copy(update={"also": ("f1_macro",)})
    both = registry.model_copy(update={"collections": {**registry.collections, "ucr": ucr}})
    made = make_boards(folder, tmp_path, installed, both)
    names = [path.name for path in made.files]
    assert names[:6] == [
        f"ucr{one}" for one in (".csv", ".md", "-shared.csv", "-f1_macro.csv", "-f1_macro.md", "-f1_macro-shared.csv")
    ]
    assert (
        ",f1_macro," in (tmp_path / "ucr-f1_macro.csv").read_text()
        and ",accuracy," in (tmp_path / "ucr.csv").read_text()
    )


def test_a_protocol_that_measures_something_else_has_neither_further_metrics_nor_intervals(installed, registry):
    own, impute = (_served("irregular-clinical", name, installed, registry) for name in ("own", "impute"))
    assert {"auroc", "auprc"} <= own and "masked_mae" in impute and impute.isdisjoint({"auprc", *METRICS})


def test_a_folder_called_as_no_collection_is_named(folder, tmp_path, installed, registry):
    (folder / "uea").rename(folder / "mine")
    made = make_boards(folder, tmp_path / "boards", installed, registry)
    assert made.unknown == [folder / "mine"] and [path.name for path in made.files] == [
        "ucr.csv",
        "ucr.md",
        "ucr-shared.csv",
    ]


def test_a_folder_makes_the_boards_of_its_collection_alone(installed, registry):
    both = "icu-demo-mortality24-mimic"  # a member of both collections
    have = {
        "irregular-clinical": {
            (registry.protocol("own").hash(), both),
            (registry.protocol("linear").hash(), "GunPoint"),
        },
        "imputation": {(registry.protocol("impute").hash(), both)},
    }
    assert [*_asked(have, installed, registry)] == [("imputation", "impute"), ("irregular-clinical", "own")]


def test_without_evidence_there_is_no_board(tmp_path, installed, registry):
    with pytest.raises(UsageError, match="holds no evidence"):
        make_boards(tmp_path, tmp_path, installed, registry)


@pytest.mark.skipif(not any(COMMITTED.glob("results/*/*.parquet")), reason="no evidence is committed yet")
def test_the_committed_boards_are_what_the_committed_evidence_makes(tmp_path, installed, registry):
    made = make_boards(COMMITTED / "results", tmp_path, installed, registry)
    assert made.refused == [] and made.conflicts == []
    assert {path.name for path in made.files} == {path.name for path in COMMITTED.iterdir() if path.suffix}
    for path in made.files:
        assert (COMMITTED / path.name).read_text() == path.read_text(), f"{path.name}: make boards"


def test_boards_are_the_same_whatever_data_is_here(folder, tmp_path, installed, registry, monkeypatch):
    texts = []
    for here in (True, False):
        monkeypatch.setattr("tsbench.plan.datasets.DatasetHandle.available", lambda handle, here=here: here)
        made = make_boards(folder, tmp_path / str(here), installed, registry)
        texts.append([path.read_text() for path in made.files])
        assert made.refused == made.conflicts == []
    assert texts[0] == texts[1] and not any("on this machine" in text for text in texts[0])


def test_a_collection_of_several_tasks_has_no_board_and_no_folder(installed, registry):
    assert {"ucr", "clinical-classes", "irregular-clinical"} <= with_boards(installed, registry)
    assert "clinical" not in with_boards(installed, registry)
    folders = {handle.name: folder for handle, folder in _folders(["clinical", "p12"], installed, registry)}
    assert (folders["p12"], folders["ptb-xl"]) == ("clinical-classes", "clinical-labels")
