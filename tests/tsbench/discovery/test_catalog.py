import pytest

from tsbench.discovery.catalog import Catalog, Entry, did_you_mean
from tsbench.errors import TsbenchError, UsageError


def test_entries_load_lazily():
    catalog = Catalog("methods")
    catalog.add([Entry("ordered", "collections:OrderedDict", "p"), Entry("given", dict, "p", tags=("t",))])
    assert catalog.get("ordered").__name__ == "OrderedDict"
    assert catalog.get("given") is dict
    assert catalog.names("t") == ["given"]


def test_unknown_names_come_with_a_suggestion():
    catalog = Catalog("methods")
    catalog.add([Entry("trls", dict, "p")])
    with pytest.raises(UsageError, match="unknown method 'TRSL'; did you mean 'trls'"):
        catalog.get("TRSL")
    with pytest.raises(UsageError, match="see 'tsbench list methods'"):
        catalog.get("xyz")
    assert did_you_mean("zzz", ["trls"]) == ""


def test_a_target_that_cannot_be_imported_names_its_plugin():
    catalog = Catalog("methods")
    catalog.add([Entry("gone", "no_such_module:Thing", "tsbench_gone")])
    with pytest.raises(TsbenchError, match="'gone' of plugin tsbench_gone.*No module named"):
        catalog.get("gone")


def test_a_taken_name_adds_nothing():
    catalog = Catalog("methods")
    catalog.add([Entry("a", dict, "first")])
    with pytest.raises(ValueError, match="already registered by first"):
        catalog.add([Entry("b", dict, "second"), Entry("a", dict, "second")])
    assert catalog.names() == ["a"]
