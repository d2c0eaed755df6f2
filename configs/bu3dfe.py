"""DML-Net on BU-3DFE: nine rendered yaws of the textured scans, 70 people train and 30 test; 224 pixels,
ResNet-50.

    dmljax prepare bu3dfe --source=FOLDER
    dmljax train    --config=bu3dfe --config.dataset.root=FOLDER --run=runs/bu3dfe
    dmljax evaluate --run=runs/bu3dfe

The set is licensed by Binghamton University. The paper reports 83.5 % expression and 99.4 % pose.
"""

from dmljax.configs import ict3dfe


def get_config(preset: str = "safe"):
    config = ict3dfe.get_config(preset)
    config.dataset.name = "bu3dfe"
    config.split.kind = "paper"
    return config
