"""Another program's step, whenever a line comes on standard input: the answer is the seconds that it took.

The program calls `time.perf_counter` before and after each step, has a `main`, and takes flags. Between its
two calls nothing is changed; the first of them waits for the line. It needs nothing of dmljax.
"""

import importlib.util
import sys
import time
import types


class Turns:
    """What the program has instead of the module `time`."""

    def __init__(self):
        self._begun = None

    def perf_counter(self) -> float:
        if self._begun is None:
            if not sys.stdin.readline():
                raise SystemExit
            self._begun = time.perf_counter()
            return self._begun
        now = time.perf_counter()
        print(now - self._begun, flush=True)
        self._begun = None
        return now


def main() -> None:
    path, *sys.argv[1:] = sys.argv[1:]
    found = importlib.util.spec_from_file_location("theirs_program", path)
    program = importlib.util.module_from_spec(found)
    found.loader.exec_module(program)
    turns = Turns()
    program.time = types.SimpleNamespace(perf_counter=turns.perf_counter)
    print("ready", flush=True)
    program.main()


if __name__ == "__main__":
    main()
