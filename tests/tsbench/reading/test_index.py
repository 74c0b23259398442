"""The nearest of many vectors, exactly, whatever the rounded copies say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsbench.reading import index
from tsbench.reading.index import Index


def plainly(vectors, query, k):
    scores = vectors.astype(np.float64) @ query.astype(np.float64)
    order = np.argsort(-scores, kind="stable")[:k]
    return order.tolist(), scores[order].astype(np.float32).tolist()


def found(vectors, query, k, threads=1):
    order, scores = Index(vectors).nearest(query, k, threads)
    return order.tolist(), scores.tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 40), st.integers(1, 12), st.integers(1, 3))
def test_the_nearest_are_those_of_a_plain_product(seed, n, d, k, threads):
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(n, d)) * 10.0 ** draw.integers(-3, 4, size=(n, 1))
    vectors[draw.random(n) < 0.2] = vectors[0]  # equal ones
    vectors[draw.random(n) < 0.05] = 0
    vectors, query = vectors.astype(np.float32), draw.normal(size=d).astype(np.float32)
    assert found(vectors, query, k, threads) == plainly(vectors, query, k)


def test_vectors_that_their_copies_do_not_tell_apart_are():
    vectors = np.full((50, 8), 1.0, dtype=np.float32)
    vectors[:, 0] += np.linspace(0, 1e-4, 50, dtype=np.float32)
    assert found(vectors, np.eye(8, dtype=np.float32)[0], 3)[0] == [49, 48, 47]


def test_many_dimensions_do_not_overflow():
    vectors = np.ones((3, 4096), dtype=np.float32) * np.array([[1], [-1], [2]], dtype=np.float32)
    assert found(vectors, np.ones(4096, dtype=np.float32), 3) == ([2, 0, 1], [8192.0, 4096.0, -4096.0])


def test_a_query_of_zeros_is_as_near_to_all():
    vectors = np.eye(4, dtype=np.float32)
    assert found(vectors, np.zeros(4, dtype=np.float32), 9) == ([0, 1, 2, 3], [0.0] * 4)


@pytest.mark.parametrize("rows", [1, 7])
def test_vectors_are_rounded_a_piece_at_a_time(monkeypatch, rows):
    monkeypatch.setattr(index, "ROWS", rows)
    vectors = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    assert found(vectors, vectors[4], 6) == plainly(vectors, vectors[4], 6)


def test_few_of_many_are_multiplied_exactly():
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(20_000, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert len(Index(vectors)._candidates(vectors[0].astype(np.float64), 10, 1)) < 100
