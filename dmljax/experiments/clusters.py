"""Identity clusters within an expression, without and with triplets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics import silhouette_score

from dmljax.report import probes, statistics
from dmljax.report.parts import Finding, Part, Picture, Table, Text
from dmljax.studies import measures, networks
from dmljax.studies.members import Member

TITLE = "Whether images of one expression fall apart into people, without and with triplets"
ITEMS = ("fig14",)
NEEDS = ("evaluation/features.npz",)
NETWORKS = {"hpe": "no triplets", "identity_triplets": "identity triplets", "jefl": "both triplets"}
SHOWN = 2  # expressions in the picture


def members(request: networks.Request) -> list[Member]:
    networks.check_whole(request.config, "the clusters' figure")
    return networks.members_of(request, NETWORKS)


def show(rows: list[dict], out: Path) -> list[Part]:
    """Maps of the first run's largest expressions, coloured by person; per run the mean over expressions of
    silhouette and P@1 by identity.
    """
    from dmljax.report import plots

    panels, found = [], []
    for label, title in NETWORKS.items():
        for k, row in enumerate(measures.of(rows, label)):
            embedding, labels, names = measures.features(row)
            groups = _groups(labels)
            found.append(measures.run(row) | _measure(embedding, labels["identity"], groups))
            if k == 0:
                panels += [
                    plots.Panel(
                        f"{title}: {names['expression'][code]}",
                        plots.tsne(embedding[chosen]),
                        labels["identity"][chosen],
                        names["identity"],
                        title,
                    )
                    for code, chosen in list(groups.items())[:SHOWN]
                ]
    if not panels:
        return [
            Text(
                "no expression has two test people with two images each: there are no clusters to look for",
                lost=True,
            )
        ]
    picture = out / "clusters.png"
    plots.maps(panels, picture, columns=min(SHOWN, len(panels)))
    lines = [
        [
            "network",
            "runs",
            "silhouette by identity",
            "95 %",
            "nearest is the same person %",
            "95 %",
            "chance %",
        ]
    ]
    for label, title in NETWORKS.items():
        own = measures.of(found, label)
        silhouette = statistics.interval([row["silhouette"] for row in own if "silhouette" in row]) or (
            np.nan,
            np.nan,
        )
        lines.append(
            [
                title,
                str(len(own)),
                "-" if np.isnan(silhouette[0]) else f"{silhouette[0]:.3f}",
                "-" if np.isnan(silhouette[1]) else f"± {silhouette[1]:.3f}",
                *measures.percent(own, "P@1"),
                measures.percent(own, "chance")[0],
            ]
        )
    change = measures.difference(found, "jefl", "hpe", "P@1")
    said = (
        "The nearest image of the same expression is the same person's: both triplets against none"
        f" {measures.gain(change)} points"
    )
    return [
        Table(lines),
        Finding(f"{said} ({measures.certainty(change)}; less is wanted)."),
        Picture(picture, "t-SNE within expressions, coloured by person"),
        *measures.notes([change]),
    ]


def _groups(labels: dict[str, np.ndarray]) -> dict[int, np.ndarray]:
    """expression -> its images whose person is known, the largest first; only expressions that two people
    show twice.
    """
    found = {}
    for code in np.unique(labels["expression"][labels["expression"] >= 0]):
        chosen = np.flatnonzero((labels["expression"] == code) & (labels["identity"] >= 0))
        counts = np.unique(labels["identity"][chosen], return_counts=True)[1]
        if (counts > 1).sum() > 1:
            found[int(code)] = chosen
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _measure(embedding: np.ndarray, identity: np.ndarray, groups: dict[int, np.ndarray]) -> dict[str, float]:
    if not groups:
        return {}
    parts = [(embedding[chosen], identity[chosen]) for chosen in groups.values()]
    by_chance = [np.mean([(who == person).sum() - 1 for person in who]) / (len(who) - 1) for _, who in parts]
    return {
        "silhouette": float(np.mean([silhouette_score(x, who) for x, who in parts])),
        "P@1": float(np.mean([probes.retrieval(x, who)["P@1"] for x, who in parts])),
        "chance": float(np.mean(by_chance)),
    }
