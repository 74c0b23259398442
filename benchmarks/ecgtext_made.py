"""How well ecg-text finds held-out generated records by their reports: python benchmarks/ecgtext_made.py [STEPS]

Prints R@1 both ways in a pool of 81 different reports, and the seconds of CPU that the training took.
"""

import sys
import time

from tsbench import Learner
from tsbench.tasks.retrieval import Retrieval, ranks_of, relevance
from tsbench_ecgtext.made import Made

SETTINGS = {
    **{"layout": "simple-plot", "image_size": 48, "patch": 12, "crop": 1.0, "n_tokens": 16, "batch_size": 32},
    **{"alpha": 0.0, "momentum": 0.5, "itm_weight": 0, "mlm_weight": 0, "epochs": 1000},
}


def main(steps: int) -> None:
    data = Made(n_train=10).load()
    train, _, test = data.folds["archive"][0]
    started = time.process_time()
    learner = Learner("ecg-text", **SETTINGS, max_steps=steps).fit(data.panel.select(train))
    seconds = time.process_time() - started
    panel = data.panel.select(test)
    series, text = (learner.embed_prepared(panel, kind) for kind in ("series", "text"))
    scores = series @ text.T
    truth = relevance(panel.text.tolist(), panel.meta["codes"].tolist())
    found = Retrieval().score(truth, ranks_of("ecg-text", scores, scores.T, len(panel)))
    shown = ", ".join(f"{name} {found[name]:.3f}" for name in ("report_r1", "image_r1", "rsum", "report_ndcg10"))
    print(f"{steps} steps, {len(train)} pairs, {seconds:.0f} s of CPU: {shown}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
