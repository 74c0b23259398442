import numpy as np

from tsbench.methods.contracts import stored_scores


def test_scores_too_large_for_float32_keep_their_order():
    scores = np.array([[1e300, -1e300], [2e300, 3.0], [-np.inf, 5e299]])
    stored = stored_scores(scores)
    assert stored.dtype == np.float32
    assert np.isfinite(stored[np.isfinite(scores)]).all()
    np.testing.assert_array_equal(stored.argsort(axis=0), scores.argsort(axis=0))


def test_other_scores_are_stored_as_they_are():
    scores = np.array([[0.1, -3.4e38], [1e-50, -np.inf]])
    np.testing.assert_array_equal(stored_scores(scores), scores.astype(np.float32))
