"""DML-Net on BU-3DFE: nine rendered yaws of the textured scans, 70 people train and 30 test; 224 pixels.

    dmljax prepare  bu3dfe --source=FOLDER
    dmljax train    --config=bu3dfe --config.dataset.root=FOLDER --run=runs/bu3dfe
    dmljax evaluate --run=runs/bu3dfe

Cost: three ResNet-50, which need an accelerator.
Expected: the paper has 83.5 % expression and 99.4 % pose. The set is licensed by Binghamton University.
"""

from dmljax.configs import base, ict3dfe


def get_config(preset: str = "safe"):
    config = base.get_config(preset)
    config.dataset.name = "bu3dfe"
    config.split.kind = "paper"
    config.data.memory = "host"
    return config if preset == "paper" else ict3dfe.with_recipe(config, "40 epochs")
