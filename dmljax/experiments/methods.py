"""Comparison with other methods on the same split."""

from __future__ import annotations

from dmljax.report import differences, statistics
from dmljax.report.parts import Finding, Part, Table, Text
from dmljax.studies import measures, networks, published
from dmljax.studies.members import Member

TITLE = "Comparison with other methods on the same split: descriptors, networks, metric losses, fusion"
ITEMS = ("table2", "table5")
METHODS = ("lbp_svm", "lgbp_svm", "one_resnet", "densenet", "iacnn", "island", "tuplet", "mpcnn", "dynamic")
OURS = "dynamic"


def members(request: networks.Request) -> list[Member]:
    return networks.members_of(request, METHODS)


def show(rows: list[dict], out) -> list[Part]:
    """Accuracies with intervals over runs, and what DML-Net has more than each other method."""
    del out
    lines = [
        [
            "method",
            "whose",
            "runs",
            "expression %",
            "95 %",
            *statistics.COMPARED,
            "pose %",
        ]
    ]
    better, worse = [], []
    gains = differences.adjusted(
        [measures.difference(rows, OURS, label) if label != OURS else None for label in METHODS]
    )
    for label, found in zip(METHODS, gains):
        network, own = networks.NETWORKS[label], measures.of(rows, label)
        if found and found.p is not None and found.p < 0.05:
            (worse if found.mean > 0 else better).append(network.title)
        lines.append(
            [
                network.title,
                network.source,
                str(len(own)),
                *measures.percent(own),
                *statistics.compared(found),
                measures.percent(own, "pose accuracy")[0],
            ]
        )
    said = [
        Finding(
            f"DML-Net is better than {_listed(worse)}; better than DML-Net: {_listed(better)} (p < 0.05,"
            " Holm)."
        )
    ]
    note = (
        "Differences are DML-Net less the method, in expression. IACNN, island and tuplet here: the loss of"
        " that name on one ResNet, its own hyperparameters searched only where a table below says so."
    )
    return [Table(lines), *said, Text(note), *measures.notes(gains)]


def beside(rows: list[dict], item: str) -> published.Here:
    """Expression accuracy of the methods that run here."""
    del item
    return networks.beside(
        "expression %", {label: measures.mean(measures.of(rows, label)) for label in METHODS}
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "none of them"
