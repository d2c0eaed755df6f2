"""A start for grey photographs: rendered faces by flash, grey, half of them behind sunglasses; 64 pixels.

    dmljax train --config=snapshots --run=runs/snapshots
    dmljax train --config=cmu_faces ... --config.init.run=runs/snapshots

200 people with four expressions from the front, from both sides and from below; four in ten wear glasses, two
in ten a beard.
Cost: 4 minutes on two CPU cores.
Expected: what it is worth to CMU faces, see cmu_faces.py.
"""

from dmljax.configs import cmu_faces


def get_config(preset: str = "safe"):
    config = cmu_faces.get_config(preset)
    config.dataset.name = "synthetic"
    config.dataset.synthetic.update(
        identities=200,
        images=2,
        size=64,
        difficulty=0.5,
        expressions="anger,happiness,neutral,sadness",
        poses="-50,0,50,0/30",
        glasses=0.4,
        sunglasses=0.5,
        beards=0.2,
        film="grey",
    )
    config.split.fold = 0
    config.split.folds = 10  # nine tenths of the people train
    config.split.stratify = True
    config.augment.shift = 0.05
    config.augment.scale = 0.1
    config.train.duration = "16 epochs"
    config.train.save_every = "4 epochs"
    return config
