# %% [markdown]
"""
# Your own images

A folder of images and a CSV file are enough. So that this script runs anywhere, it first makes such a
folder from rendered heads; with your own images, start at the manifest.
"""

# %% images
import csv
import tempfile
from pathlib import Path

from PIL import Image

import dmljax
from dmljax.datasets import synthetic
from dmljax.preparation.prepare import prepare

folder = Path(tempfile.mkdtemp())
heads = synthetic.samples(
    identities=6, size=64, window="head", expressions="anger,happiness,neutral", poses="-45,0,45"
)
rows = []
for k, reference in enumerate(heads.references):
    name = f"{reference.replace('/', '_')}.png"
    Image.fromarray(heads.read(reference)).save(folder / name)
    expression = heads.expression_names[heads.expression[k]]
    rows.append((name, expression, f"{heads.pose_yaw[heads.pose[k]]:g}", f"person {heads.identity[k]}"))

# %% [markdown]
# ## The manifest
#
# `manifest.csv` lies beside the images. Its columns are `path` and `expression` and, as far as known,
# `pose`, `identity` and `split`. An empty cell is a label that is not known. A pose that is a number is a
# yaw in degrees, positive when the nose points to the right of the image; so a mirrored image gets the
# right label.

# %% manifest
with open(folder / "manifest.csv", "w", newline="") as file:
    csv.writer(file).writerows([("path", "expression", "pose", "identity"), *rows])
print(*(folder / "manifest.csv").read_text().splitlines()[:3], sep="\n")

# %% [markdown]
# ## Where the faces are
#
# Eyes and mouth have to lie where the branches look for them: in the upper and the lower third. A table
# with a box an image says where each face is. `dmljax prepare --boxes=boxes.csv` writes one with a face
# detector; here the rendered head is known to fill the middle of its picture.

# %% boxes
with open(folder / "boxes.csv", "w", newline="") as file:
    header = ("path", "left", "top", "right", "bottom")
    csv.writer(file).writerows([header, *((name, 14, 14, 50, 52) for name, *_ in rows)])

# %% [markdown]
# ## Prepare once
#
# Preparing checks every image, crops and resizes it, and leaves a report and a contact sheet beside the
# result. Look at the sheet before you train. The format `array` is plain NumPy; without `formats` you get
# TFDS records.

# %% prepare
config = dmljax.get_config(
    "manifest",
    {
        "dataset.root": str(folder),
        "data.image_size": 32,
        "crop.rule": "boxes",
        "crop.table": str(folder / "boxes.csv"),
    },
)
prepared = prepare(config, str(folder / "prepared"), formats=("array",), workers=1, progress=False).folder
print(sorted(path.name for path in prepared.iterdir() if path.suffix in (".csv", ".md", ".png")))

# %% [markdown]
# ## Train on it
#
# The configuration `manifest` is made for an accelerator: three ResNet-50 at 224 pixels. The changes below
# make it tiny. People of the test side are never trained on; here every third person tests.

# %% training
small = {
    "dataset.root": str(prepared),
    "data.image_size": 32,
    "data.tuples_per_step": 2,
    "backbone.resnet.depth": 18,
    "backbone.resnet.width": 4,
    "backbone.resnet.stages": (1,),
    "split.folds": 3,
    "train.duration": "6 steps",
}
run = folder / "run"
dmljax.train(dmljax.get_config("manifest", small), run, progress=False)
scores = dmljax.evaluate(run, progress=False)
assert (run / "split.json").exists() and 0 <= scores["expression accuracy"] <= 1
print({name: round(score, 3) for name, score in scores.items()})
