"""Labels for a set that has none: pose by a trained head, identity by clusters of features.

This is what the paper did to SFEW: it clustered face embeddings, estimated the yaw, and corrected both by
hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from dmljax import extras
from dmljax.data import feeds
from dmljax.preparation import annotations, opening, sheet
from dmljax.runs.predict import Predictor
from dmljax.runs.trained import EMBEDDING, FUSED, Opened
from dmljax.types import INDEX, POSE, Samples, UserError


class Annotated(NamedTuple):
    """How many images were labelled, and how well that agrees with labels that the set has itself.

    Attributes:
      images, clusters: how many there are.
      rand_index: adjusted Rand index of clusters and identities, None where none is known.
      yaw_images, yaw_right: images whose labelled yaw the network knows, and those for which it says so.
    """

    images: int
    clusters: int
    rand_index: float | None
    yaw_images: int
    yaw_right: int


def annotate(
    opened: Opened,
    name: str,
    source: str,
    out: Path,
    *,
    people: int = 0,
    distance: float = 0.3,
    features: str = FUSED,
    progress: bool = True,
) -> Annotated:
    """Writes OUT/labels.csv and a contact sheet a cluster.

    Args:
      opened: a trained run with a pose head; its image size and crop are used.
      name, source: the set to label, and where it lies.
      people: how many clusters; 0: as many as `distance` leaves.
      distance: largest mean cosine distance between two parts of a cluster.
      features: what is clustered, 'f2' or 'embedding'. Identity-invariant features are poor at this by
        design; see the audit.

    Raises:
      UserError: the run has no pose head, or a set is not there.
    """
    extras.require("report", "sklearn", purpose="annotations")
    if not opened.config.model.pose_head:
        raise UserError(f"'{opened.run}' has no pose head; annotate with a run that has one")
    config = opened.config.copy_and_resolve_references()
    with config.unlocked():
        config.dataset = opening.alone(name, source)
        config.split.kind = "folds"
    samples = opening.open_samples(config, progress=progress)
    feed = feeds.build(
        "resident", samples, image_size=config.data.image_size, memory="host", progress=progress
    )
    samples = feed.samples
    found = Predictor(opened.net, feed)(opened.variables, np.arange(len(samples)))
    assert np.array_equal(found[INDEX], np.arange(len(samples)))
    pose = np.asarray(jax.nn.softmax(found[POSE]))
    cluster, sure = clusters(
        found["fused" if features == FUSED else EMBEDDING], people=people, distance=distance
    )
    known = opened.samples
    rows = [
        _row(samples, k, known.pose_names[pose[k].argmax()], pose[k].max(), cluster[k], sure[k])
        for k in range(len(samples))
    ]
    out.mkdir(parents=True, exist_ok=True)
    annotations.write(out / "labels.csv", rows)
    for code in range(cluster.max() + 1):
        members = np.flatnonzero(cluster == code)
        title = f"person{code:03d}: {len(members)} images, the surest first"
        sheet.faces(samples, members[np.argsort(-sure[members])], out / f"person_{code:03d}.png", title=title)
    count = int(cluster.max()) + 1
    return Annotated(
        len(samples), count, _rand_index(samples, cluster), *_yaw_right(samples, pose.argmax(1), known)
    )


def _row(samples: Samples, k: int, pose: str, sure_pose: float, cluster: int, sure: float) -> dict:
    expression = samples.expression_names[samples.expression[k]] if samples.expression[k] >= 0 else ""
    return dict(
        zip(
            annotations.COLUMNS,
            (
                samples.references[k],
                expression,
                pose,
                f"{sure_pose:.3f}",
                f"person{cluster:03d}",
                f"{sure:.3f}",
            ),
        )
    )


def clusters(features: np.ndarray, *, people: int, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """(cluster of each row, how sure that is), the largest cluster first; average linkage on cosine
    distances.

    Sure is the silhouette moved to 0..1: how much nearer a row is to its own cluster than to the next one.
    """
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics import silhouette_samples
    from sklearn.preprocessing import normalize

    unit = normalize(features)
    count = (
        {"n_clusters": min(people, len(unit))}
        if people
        else {"n_clusters": None, "distance_threshold": distance}
    )
    model = AgglomerativeClustering(metric="cosine", linkage="average", **count)
    raw = model.fit_predict(unit) if len(unit) > 1 else np.zeros(1, int)  # which it refuses
    order = np.argsort(-np.bincount(raw), kind="stable")
    code = np.empty_like(order)
    code[order] = np.arange(len(order))
    cluster = code[raw]
    several = 1 < len(order) < len(unit)
    sure = (
        (silhouette_samples(unit, cluster, metric="cosine") + 1) / 2 if several else np.full(len(unit), 0.5)
    )
    return cluster, sure


def _rand_index(samples: Samples, cluster: np.ndarray) -> float | None:
    from sklearn.metrics import adjusted_rand_score

    known = samples.identity >= 0
    return float(adjusted_rand_score(samples.identity[known], cluster[known])) if known.any() else None


def _yaw_right(samples: Samples, pose: np.ndarray, known: Samples) -> tuple[int, int]:
    """(images of a labelled yaw that the network knows, those to which it gives it)."""
    yaw, wanted = np.append(known.pose_yaw, np.nan)[pose], np.append(samples.pose_yaw, np.nan)[samples.pose]
    shared = np.isin(wanted, [angle for angle in known.pose_yaw if angle == angle])
    return int(shared.sum()), int((yaw[shared] == wanted[shared]).sum())
