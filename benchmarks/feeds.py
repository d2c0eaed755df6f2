"""Reading from disk: a scan of a KDEF-sized tree, and the feed from disk beside torch's."""

import io
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags
from dmljax.launch import cli
from PIL import Image

from dmljax.data.pipeline import TFDataFeed
from dmljax.data.reading import read_all
from dmljax.datasets import kdef, synthetic
from dmljax.preparation import crop

SUMMARY = "Times the scan of a KDEF-sized tree, and the feed from disk beside torch's DataLoader."
USAGE = """\
    python benchmarks/feeds.py [--images=980] [--rounds=3]      # torch==2.13.0 for the second part

The tree has KDEF's 4,900 names with rendered heads in place of its photographs: tiny ones for the scan, 562 x
762 pixels for the rates. Both feeds cut the same window and resize it to 224 pixels, in batches of 15;
torch's dataset does so with Pillow, as its users do.
"""

SIZE, BATCH = 224, 15
NAMES = [
    f"{session}{sex}{number:02d}{expression}{view}"
    for session in "AB"
    for sex in "FM"
    for number in range(1, 36)
    for expression in kdef.CODES
    for view in kdef.VIEWS
]


def tree(root: Path, names, pictures: list[bytes]) -> None:
    for k, name in enumerate(names):
        path = root / "KDEF" / name[:4] / f"{name}.JPG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures[k % len(pictures)])


def photographs(width: int, height: int) -> list[bytes]:
    """35 rendered heads as JPEGs with the grain of a photograph."""
    heads, rng = synthetic.samples(identities=1, size=256, window="head"), np.random.default_rng(0)
    found = []
    for reference in heads.references:
        image = np.asarray(
            Image.fromarray(heads.read(reference)).resize((width, height), Image.Resampling.BICUBIC)
        ).astype(float)
        file = io.BytesIO()
        Image.fromarray(np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)).save(
            file, "JPEG", quality=90
        )
        found.append(file.getvalue())
    return found


def scan(root: str) -> dict:
    start = time.perf_counter()
    samples = kdef.samples(root)
    scanned = time.perf_counter()
    checked, _ = read_all(crop.apply(samples, rule="none"), 16, keep=False, progress=False)
    return {
        "what": "scan and check",
        "images": len(checked),
        "scan_s": round(scanned - start, 2),
        "check_s": round(time.perf_counter() - scanned, 2),
    }


class Photographs:
    """What a user of torch would write."""

    def __init__(self, root, references):
        self.paths = [f"{root}/{reference}" for reference in references]

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, k):
        image = (
            Image.open(self.paths[k])
            .convert("RGB")
            .crop(kdef.WINDOW)
            .resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        )
        return np.asarray(image)


def rates(root: str, rounds: int) -> dict:
    from torch.utils.data import DataLoader

    samples = kdef.samples(root)
    count = len(samples) // BATCH * BATCH
    order = np.random.default_rng(0).permutation(count).astype(np.int32)
    feed = TFDataFeed(samples, image_size=SIZE, progress=False)
    loader = DataLoader(
        Photographs(root, [samples.references[k] for k in order]),
        BATCH,
        num_workers=len(os.sched_getaffinity(0)),
    )

    def rate(batches) -> float:
        start = time.perf_counter()
        seen = sum(1 for _ in batches)
        assert seen == count // BATCH
        return count / (time.perf_counter() - start)

    ours, torchs = [], []
    for _ in range(rounds):
        ours.append(rate(feed.batches(order.reshape(-1, BATCH))))
        torchs.append(rate(loader))
    return {
        "what": "images a second at 224 pixels",
        "images": count,
        "tf.data": [round(r) for r in ours],
        "DataLoader": [round(r) for r in torchs],
        "ratio": [round(a / b, 2) for a, b in zip(ours, torchs)],
    }


def main(values):
    with tempfile.TemporaryDirectory() as folder:
        tree(Path(folder), NAMES, photographs(28, 38))
        print(json.dumps(scan(folder)), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        tree(Path(folder), NAMES[: values.images], photographs(562, 762))
        print(json.dumps(rates(folder, values.rounds)), flush=True)


def define(values):
    flags.DEFINE_integer("images", 980, "photographs for the rates", lower_bound=BATCH, flag_values=values)
    flags.DEFINE_integer("rounds", 3, "rounds, each of both feeds", lower_bound=1, flag_values=values)


if __name__ == "__main__":
    cli.run("feeds", SUMMARY, USAGE, define, main)
