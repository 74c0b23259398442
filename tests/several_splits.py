"""A plugin of one dataset, `several`: three splits of its own, and two static values."""

import numpy as np

from tsbench import Card, Data, Dataset, Panel, hookimpl
from tsbench.data.dataset import Fold


def fold(order, first):
    turned = np.roll(order, -first)
    return Fold(np.sort(turned[:20]), None, np.sort(turned[20:]))


class Several(Dataset):
    card = Card("several", summary="three splits of its own")

    def load(self):
        rng, y = np.random.default_rng(0), np.arange(30) % 2
        order, noise = rng.permutation(30), rng.normal(size=(30, 2, 12))
        static = np.stack([60 + 20 * rng.random(30), rng.random(30)], axis=1).astype(np.float32)
        panel = Panel.build(noise, y, static=static, static_names=("age", "height"))
        folds = {
            "archive": [fold(order, 0)],
            "raindrop": [fold(order, first) for first in (3, 13, 23)],
            "official": [fold(order, 5)],
        }
        return Data(panel, folds, Panel.build(rng.normal(size=(4, 2, 12))))


@hookimpl
def tsbench_datasets(register):
    register("several", Several, summary="three splits of its own")
