"""Every export format beside its run: differences on 100 images, file size, images a second.

    python benchmarks/exports.py --run=runs/quick >> benchmarks/exports.jsonl

Formats and the run take turns, so that what else the machine does meets all of them. A line a format.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

import dmljax
from dmljax.exports import export, pictures, place, trial
from dmljax.exports import source as sources

IMAGES, BATCH, ROUNDS = 100, 32, 15


def main() -> None:
    """Measures all formats, and prints a JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="runs/quick", type=Path)
    run = parser.parse_args().run
    model = dmljax.load(run, batch=BATCH)
    shown = pictures.choose(model, run, count=IMAGES)
    batch = shown.pixels[:BATCH]
    calls, lines = {"the run": lambda: model.outputs(batch)}, {"the run": {}}
    with tempfile.TemporaryDirectory() as folder:
        for form in export.names():
            source = sources.of(model, run, checkpoint="last", form=form, licence="")
            module, path = export.load(form), Path(folder, form)
            begin = time.perf_counter()
            module.write(path, source)
            seconds = time.perf_counter() - begin
            call = module.runtime(path, source)
            found = trial.differences(source, call, shown.pixels)
            lines[form] = {
                "runtime": module.RUNTIME,
                "differences": {name: float(f"{apart:.2g}") for name, apart in found.items()},
                "bytes": place.size(path),
                "seconds_to_write": round(seconds, 1),
            }
            if form != "safetensors":  # weights alone: the run's own network has them
                calls[form] = lambda call=call: call(batch)
        rates = {name: [] for name in calls}
        for _ in range(ROUNDS):
            for name, call in calls.items():
                call()  # once for the caches of whoever was before
                begin = time.perf_counter()
                call()
                rates[name].append(len(batch) / (time.perf_counter() - begin))
    about = {"images": len(shown.pixels), "of": shown.origin, "batch": BATCH, "cores": os.cpu_count()}
    for name, line in lines.items():
        speed = {}
        if name in rates:
            low, middle, high = np.percentile(rates[name], (25, 50, 75)).round()
            speed = {"images_a_second": middle, "quartiles": [low, high]}
        print(json.dumps({"format": name, **line, **speed, **about}))


if __name__ == "__main__":
    main()
