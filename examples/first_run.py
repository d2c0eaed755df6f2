# %% [markdown]
"""
# First run

Trains DML-Net on faces that are rendered on your machine, scores it on people who were never seen in
training, and asks the trained network about a few pictures. Nothing is downloaded.
"""

# %% settings
import json
import tempfile
from pathlib import Path

import dmljax
from dmljax.datasets import synthetic

SMALL = True  # a few people and steps, under a minute; False: all of the quick configuration, about 4 minutes

# %% [markdown]
# A configuration is found by name. Fields are changed by their dotted names; a misspelt field or a value
# out of its range is an error that names the field.

# %% configuration
changes = {"seed": 1}
if SMALL:
    changes |= {
        "dataset.synthetic.identities": 9,
        "dataset.synthetic.poses": "-45,0,45",
        "dataset.synthetic.size": 48,
        "data.image_size": 32,
        "backbone.resnet.width": 4,
        "backbone.resnet.stages": (1,),
        "split.folds": 3,
        "train.duration": "5 epochs",
    }
config = dmljax.get_config("quick", changes)

# %% [markdown]
# A run is a folder. Calling `train` again with the same folder continues a run that was stopped, and leaves
# a finished one as it is.

# %% training
run = Path(tempfile.mkdtemp()) / "first"  # choose a place that you keep, such as runs/first
dmljax.train(config, run)

# %% [markdown]
# Every logged step is a line of JSON.

# %% log
last = json.loads((run / "train.jsonl").read_text().splitlines()[-1])
print({name: value for name, value in last.items() if name.startswith(("loss", "weight"))})

# %% [markdown]
# `evaluate` scores the people of the test side of the split. A few steps teach little: with `SMALL` these
# numbers are near chance, which is 1/7 for the expression.

# %% evaluation
scores = dmljax.evaluate(run)
for name, score in scores.items():
    print(f"{name}: {score:.3f}")

# %% [markdown]
# A trained run is a model. It needs its folder and no data set. Images are arrays of any size, or paths.

# %% prediction
model = dmljax.load(run)
pictures = synthetic.samples(identities=1, size=96, seed=7, expressions="happiness", poses="-45,0,45")
images = [pictures.read(reference) for reference in pictures.references]
found = model.predict(images)
for expression, pose, yaw in zip(found.expression, found.pose, found.yaw):
    print(f"{expression}, pose class {pose}, {yaw:.0f} degrees")
assert found.embedding.shape == (3, config.model.embedding)
