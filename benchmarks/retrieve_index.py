"""What a query costs among many vectors, by the index and plainly: python benchmarks/retrieve_index.py [VECTORS]

Time on the clock, the least of many queries, since other work on the machine only adds to it. Say OMP_NUM_THREADS
before, as many as the most threads asked for, or nothing.
"""

import sys
import time
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from tsbench.reading.index import Index

DIM, QUERIES, K = 256, 40, 10


def plain(vectors, query):
    """Return the K nearest by one product in float32."""
    scores = vectors @ query
    some = np.argpartition(-scores, K - 1)[:K]
    return some[np.argsort(-scores[some])]


def measured(ask, queries):
    seconds = []
    for query in queries:
        started = time.perf_counter()
        ask(query)
        seconds.append(1000 * (time.perf_counter() - started))
    return f"{min(seconds):.0f} ms at best, {np.median(seconds):.0f} ms in the middle"


def main(n):
    draw = np.random.default_rng(0)
    vectors, queries = (draw.standard_normal((size, DIM), dtype=np.float32) for size in (n, QUERIES))
    for rows in (vectors, queries):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    started = time.perf_counter()
    index = Index(vectors)
    print(f"{n} vectors of {DIM}, made an index in {time.perf_counter() - started:.1f} s")
    same = [index.nearest(query, K)[0].tolist() == plain(vectors, query).tolist() for query in queries]
    exact = [len(index._candidates(query.astype(np.float64), K, 1)) for query in queries]
    print(
        f"{sum(same)} of {QUERIES} queries have the same {K} in the same order, by {np.mean(exact):.0f} exact products"
    )
    for threads in (1, 2):
        with threadpool_limits(threads):
            print(f"{threads} threads, index: {measured(partial(index.nearest, k=K, threads=threads), queries)}")
            print(f"{threads} threads, plain product: {measured(partial(plain, vectors), queries)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
