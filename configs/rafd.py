"""DML-Net on RaFD (67 people, 8 expressions, 5 cameras, 3 gazes): a fifth of the people tests; 224 pixels.

    dmljax prepare  rafd --source=FOLDER --config.crop.rule=haar --out=prepared
    dmljax train    --config=rafd --config.dataset.root=prepared --run=runs/rafd
    dmljax evaluate --run=runs/rafd

Cost: three ResNet-50, which need an accelerator.
Expected: not used by the paper, and never run here: the set's licence forbids passing pictures on.
"""

from dmljax.configs import base, ict3dfe


def get_config(preset: str = "safe"):
    config = base.get_config(preset)
    config.dataset.name = "rafd"
    config.split.kind = "folds"
    return config if preset == "paper" else ict3dfe.with_recipe(config, "100 epochs")
