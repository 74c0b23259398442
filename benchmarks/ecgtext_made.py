"""How well ecg-text finds held-out generated records by their reports: python benchmarks/ecgtext_made.py [STEPS]

Prints R@1 both ways in pools of 81 different reports, of the validation and the test part, and the seconds of CPU that
the training took.
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

SHOWN = ("report_r1", "image_r1", "rsum", "report_ndcg10")


def main(steps: int) -> None:
    data = Made(n_train=10).load()
    train, validation, test = data.folds["archive"][0]
    started = time.process_time()
    learner = Learner("ecg-text", **SETTINGS, max_steps=steps).fit(data.panel.select(train))
    print(f"{steps} steps, {len(train)} pairs, {time.process_time() - started:.0f} s of CPU")
    for name, part in (("validation", validation), ("test", test)):
        panel = data.panel.select(part)
        series, text = (learner.embed_prepared(panel, kind) for kind in ("series", "text"))
        scores = series @ text.T
        truth = relevance(panel.text.tolist(), panel.meta["codes"].tolist())
        found = Retrieval().score(truth, ranks_of("ecg-text", scores, scores.T, len(panel)))
        print(f"{name}: " + ", ".join(f"{key} {found[key]:.3f}" for key in SHOWN))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
