"""Canonical JSON, hashes and seeds: what makes two runs the same run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

UNTRAINED = "random:"
"""Begins the name of a method's untrained twin."""
PERMUTED = "permuted:"
"""Begins the name of a method (or of its untrained twin) that is given series whose time order is shuffled."""


def permuted(method: str) -> bool:
    """Say whether a method, by its name, is given shuffled series."""
    return method.startswith(PERMUTED)


def untrained(method: str) -> bool:
    """Say whether a method, by its name, is built and never trained."""
    return method.removeprefix(PERMUTED).startswith(UNTRAINED)


def base_method(method: str) -> str:
    """Return the registered name of a method, behind what makes a control of it."""
    return method.removeprefix(PERMUTED).removeprefix(UNTRAINED)


def canonical(value: Any) -> str:
    """Return JSON with sorted keys and no blanks; NaN and unknown types are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return the sha256 (hex) of the canonical JSON of a value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def stage_seed(key: str, stage: str) -> int:
    """Return the seed (63 bits) of one named stage of the run or pre-training with this key."""
    return int.from_bytes(hashlib.sha256(f"{key}:{stage}".encode()).digest()[:8], "big") >> 1


def seed_everything(key: str, stage: str) -> int:
    """Seed random, numpy and torch for one stage and return the seed."""
    import random

    import numpy as np
    import torch

    seed = stage_seed(key, stage)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    # Without an accelerator torch.manual_seed also keeps, for later, a trace of every call.
    (torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed)(seed)
    return seed


@contextmanager
def generators_kept() -> Iterator[None]:
    """Give the global generators of random, numpy and torch the states back that they had at the beginning."""
    import random

    import numpy as np
    import torch

    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
