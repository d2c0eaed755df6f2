"""Published numbers, in % expression accuracy, with whose they are.

Protocols differ between authors; so do pictures, people and sizes.
"""

SETS = ("KDEF", "BU-3DFE", "Multi-PIE", "SFEW")

# Of the paper: the whole method, and its ablation row by row (not done on SFEW).
DML_NET = {"KDEF": 88.2, "BU-3DFE": 83.5, "Multi-PIE": 93.5, "SFEW": 54.36}
DML_NET_POSE = {"KDEF": 99.9, "BU-3DFE": 99.4, "Multi-PIE": 99.7, "SFEW": 80.0}
ABLATION = {
    "one_resnet": {"KDEF": 83.7, "BU-3DFE": 78.4, "Multi-PIE": 90.5},
    "mfe": {"KDEF": 84.0, "BU-3DFE": 81.8, "Multi-PIE": 90.5},
    "hpe": {"KDEF": 85.5, "BU-3DFE": 82.3, "Multi-PIE": 91.2},
    "jefl": {"KDEF": 86.1, "BU-3DFE": 82.6, "Multi-PIE": 93.0},
    "dynamic": DML_NET,
}
CROSS = ("BU-3DFE", "SFEW", 27.13)  # trained on, tested on, mean of the classes

# Of the methods' own authors. The first three also run here.
OTHERS = {
    "iacnn": {"SFEW": 50.98},
    "island": {"SFEW": 52.52},
    "tuplet": {"SFEW": 54.19},
    "STM-ExpLet (Liu et al. 2014)": {"SFEW": 31.73},
    "mapped LBP (Levi & Hassner 2015)": {"SFEW": 41.92},
    "Inception (Mollahosseini et al. 2016)": {"SFEW": 47.70},
    "FN2EN (Ding et al. 2017)": {"SFEW": 55.15},
    "joint pose and expression GAN (Zhang et al. 2018)": {"BU-3DFE": 81.20, "Multi-PIE": 91.80},
}


def cells(values: dict[str, float], sets=SETS) -> list[str]:
    """The numbers for some sets as texts, '-' where there is none."""
    return [f"{values[name]:.1f}" if name in values else "-" for name in sets]
