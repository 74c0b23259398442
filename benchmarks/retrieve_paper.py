"""R@K by pages of paper ECG beside R@K by the signal: python benchmarks/retrieve_paper.py [PAGES]

PTB-XL is looked for where TSBENCH_DATA says. signal-text learns from the training part of its first fold; queries are
cases of the test and validation part, and each looks for its own report among those of all these. The pages are drawn
here from the first 2.5 s of each lead.
"""

import sys

import numpy as np

from tsbench import Learner
from tsbench.data.limb_leads import BY_COLUMN, READ, check_limb_leads
from tsbench.discovery.plugins import plugins
from tsbench.errors import InvalidDataError
from tsbench.plan.datasets import open_dataset
from tsbench_formats.drawn_paper import draw_page, worn
from tsbench_formats.paper import SECONDS, leads_of

CUTS, RATE = (1, 5, 10), 100.0


def read(pages, names):
    """Return the leads (n, 12, 250) of pages, and which of them were read."""
    found, kept = [], []
    for number, page in enumerate(pages):
        try:
            leads = leads_of(page, RATE, str(number))
            check_limb_leads(names, leads, str(number), BY_COLUMN, READ)
            found.append(leads)
            kept.append(number)
        except InvalidDataError as error:
            print(f"refused: {error}")
    return np.stack(found), np.array(kept)


def shares(vectors, texts, own, draw):
    """Return R@K in percent; of equal scores the own text has a random place."""
    scores = vectors.astype(np.float64) @ texts.T.astype(np.float64)
    mine = scores[np.arange(len(own)), own][:, None]
    ranks = (scores > mine).sum(1) + np.floor(draw.random(len(own)) * (scores == mine).sum(1))
    return ", ".join(f"R@{k} {100 * (ranks < k).mean():.1f}" for k in CUTS)


def main(n_pages):
    data = open_dataset("ptb-xl", plugins(), "").load()
    fold = next(iter(data.folds.values()))[0]
    has = np.array([bool(text.strip()) for text in data.panel.text])
    train, others = (index[has[index]] for index in (fold.train, np.concatenate([fold.validation, fold.test])))
    pool = data.panel.select(others)
    draw = np.random.default_rng(0)
    asked = np.sort(draw.permutation(len(pool))[:n_pages])
    clean = [draw_page(x.astype(float), RATE) for x in pool.X[asked]]
    pages = {"drawn": clean, "worn": [worn(page, draw) for page in clean]}
    names, n = tuple(pool.channel_names), round(SECONDS * RATE)
    queries = {
        "signal, 10 s": (pool.X[asked], np.arange(len(asked))),
        "signal, the 2.5 s of the page": (pool.X[asked][:, :, :n], np.arange(len(asked))),
        **{f"paper, {name}": read(some, names) for name, some in pages.items()},
    }
    print(f"{len(train)} cases to learn from, {len(pool)} texts, chance R@1 {100 / len(pool):.1f}")
    for seconds in (10, SECONDS):
        length = round(seconds * RATE)
        panel = data.panel.select(train)
        learner = Learner("signal-text").fit(with_series(panel, panel.X[:, :, :length]))
        texts = learner.embed(with_series(pool, pool.X[:, :, :length]), "text")
        for name, (series, kept) in queries.items():
            vectors = learner.embed(with_series(pool.select(asked[kept]), series), "series")
            found = shares(vectors, texts, asked[kept], np.random.default_rng(1))
            print(f"learnt from {seconds:g} s, {name}, {len(kept)} queries: {found}", flush=True)


def with_series(panel, X):
    """Return a panel of the texts of another and these series."""
    return type(panel).build(X, text=panel.text, channel_names=panel.channel_names, sampling_rate=RATE)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 48)
