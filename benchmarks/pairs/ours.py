"""Our step, whenever a line comes on standard input: the answer is the seconds that it took."""

import json
import sys
import time

from dmljax import pages

pages.keep()  # before a library's threads allocate

import jax  # noqa: E402

from dmljax.costs import timed  # noqa: E402


def main() -> None:
    ready = timed.prepare(device="cpu", **json.loads(sys.argv[1]))
    print("ready", flush=True)
    for k, _ in enumerate(sys.stdin):
        before = time.perf_counter()
        jax.block_until_ready(ready.run(k))
        print(time.perf_counter() - before, flush=True)


if __name__ == "__main__":
    main()
