import pytest

from tests.tsbench.evidence.conftest import edited
from tsbench.compare.stores import Asked, difference
from tsbench.errors import UsageError
from tsbench.evidence import is_evidence
from tsbench.evidence.opened import open_results


def test_a_folder_and_a_parquet_file_are_evidence(folder, one, results):
    assert is_evidence(str(folder)) and is_evidence(str(one)) and is_evidence("gone.parquet")
    assert not is_evidence(str(results)) and not is_evidence("postgresql://host/x")


def test_evidence_is_a_store_while_it_is_open(folder, stored, installed, registry):
    with open_results(str(folder), installed, registry, pytest.fail) as store:
        found = difference(stored, store, Asked(), ("a", "b"))
    assert found.n_both == 6 and not found.differs and found.changes.empty
    assert [len(one) for one in found.only] == [0, 0]


def test_what_does_not_count_is_told(folder, one, installed, registry):
    edited(folder, one, metrics={"accuracy": 0.123})
    told = []
    with open_results(str(folder), installed, registry, told.append) as store:
        assert len(store.results()) == 6
    assert len(told) == 1 and told[0].startswith("refused: ")


def test_a_store_is_opened_by_its_name(results, installed, registry):
    with open_results(str(results), installed, registry, pytest.fail) as store:
        assert store.name == str(results)
    gone = open_results("none.db", installed, registry, pytest.fail)
    with pytest.raises(UsageError, match=r"there is no store at none\.db"), gone:
        pass
