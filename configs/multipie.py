"""DML-Net on Multi-PIE as the paper has it: 6 expressions, 5 yaws from -30 to 30, one flash; 44 people test.

    dmljax prepare  multipie --source=FOLDER --config.crop.rule=haar --out=prepared
    dmljax train    --config=multipie --config.dataset.root=prepared --run=runs/multipie
    dmljax evaluate --run=runs/multipie

Cost: three ResNet-50, which need an accelerator.
Expected: the paper has 93.5 % expression and 99.7 % pose. Never run here: the set's licence forbids passing
pictures on.
"""

from dmljax.configs import base, ict3dfe


def get_config(preset: str = "safe"):
    config = base.get_config(preset)
    config.dataset.name = "multipie"
    config.split.kind = "paper"
    config.data.memory = "host"
    return config if preset == "paper" else ict3dfe.with_recipe(config, "100 epochs")
