"""Print what fitting the svm-rbf probe costs beside scikit-learn's GridSearchCV: python benchmarks/svm_probe.py.

CPU time on one thread of both on the same drawn features (320 per case), in turn; the ratio is the median over the
pairs. Both must choose the same C, or the script fails.
"""

import time
import warnings

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from tsbench.methods.probe import Features
from tsbench_probes.svm import GRID, SVM

SIZES = [(60, 2, 0.1), (100, 5, 0.2), (270, 9, 0.3), (390, 37, 0.2), (500, 2, 0.05)]  # cases, classes, separation
PAIRS = 3


def drawn(cases, classes, separation):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(cases) % classes)
    x = separation * rng.normal(size=(classes, 320))[y] + rng.normal(size=(cases, 320))
    return Features(x.astype(np.float32), y, classes)


def timed(work):
    start = time.process_time()
    return work(), time.process_time() - start


def main():
    warnings.simplefilter("ignore")
    print("cases  classes  ms  GridSearchCV/ours")
    for size in SIZES:
        train, times = drawn(*size), []
        for _ in range(PAIRS + 1):
            ours, seconds = timed(lambda t=train: SVM().fit(None, t, None, np.random.default_rng(0)))
            search = GridSearchCV(SVC(max_iter=10**7), {"C": list(GRID)}, cv=5)
            theirs, others = timed(lambda t=train, s=search: s.fit(t.x, t.y))
            assert ours.details()["C"] == theirs.best_params_["C"]
            times.append((seconds, others / seconds))
        milliseconds, ratio = np.median(times[1:], axis=0) * (1e3, 1)  # the first warms up
        print(f"{size[0]:5d}  {size[1]:7d}  {milliseconds:4.0f}  {ratio:.2f}", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
