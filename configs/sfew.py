"""The network on SFEW 2.0, faces from films without pose and identity labels: three branches, one head.

    dmljax train    --config=sfew --config.dataset.root=FOLDER --run=runs/sfew
    dmljax train    --config=bu3dfe --train=bu3dfe:FOLDER --test=sfew:FOLDER --run=runs/cross  # cross-set
    dmljax evaluate --run=runs/sfew

Cost: three ResNet-50, which need an accelerator.
Expected: the paper, with labels of its own for pose and identity and after training on Multi-PIE, has 54.36 %
of the 436 validation images in its abstract, 54.39 % in Table 7. Never run here: the set's licence forbids
passing pictures on.
"""

from dmljax.configs import base


def get_config(preset: str = "safe"):
    config = base.get_config(preset)
    config.dataset.name = "sfew"
    config.split.kind = "given"
    # of poses and people nothing is known, and a run says so by itself; studies ask what is configured
    config.model.pose_head = False
    config.losses.triplets = ()
    config.weighting.name = "equal"
    config.phases.first = "0 steps"
    if preset == "paper":
        return config
    config.augment.shift = 0.05
    config.augment.scale = 0.1
    config.augment.erase = 0.2
    config.augment.brightness = 0.1
    config.augment.contrast = 0.2
    config.train.duration = "60 epochs"
    return config
