"""The nearest images in the embedding, at most one of each person."""

from __future__ import annotations

import numpy as np


def nearest(
    embedding: np.ndarray, others: np.ndarray, people: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The people whose nearest image is nearest, and that image of each.

    Args:
      embedding: of one face, float32 [E].
      others: embeddings of N images, float32 [N, E].
      people: whose image each is, int [N]; below 0 where it is not known, so that each is somebody else.
      count: of people at most.

    Returns:
      Numbers of K images, the nearest one first, int [K], and their Euclidean distances, float32 [K].
    """
    distances = np.linalg.norm(others - embedding, axis=1)
    order = np.argsort(distances, kind="stable")
    people = np.where(people < 0, -1 - np.arange(len(people)), people)
    _, first = np.unique(people[order], return_index=True)
    chosen = order[np.sort(first)[:count]]
    return chosen, distances[chosen]
