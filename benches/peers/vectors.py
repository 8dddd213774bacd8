"""Searches of faiss and hnswlib, one thread, as the other side of larder-bench's suite `vector`.

python vectors.py BASE.npy QUERIES.npy; then a line of standard input for each wish, a line of JSON for each answer:
`build NAME` trains and fills an index, `effort NAME N` says how much it looks at, `search NAME K` searches all queries at
once, `recall NAME K` says how many of the ten nearest are among the first ten and the first K. A name is one of
faiss.index_factory, or `hnsw`: hnswlib with M=16 and ef_construction=200, built by all cores.
"""
import json
import os
import sys
import time

import faiss
import numpy

base, queries = (numpy.load(path).astype("float32") for path in sys.argv[1:3])
dims = base.shape[1]
faiss.omp_set_num_threads(os.cpu_count())
flat = faiss.IndexFlatIP(dims)
flat.add(base)
truth = flat.search(queries, 10)[1]
del flat
faiss.omp_set_num_threads(1)
indexes = {}


def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


def build(name):
    if name == "hnsw":
        import hnswlib

        index = hnswlib.Index("ip", dims)
        index.init_index(len(base), M=16, ef_construction=200)
        begun = time.perf_counter()
        index.set_num_threads(os.cpu_count())
        index.add_items(base)
        index.set_num_threads(1)
        return index, time.perf_counter() - begun
    index = faiss.index_factory(dims, name, faiss.METRIC_INNER_PRODUCT)
    begun = time.perf_counter()
    faiss.omp_set_num_threads(os.cpu_count())
    index.train(base)
    faiss.omp_set_num_threads(1)
    trained = time.perf_counter() - begun
    index.add(base)
    return index, trained


def search(name, k):
    index = indexes[name]
    return index.knn_query(queries, k)[0] if name == "hnsw" else index.search(queries, k)[1]


for line in sys.stdin:
    wish, name, *rest = line.split()
    if wish == "build":
        indexes.pop(name, None)
        before, begun = anonymous(), time.perf_counter()
        indexes[name], trained = build(name)
        took = time.perf_counter() - begun
        answer = {"train_s": trained, "build_s": took, "bytes": anonymous() - before}
    elif wish == "effort":
        index = indexes[name]
        if name == "hnsw":
            index.set_ef(int(rest[0]))
        else:
            index.k_factor = int(rest[0])
        answer = {}
    elif wish == "search":
        begun = time.perf_counter()
        search(name, int(rest[0]))
        answer = {"ns": (time.perf_counter() - begun) * 1e9 / len(queries)}
    else:
        found = search(name, int(rest[0]))
        among = lambda k: sum(len(set(t) & set(f[:k])) for t, f in zip(truth, found)) / truth.size
        answer = {"ten": among(10), "all": among(int(rest[0]))}
    print(json.dumps(answer), flush=True)
