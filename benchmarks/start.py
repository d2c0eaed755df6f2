"""How long it takes until `import dmljax` is done and `dmljax --help` has been printed.

    python benchmarks/start.py [REPEATS]

Every repeat is a process of its own; the median counts. Prints one JSON line per measurement: seconds of wall
time, and for the import also without what the bare interpreter takes. Aims: 0.2 s and 0.5 s.
"""

import json
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import dmljax": ("-c", "import dmljax"),
    "dmljax --help": ("-m", "dmljax", "--help"),
}


def seconds(arguments: tuple[str, ...]) -> float:
    """Wall time of one process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main(repeats: int) -> None:
    """Measures in turns, so that what else the machine does meets all alike."""
    rounds = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(repeats)]
    for name in COMMANDS:
        line = {"start": name, "repeats": repeats}
        line["seconds"] = round(statistics.median(found[name] for found in rounds), 3)
        if name == "import dmljax":
            alone = [found[name] - found["python -c pass"] for found in rounds]
            line["import_seconds"] = round(statistics.median(alone), 3)
        print(json.dumps(line))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
