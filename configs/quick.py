"""A small DML-Net on the embedded default set: drawn faces, 48 pixels.

    dmljax train --config=quick --run=runs/quick

Cost: about three minutes on two CPU cores.
"""
from dmljax.configs import base


def get_config(preset: str = "safe"):
    config = base.get_config(preset)
    config.dataset.synthetic.identities = 30
    config.data.image_size = 48
    config.data.tuples_per_step = 6
    config.augment.shift = 0.05
    config.augment.scale = 0.05
    config.augment.flip = 0.5
    config.model.fused = 128
    config.model.embedding = 64
    config.model.hidden = 64
    config.model.batch_norm = True
    config.backbone.resnet.depth = 18
    config.backbone.resnet.width = 16
    config.backbone.resnet.stages = (1, 1, 1)
    config.losses.anchors = "all"
    config.optimizer.learning_rate = 2e-3
    config.optimizer.decay_every = "10 epochs"
    config.optimizer.warmup = "20 steps"
    config.ema.decay = 0.99
    config.train.duration = "30 epochs"
    config.train.save_every = "5 epochs"
    return config
