import re

import pytest

from tsbench.errors import UsageError
from tsbench.registry import load_registry

NAMED = {"svm-rbf", "linear", "linear-paper", "logistic", "knn", "linear-cv5", "svm-rbf-cv5"}


def write(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def test_what_comes_along(registry, installed):
    assert set(registry.protocols) >= NAMED
    assert registry.collections["uea"].protocol == registry.collections["ucr"].protocol == "svm-rbf"
    for protocol in registry.protocols.values():
        assert not protocol.probed or protocol.probe in installed["probes"]
    for suite in registry.suites.values():
        assert all(name in installed["methods"] for name in suite.methods)
    assert all(name in installed["methods"] for name in registry.floors)


def test_a_users_file_merges_entry_by_entry(tmp_path):
    path = write(tmp_path, "protocols:\n  mine: {probe: knn}\ncollections:\n  two: {datasets: [GunPoint]}\n")
    merged = load_registry(path)
    assert set(merged.protocols) >= NAMED | {"mine"}
    assert merged.protocols["mine"].name == "mine"
    assert merged.collections["two"].datasets == ("GunPoint",)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("protocols:\n  a:\n    probe: knn\n    foo: 1\n", 4, "protocols.a.foo: Extra inputs"),
        ("protocols:\n  a:\n    probe: knn\n    split: {folds: 2}\n", 4, "greater than or equal to 3"),
        ("protocols:\n  a: {}\n", 2, "protocols.a.probe: Field required"),
        ("collections:\n  c: {protocol: svm}\n", 2, "unknown protocol 'svm'; did you mean 'svm-rbf'"),
        (
            "suites:\n  s:\n    methods: [trls]\n    protocols: [knn]\n    collection: uaa\n",
            5,
            "unknown collection 'uaa'",
        ),
        ("a: [1\n b", 2, "not valid YAML"),
        ("- 1\n", 1, "must be a mapping"),
        ("protocol: {}\n", 1, "protocol: Extra inputs"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path, text, line, message):
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=f"{re.escape(str(path))}:{line}: .*{message}"):
        load_registry(path)


@pytest.mark.parametrize("text", ["[" * 20_000, "{" * 20_000])
def test_what_is_nested_too_deep_is_refused(tmp_path, text):
    (tmp_path / "registry.yaml").write_text(text)
    with pytest.raises(UsageError, match="not valid YAML: maximum recursion depth exceeded"):
        load_registry(tmp_path / "registry.yaml")


def test_a_missing_file_and_an_unknown_entry(tmp_path, registry):
    with pytest.raises(UsageError, match=r"none\.yaml: No such file"):
        load_registry(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="unknown suite 'uaa'; did you mean 'uea'"):
        registry.find("suites", "uaa")
