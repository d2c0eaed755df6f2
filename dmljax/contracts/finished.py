"""Runs never trained: folders with a finished run's files, of chosen counts and random features."""

import json

import numpy as np

from dmljax import config as configuration
from dmljax import run_folder, writing
from dmljax.metrics.scores import read_off
from dmljax.studies import members
from dmljax.studies.members import COST
from dmljax.types import TASKS, TOTAL

EXPRESSIONS, POSES, YAW, PEOPLE = ("happy", "neutral", "sad"), ("left", "front"), (-45.0, 0.0), 4
VERSIONS = {"jax": "0.10", "device": "cpu"}


def counts(right, each=20):
    """Confusion and cells in which `right` of `each` images of every expression and pose are told; mistakes
    go to the next class.
    """
    n, p = len(EXPRESSIONS), len(POSES)
    confusion = np.zeros((n, n), int)
    for k in range(n):
        confusion[k, k], confusion[k, (k + 1) % n] = p * right, p * (each - right)
    hits = np.full((n, p), right)
    return {
        "confusion": {"expression": confusion.tolist(), "pose": (np.eye(p, dtype=int) * n * each).tolist()},
        "cells": {"hits": hits.tolist(), "counts": np.full((n, p), each).tolist()},
    }


def score(right):
    return read_off(
        {
            "dataset": "synthetic",
            "names": {"expression": list(EXPRESSIONS), "pose": list(POSES)},
            "yaw": list(YAW),
            "people": PEOPLE,
            "run": "x",
            "checkpoint": "last",
            "step": 9,
            **counts(right),
        }
    )


def _predict(folder, right, each=20):
    """predictions.csv of `counts`, every person with as many images of a cell as the others; split.json."""
    rows = [("reference", "identity", "expression", "expression_predicted", "pose", "pose_predicted")]
    for k, name in enumerate(EXPRESSIONS):
        for pose in POSES:
            for i in range(each):
                found = name if i < right else EXPRESSIONS[(k + 1) % len(EXPRESSIONS)]
                rows.append((f"{name}_{pose}_{i}.png", f"p{i % PEOPLE}", name, found, pose, pose))
    writing.table(folder / run_folder.EVALUATION / run_folder.PREDICTIONS, rows)
    test = [row[0] for row in rows[1:]]
    sides = {"train": [f"other_{k}.png" for k in range(4 * len(test))], "validation": [], "test": test}
    writing.as_json(folder / run_folder.SPLIT, sides)


def finish(member, right=10, seed=0, versions=VERSIONS, base=None):
    """Writes what a finished run of a study leaves; `base`: the study's configuration, by default brief."""
    folder = member.folder / run_folder.EVALUATION
    folder.mkdir(parents=True, exist_ok=True)
    writing.as_json(folder / run_folder.METRICS, score(right))
    _predict(member.folder, right)
    rng = np.random.default_rng([seed, member.seed, len(member.label)])
    grid = np.array([(e, p, i) for e in range(3) for p in range(2) for i in range(PEOPLE) for _ in range(2)])
    np.savez(
        folder / run_folder.FEATURES,
        embedding=rng.normal(size=(len(grid), 5)),
        f2=rng.normal(size=(len(grid), 4)),
        expression=grid[:, 0],
        pose=grid[:, 1],
        identity=grid[:, 2],
        expression_names=np.array(EXPRESSIONS),
        pose_names=np.array(POSES),
        identity_names=np.array([f"p{k}" for k in range(PEOPLE)]),
    )
    lines = [
        {
            "step": 10 * k,
            TOTAL: 1.0,
            **{f"loss/{task}": 2.0 / k + j + 0.1 * member.seed for j, task in enumerate(TASKS)},
            **{f"weight/{task}": 0.5 + 0.01 * k for task in TASKS},
        }
        for k in range(1, 21)
    ]
    writing.text(member.folder / run_folder.LOG, "\n".join(map(json.dumps, lines)) + "\n")
    writing.as_json(member.folder / run_folder.VERSIONS, versions)
    made = members.resolved(base or configuration.get_config("brief"), member)
    configuration.write(made, member.folder / run_folder.CONFIG)
    cost = {"train_s": 1.0, "peak_bytes": 5, "step_s": 0.1, "images_s": 100.0 + member.seed}
    writing.as_json(member.folder / COST, cost)
