"""DML-Net on one's own images: a CSV of paths and labels beside them; 224 pixels, batch 15.

    dmljax train    --config=manifest --config.dataset.root=FOLDER --run=runs/own
    dmljax evaluate --run=runs/own

Cost: three ResNet-50, made for an accelerator. On a CPU take a smaller network and image:
--config.data.image_size=64 --config.backbone.resnet.depth=18 --config.backbone.resnet.width=16.
"""

from dmljax.configs import base


def get_config(preset: str = "safe"):
    config = base.get_config(preset)
    config.dataset.name = "folder"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.warmup = "5%"
    config.phases.triplet_after = "10%"
    config.augment.flip = 0.5
    config.augment.shift = 0.05
    config.augment.scale = 0.05
    config.train.duration = "100 epochs"
    return config
