"""How much of expression, pose and identity can be read off a feature: probes, neighbours, clusters."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import silhouette_score
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dmljax.metrics import intervals
from dmljax.types import LABELS

# How the numbers come about, for whoever reads a table of them.
NOTE = (
    "A feature that is pose-aware lets the pose be read, one that is identity-invariant does not let the"
    " person be told apart. Probes for expression and pose are trained on some people and asked about others;"
    " those for identity learn every person from some of the images, at most four fifths, and are asked about"
    " the others."
)
# The same where it is not known who is who.
BY_IMAGE = (
    "Nobody is known: probes are trained on some images and asked about others, of the same people perhaps."
)
NEIGHBOURS = 5
FOLDS = 5
RIDGE = 10.0


def chance(labels: np.ndarray) -> float:
    """Accuracy of always saying the most frequent class."""
    return float(np.bincount(labels).max() / len(labels))


def probe(features: np.ndarray, labels: np.ndarray, people: np.ndarray | None, *, kind: str) -> np.ndarray:
    """Whether each sample was classified rightly by a probe that did not see it, bool [N].

    Args:
      features: [N, D].
      labels: int [N].
      people: identities that must not be on both sides, int [N]; None: any sample may help to classify any
        other.
      kind: 'linear', a ridge classifier on standardised features, or 'neighbours', the nearest five.

    Raises:
      ValueError: too few people or samples of a class for two folds.
    """
    right = np.zeros(len(labels), bool)
    for train, test in _splits(labels, people):
        model = (
            make_pipeline(StandardScaler(), RidgeClassifier(RIDGE))
            if kind == "linear"
            else KNeighborsClassifier(NEIGHBOURS)
        )
        right[test] = model.fit(features[train], labels[train]).predict(features[test]) == labels[test]
    return right


def _splits(labels: np.ndarray, people: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """(those a probe learns from, those it is asked about) of each fold."""
    if people is None:
        folds = min(FOLDS, int(np.bincount(labels)[np.unique(labels)].min()))
        splitter, groups = StratifiedKFold(max(folds, 2), shuffle=True, random_state=0), None
    else:
        splitter, groups = GroupKFold(min(FOLDS, len(np.unique(people)))), people
    return list(splitter.split(labels[:, None], labels, groups))


def can_be_probed(labels: np.ndarray, people: np.ndarray, *, by_people: bool) -> bool:
    """Whether there are images enough: two classes, two people, a second image of a class to be found, and as
    many images as neighbours, of two classes, on the learning side of each fold.
    """
    if len(np.unique(labels)) < 2 or len(np.unique(people)) < 2 or np.bincount(labels).max() < 2:
        return False
    return all(
        len(train) >= NEIGHBOURS and len(np.unique(labels[train])) > 1
        for train, _ in _splits(labels, people if by_people else None)
    )


def retrieval(features: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Precision at 1, R-precision and mean average precision at R, over all images as queries against all
    others.

    R is the number of other images of the query's class; queries with R = 0 do not count. After Musgrave,
    Belongie & Lim: "A metric learning reality check", 2020:  MAP@R = mean over queries of 1/R sum_{i <= R}
    P(i) [i-th neighbour is of the class].
    """
    first, precision, average = [], [], []
    # far from the origin distances of float32 have few digits left
    features = features.astype(np.float64)
    features -= features.mean(0)
    squares = (features**2).sum(1)
    for k in range(len(labels)):
        distance = squares - 2 * (features @ features[k])
        distance[k] = np.inf
        same = labels == labels[k]
        count = int(same.sum()) - 1
        if not count:
            continue
        hit = same[_nearest(distance, count)]
        first.append(hit[0])
        precision.append(hit.mean())
        average.append((hit * np.cumsum(hit) / np.arange(1, count + 1)).sum() / count)
    return {
        "P@1": float(np.mean(first)),
        "R-precision": float(np.mean(precision)),
        "MAP@R": float(np.mean(average)),
    }


def _nearest(distance: np.ndarray, count: int) -> np.ndarray:
    """The `count` smallest in order, the first of equals first: a stable sort of those that matter alone."""
    within = np.flatnonzero(distance <= np.partition(distance, count - 1)[count - 1])
    return within[np.argsort(distance[within], kind="stable")[:count]]


def audit(spaces: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> list[dict]:
    """A row for each space and label: accuracies of both probes with chance and 95 % intervals, retrieval,
    silhouette.

    Intervals are over people, or over images where nobody is known. A label that cannot be probed is left
    out, see `can_be_probed`.
    """
    who = labels["identity"]
    if not (who >= 0).any():  # every image then counts for somebody else
        who = np.arange(len(who))
    rows = []
    for space, features in spaces.items():
        for label in LABELS:
            known = labels[label] >= 0
            if label != "identity":
                known &= who >= 0
            y, people = labels[label][known], who[known]
            if not len(y) or not can_be_probed(y, people, by_people=label != "identity"):
                continue
            x = features[known]
            row = {
                "space": space,
                "label": label,
                "images": len(y),
                "classes": len(np.unique(y)),
                "chance": chance(y),
            }
            for kind in ("linear", "neighbours"):
                right = probe(x, y, None if label == "identity" else people, kind=kind)
                row[kind], (row[f"{kind}_low"], row[f"{kind}_high"]) = (
                    float(right.mean()),
                    _over_people(right, people),
                )
            rows.append(row | retrieval(x, y) | {"silhouette": float(silhouette_score(x, y))})
    return rows


def _over_people(right: np.ndarray, people: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean over people."""
    row = np.unique(people, return_inverse=True)[1]
    return intervals.over_people(np.bincount(row, right), np.bincount(row))
