"""DML-Net on KDEF (70 people, 7 expressions, 5 views) as the paper has it: 14 people test; 224 pixels.

    dmljax prepare  kdef --source=FOLDER --out=prepared
    dmljax train    --config=kdef --config.dataset.root=prepared --run=runs/kdef
    dmljax evaluate --run=runs/kdef

Cost: three ResNet-50, which need an accelerator.
Expected: the paper has 88.2 % expression and 99.9 % pose. Never run here: the set's licence forbids passing
pictures on.
"""

from dmljax.configs import base, ict3dfe


def get_config(preset: str = "safe"):
    config = base.get_config(preset)
    config.dataset.name = "kdef"
    config.split.kind = "paper"
    return config if preset == "paper" else ict3dfe.with_recipe(config, "100 epochs")
