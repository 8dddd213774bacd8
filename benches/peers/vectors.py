"""Searches of faiss, one thread, as the other side of larder-bench's suite `vector`.

python vectors.py BASE.npy QUERIES.npy; then a line of standard input for each wish, a line of JSON for each answer:
`build NAME` trains and fills an index, `search NAME K` searches all queries at once, `recall NAME K` says how many of the
ten nearest are among the first ten and the first K.
"""
import json
import sys
import time

import faiss
import numpy

base, queries = (numpy.load(path).astype("float32") for path in sys.argv[1:3])
dims = base.shape[1]
faiss.omp_set_num_threads(1)
flat = faiss.IndexFlatIP(dims)
flat.add(base)
truth = flat.search(queries, 10)[1]
indexes = {}
for line in sys.stdin:
    wish, name, *rest = line.split()
    begun = time.perf_counter()
    if wish == "build":
        index = faiss.index_factory(dims, name, faiss.METRIC_INNER_PRODUCT)
        faiss.omp_set_num_threads(2)
        index.train(base)
        faiss.omp_set_num_threads(1)
        trained = time.perf_counter() - begun
        index.add(base)
        indexes[name] = index
        answer = {"version": faiss.__version__, "train_s": trained}
    elif wish == "search":
        indexes[name].search(queries, int(rest[0]))
        answer = {"ns": (time.perf_counter() - begun) * 1e9 / len(queries)}
    else:
        found = indexes[name].search(queries, int(rest[0]))[1]
        among = lambda k: sum(len(set(t) & set(f[:k])) for t, f in zip(truth, found)) / truth.size
        answer = {"ten": among(10), "all": among(int(rest[0]))}
    print(json.dumps(answer), flush=True)
