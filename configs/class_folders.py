"""DML-Net on class folders, FOLDER/<class>/*.jpg or FOLDER/train/<class>/*.jpg; 224 pixels, batch 32.

    dmljax train    --config=class_folders --config.dataset.root=FOLDER --run=runs/own
    dmljax evaluate --run=runs/own

Without poses and identities there are no triplets: the network is trained on plain mini-batches.
Cost: three ResNet-50, made for an accelerator. On a CPU take a smaller network and image:
--config.data.image_size=64 --config.backbone.resnet.depth=18 --config.backbone.resnet.width=16.
"""

from dmljax.configs import manifest


def get_config(preset: str = "safe"):
    config = manifest.get_config(preset)
    config.dataset.name = "class_folders"
    return config
