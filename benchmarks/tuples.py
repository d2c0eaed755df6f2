"""Times the five-tuple sampler, beside the literal double loop of Algorithm 1 at a size that it can bear.

python benchmarks/tuples.py
"""

import json
import resource
import time

import numpy as np

from dmljax.data.tuples import draw_epoch


def labels(samples: int, identities: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, samples), rng.integers(0, 7, samples), rng.integers(0, identities, samples)


def double_loop(expression, pose, identity, seed: int) -> int:
    """Algorithm 1 as printed: for each sample still there, look through all that are still there. Number of
    tuples.
    """
    order = np.random.default_rng(seed).permutation(len(expression)).tolist()
    e, p, i = expression.tolist(), pose.tolist(), identity.tolist()
    there, count = dict.fromkeys(order), 0
    for a in order:
        if a not in there:
            continue
        chosen = [a]
        for fits in (
            lambda x, a=a: e[x] == e[a] and p[x] != p[a],
            lambda x, a=a: e[x] != e[a] and p[x] == p[a],
            lambda x, a=a: e[x] == e[a] and i[x] != i[a],
            lambda x, a=a: e[x] != e[a] and i[x] == i[a],
        ):
            found = next((x for x in there if x not in chosen and fits(x)), None)
            if found is None:
                break
            chosen.append(found)
        else:
            count += 1
            for x in chosen:
                del there[x]
    return count


def main() -> None:
    for samples in (20_000, 100_000, 1_000_000, 10_000_000):
        data = labels(samples, max(1, samples * 14_000 // 1_000_000))
        started = time.perf_counter()
        tuples, report = draw_epoch(*data, seed=0)
        line = {
            "samples": samples,
            "vectorised_s": round(time.perf_counter() - started, 3),
            "tuples": len(tuples),
            "used": report.used,
        }
        if samples <= 20_000:
            started = time.perf_counter()
            line |= {
                "double_loop_tuples": double_loop(*data, seed=0),
                "double_loop_s": round(time.perf_counter() - started, 3),
            }
        line["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
