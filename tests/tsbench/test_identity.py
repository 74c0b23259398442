import random

import numpy as np
import pytest
import torch

from tsbench.identity import base_method, canonical, digest, permuted, seed_everything, stage_seed, untrained


def test_canonical_json_ignores_order_and_refuses_what_it_cannot_write():
    assert canonical({"b": 1, "a": [True, None]}) == '{"a":[true,null],"b":1}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))
    with pytest.raises(TypeError):
        canonical(np.float32(1))


@pytest.mark.parametrize(
    ("name", "base", "is_permuted", "is_untrained"),
    [
        ("trls", "trls", False, False),
        ("random:trls", "trls", False, True),
        ("permuted:aeon:Arsenal", "aeon:Arsenal", True, False),
        ("permuted:random:trls", "trls", True, True),
    ],
)
def test_a_name_says_which_control_of_a_method_it_is(name, base, is_permuted, is_untrained):
    assert (base_method(name), permuted(name), untrained(name)) == (base, is_permuted, is_untrained)


def test_stages_have_seeds_of_their_own():
    seeds = {stage_seed(key, stage) for key in ("k", "l") for stage in ("build", "fit")}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_every_generator_is_seeded():
    def draws():
        seed_everything("key", "fit")
        return random.random(), np.random.rand(), torch.rand(1).item()

    first = draws()
    torch.rand(5)
    assert draws() == first
