"""Comparison with other methods on the same split."""

from __future__ import annotations

from dmljax.report import statistics
from dmljax.report.parts import Finding, Part, Table, Text
from dmljax.studies import measures, networks, published
from dmljax.studies.members import Member

TITLE = "Comparison with other methods on the same split: descriptors, networks, metric losses, fusion"
ITEMS = ("table2", "table5", "table6", "table7")
METHODS = ("lbp_svm", "lgbp_svm", "one_resnet", "densenet", "iacnn", "island", "tuplet", "mpcnn", "dynamic")
OURS = "dynamic"


def members(request: networks.Request) -> list[Member]:
    return networks.members_of(request, METHODS)


def show(rows: list[dict], out) -> list[Part]:
    """Accuracies with intervals over runs and a paired t test against DML-Net; then methods of which there
    are published numbers only.
    """
    del out
    numbers = {
        "one_resnet": published.ABLATION["one_resnet"],
        OURS: published.DML_NET,
    } | published.OTHERS
    lines = [
        [
            "method",
            "whose",
            "runs",
            "expression %",
            "95 %",
            "DML-Net's gain",
            "p",
            "pose %",
            *(f"published: {name} %" for name in published.SETS),
        ]
    ]
    better, worse = [], []
    for label in METHODS:
        network, own = networks.NETWORKS[label], measures.of(rows, label)
        both = measures.pairs(rows, OURS, label) if label != OURS else []
        p = statistics.paired(both)
        if p is not None and p < 0.05:
            (worse if sum(a - b for a, b in both) > 0 else better).append(network.title)
        lines.append(
            [
                network.title,
                network.source,
                str(len(own)),
                *measures.percent(own),
                measures.gain(both),
                statistics.probability(p),
                measures.percent(own, "pose accuracy")[0],
                *published.cells(numbers.get(label, {})),
            ]
        )
    for name, values in published.OTHERS.items():
        if name not in METHODS:
            lines.append([name, "published only", "-", "-", "-", "-", "-", "-", *published.cells(values)])
    said = [
        Finding(
            f"DML-Net is better than {_listed(worse)}; better than DML-Net: {_listed(better)} (paired, p <"
            " 0.05)."
        )
    ]
    note = (
        "Columns named published: expression accuracy as each method's authors or the paper give it, on other"
        " pictures, people and sizes; not comparable with ours; those of other authors are quoted, look them"
        " up before citing them. IACNN, island and tuplet here: the loss of that name on one ResNet, its"
        " hyperparameters not searched. p values are not corrected for the number of methods."
    )
    return [Table(lines), *said, Text(note)]


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "none of them"
