"""Labels for a set that has none: pose by a trained pose head, identity by clusters of features; a CSV to be
corrected by hand.

This is what the paper did to SFEW: it clustered face embeddings, estimated the yaw, and corrected both by
hand.
"""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np

from dmljax import extras
from dmljax.data import feeds
from dmljax.preparation import annotations, opening, sheet
from dmljax.runs.predict import Predictor
from dmljax.runs.trained import EMBEDDING, FUSED, open_run
from dmljax.training.devices import set_up_compiler
from dmljax.types import INDEX, POSE, Samples, UserError


def annotate(
    run: Path,
    name: str,
    source: str,
    out: Path,
    *,
    people: int = 0,
    distance: float = 0.3,
    features: str = FUSED,
    root: str = "",
    progress: bool = True,
) -> str:
    """Writes OUT/labels.csv and a contact sheet a cluster; returns what to say.

    Args:
      run: a trained run with a pose head; its image size and crop are used.
      name, source: the set to label, and where it lies.
      people: how many clusters; 0: as many as `distance` leaves.
      distance: largest mean cosine distance between two parts of a cluster.
      features: what is clustered, 'f2' or 'embedding'. Identity-invariant features are poor at this by
        design; see the audit.
      root: where the run's own dataset lies, if not where it says.

    Raises:
      UserError: the run has no pose head, or a set is not there.
    """
    extras.require("report", "sklearn", purpose="annotations")
    set_up_compiler()
    opened = open_run(run, "last", root, progress)
    if not opened.config.model.pose_head:
        raise UserError(f"'{run}' has no pose head; annotate with a run that has one")
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
    known = opened.data.samples
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
    return (
        f"{len(samples)} images, {cluster.max() + 1}"
        f" clusters{_agreement(samples, cluster, pose.argmax(1), known)}"
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
    raw = AgglomerativeClustering(metric="cosine", linkage="average", **count).fit_predict(unit)
    order = np.argsort(-np.bincount(raw), kind="stable")
    code = np.empty_like(order)
    code[order] = np.arange(len(order))
    cluster = code[raw]
    several = 1 < len(order) < len(unit)
    sure = (
        (silhouette_samples(unit, cluster, metric="cosine") + 1) / 2 if several else np.full(len(unit), 0.5)
    )
    return cluster, sure


def _agreement(samples: Samples, cluster: np.ndarray, pose: np.ndarray, known: Samples) -> str:
    """Against the labels that the set has, if it has any."""
    from sklearn.metrics import adjusted_rand_score

    told = []
    there = samples.identity >= 0
    if there.any():
        told.append(
            "adjusted Rand index with its identities"
            f" {adjusted_rand_score(samples.identity[there], cluster[there]):.2f}"
        )
    yaw, wanted = np.append(known.pose_yaw, np.nan)[pose], np.append(samples.pose_yaw, np.nan)[samples.pose]
    shared = np.isin(wanted, [angle for angle in known.pose_yaw if angle == angle])
    if shared.any():
        told.append(
            f"yaw as labelled for {100 * float((yaw[shared] == wanted[shared]).mean()):.1f} % of"
            f" {int(shared.sum())} images"
        )
    return "".join(f"; {line}" for line in told)
