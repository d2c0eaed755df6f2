"""A support vector machine on a hand-made descriptor: the baseline before networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dmljax import bars, extras, plugins, run_folder, writing
from dmljax import config as configuration
from dmljax.metrics import scores
from dmljax.runs import decided, record, remote, resume, sets, together
from dmljax.runs import evaluate as evaluation
from dmljax.types import EXPRESSION, GREY, IMAGE, INDEX, POSE, UserError

COSTS = (0.1, 1.0, 10.0, 100.0, 1000.0)  # C of the machine, chosen on the training people
FOLDS = 3
BLOCK = 64  # images described at a time


def fit_folds(
    config, run: str | Path, descriptor: str, *, progress: bool = True, say: Callable[[str], None] = print
) -> evaluation.Evaluation:
    """Trains and tests, with `split.fold` = -1 on every fold and then over all.

    Args:
      say: is told what each set holds.
    """
    with remote.training(run, say, progress=progress) as at:
        runs = sets.folds(config, at.folder)
        evaluations = [fit(each, folder, descriptor, progress=progress, say=say) for each, folder in runs]
        return evaluation.whole(at.folder, evaluations) if len(runs) > 1 else evaluations[0]


def fit(
    config, run: Path, descriptor: str, *, progress: bool = True, say: Callable[[str], None] = print
) -> evaluation.Evaluation:
    """Trains and tests on one split, and writes what a network's evaluation does.

    C is chosen by the accuracy over folds of the training people, people of the validation part among them;
    then all of them train. In predictions.csv, probabilities are the softmax of the decision values.

    Raises:
      UserError: an unknown descriptor, a set that cannot be read, or too few people.
    """
    extras.require("report", "sklearn", purpose="support vector machines")
    describe = plugins.load("descriptors", descriptor).build()
    with together.holding(run, say):
        reading = resume.check_same(run, config)
        return _fit_here(config, reading, run, descriptor, describe, progress=progress, say=say)


def _fit_here(
    config, reading, run: Path, descriptor: str, describe, *, progress: bool, say
) -> evaluation.Evaluation:
    """Fits; `reading` is the configuration to open the set with, see `resume.check_same`."""
    config, reading = (configuration.changed(one, {"data.memory": "host"}) for one in (config, reading))
    data = sets.open_set(reading, progress=progress)
    say(sets.describe(data, config))
    told, weaker = decided.about_split(config, data.samples)
    for line in (*told, *weaker):
        say(line)
    samples, split = data.samples, data.split
    train = np.concatenate([split.train, split.validation])
    gram = _gram(_features(data.feed, np.concatenate([train, split.test]), describe, progress))
    outputs, chosen = {INDEX: split.test.astype(np.int32)}, {}
    for head, labels in ((EXPRESSION, samples.expression), (POSE, samples.pose)):
        if len(np.unique(labels[train][labels[train] >= 0])) > 1:
            names = samples.expression_names if head == EXPRESSION else samples.pose_names
            outputs[head], chosen[head] = _machine(gram, labels[train], samples.identity[train], len(names))
    if not chosen:
        raise UserError(
            f"{samples.name}: fewer than two expressions and two poses among the training images; there is"
            " nothing to tell apart"
        )
    record.write_record(run, config, data, {"heads": list(chosen), "told": told, "weaker": weaker})
    writing.as_json(run / run_folder.CLASSICAL, {"descriptor": descriptor, "C": chosen})
    score = {
        "run": run.name,
        "checkpoint": descriptor,
        "step": 0,
        **scores.summarise(outputs, samples, split.train),
    }
    return evaluation.write(run / run_folder.EVALUATION, score, scores.predictions(outputs, samples))


def _features(feed, indices: np.ndarray, describe, progress: bool) -> np.ndarray:
    blocks = [indices[k : k + BLOCK].astype(np.int32)[None] for k in range(0, len(indices), BLOCK)]
    described = []
    for block in bars.bar(blocks, desc="describing", unit=f"x {BLOCK} images", show=progress):
        for batch in feed.batches(block):
            described.append(describe(np.round(batch[IMAGE] @ np.array(GREY, np.float32)).astype(np.uint8)))
    return np.concatenate(described)


def _gram(features: np.ndarray) -> np.ndarray:
    """Inner products of the features at unit length, float64 [N, N]."""
    features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return (features @ features.T).astype(np.float64)


def _machine(
    gram: np.ndarray, labels: np.ndarray, people: np.ndarray, classes: int
) -> tuple[np.ndarray, float]:
    """(decision values of the test rows, -inf for classes nobody showed, [T, classes]; the chosen C).

    Args:
      gram: [R + T, R + T], training rows first.
      labels, people: int [R]; rows without a label do not train.
    """
    from sklearn.model_selection import GroupKFold
    from sklearn.svm import SVC

    count, rows = len(labels), np.flatnonzero(labels >= 0)
    groups = np.where(people[rows] >= 0, people[rows], -1 - rows)  # whoever is not known is a person apart
    folds = (
        list(GroupKFold(min(FOLDS, len(np.unique(groups)))).split(rows, labels[rows], groups))
        if len(np.unique(groups)) > 1
        else []
    )

    def score(cost: float) -> float:
        right = 0
        for fit_on, ask in folds:
            a, b = rows[fit_on], rows[ask]
            if len(np.unique(labels[a])) > 1:
                right += int(
                    (
                        SVC(C=cost, kernel="precomputed")
                        .fit(gram[np.ix_(a, a)], labels[a])
                        .predict(gram[np.ix_(b, a)])
                        == labels[b]
                    ).sum()
                )
        return right

    best = max(COSTS, key=score)
    machine = SVC(C=best, kernel="precomputed", decision_function_shape="ovr").fit(
        gram[np.ix_(rows, rows)], labels[rows]
    )
    values = machine.decision_function(gram[count:][:, rows])
    decided = np.full((len(gram) - count, classes), -np.inf, np.float32)
    decided[:, machine.classes_] = np.stack([-values, values], 1) if values.ndim == 1 else values
    return decided, best
