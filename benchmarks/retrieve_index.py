"""What a query costs in a plain product over many vectors: python benchmarks/retrieve_index.py [VECTORS] [THREADS]"""

import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

from tsbench.reading.retrieve import nearest

DIM, QUERIES, K = 256, 30, 10


def main(n: int, threads: int) -> None:
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((n, DIM), dtype=np.float32)
    seconds = []
    with threadpool_limits(threads):
        for _ in range(QUERIES):
            query = draw.standard_normal(DIM, dtype=np.float32)
            started = time.perf_counter()
            nearest(query, vectors, K)
            seconds.append(time.perf_counter() - started)
    fast, middle = 1000 * min(seconds), 1000 * float(np.median(seconds))
    print(f"{n} vectors of {DIM}, {threads} threads: {middle:.0f} ms a query (median of {QUERIES}), {fast:.0f} at best")


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    main(given[0] if given else 1_000_000, given[1] if len(given) > 1 else 2)
