"""Several sets as one, or one to train on and another to test on; labels meet by common names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np

from dmljax.data import labels
from dmljax.types import ANGLE_NAMES, MISSING, Samples, Skipped, UserError

TRAIN, TEST = 0, 1
_BETWEEN = ":"  # between a set's name and a reference of it


def join(train: list[Samples], test: Samples | None = None) -> Samples:
    """One set of all training sets and, if given, a test set, which becomes its official test side.

    Expressions and yaws meet by their common names (`data.labels`); a person is `<set>/<name>`. Of several
    sets whose people are only known in their place (`Samples.place`), the names are told apart as `folder#1`,
    `folder#2`. Of a set with an official split, its own side is taken. Classes are those of the training
    sets: an image of the test set whose expression has no counterpart there is left out and listed, a pose
    without one becomes unknown.

    Raises:
      UserError: nothing of the test set has a counterpart.
    """
    sets = [_own_side(s, TRAIN) for s in train] + ([_own_side(test, TEST)] if test is not None else [])
    common = [_common(s) for s in sets]
    learnt = common[: len(train)]
    expressions = tuple(sorted({name for names, _ in learnt for name in names}))
    poses = _poses(sets[: len(train)])
    notes = list(dict.fromkeys(note for s in sets for note in s.notes))
    if test is not None:
        sets[-1], said = _with_counterparts(sets[-1], common[-1], expressions, poses)
        notes += said
    keys = _keys(sets)
    notes += dict.fromkeys(f"{key} is '{s.place}'" for s, key in zip(sets, keys) if key != s.name)
    names = tuple(_BETWEEN.join((key, reference)) for s, key in zip(sets, keys) for reference in s.references)
    owner = dict(zip(names, np.repeat(np.arange(len(sets)), list(map(len, sets))).tolist()))
    if len(owner) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise UserError(f"joined sets: '{twice}' comes twice; name each set once")
    people = tuple(dict.fromkeys(f"{key}/{who}" for s, key in zip(sets, keys) for who in s.identity_names))
    number = {who: k for k, who in enumerate(people)}
    column = lambda parts: np.concatenate(parts).astype(np.int32)
    yaws = tuple(yaw for _, yaw in poses)
    return Samples(
        name="+".join(keys[: len(train)]) + (f" > {keys[-1]}" if test is not None else ""),
        references=names,
        expression=column(
            [_look(labels.mapping(own, expressions), s.expression) for s, (own, _) in zip(sets, common)]
        ),
        pose=column(
            [
                _look(labels.mapping(own, tuple(name for name, _ in poses)), s.pose)
                for s, (_, own) in zip(sets, common)
            ]
        ),
        identity=column(
            [
                _look([number[f"{key}/{who}"] for who in s.identity_names] + [MISSING], s.identity)
                for s, key in zip(sets, keys)
            ]
        ),
        expression_names=expressions,
        pose_names=tuple(name for name, _ in poses),
        identity_names=people,
        pose_yaw=yaws,
        pose_mirror=_mirror(sets[: len(train)], poses),
        read=partial(_read, {key: s.read for s, key in zip(sets, keys)}),
        boxes=np.concatenate([np.zeros((len(s), 4), np.int32) if s.boxes is None else s.boxes for s in sets]),
        darkest=np.concatenate([np.broadcast_to(np.float32(s.darkest), len(s)) for s in sets]),
        hashes=None if any(s.hashes is None for s in sets) else np.concatenate([s.hashes for s in sets]),
        angles=_angles(sets),
        skipped=tuple(
            skipped._replace(reference=_BETWEEN.join((key, skipped.reference)))
            for s, key in zip(sets, keys)
            for skipped in s.skipped
        ),
        published="; ".join(f"{s.name}: {s.published}" for s in sets if s.published),
        licence="; ".join(f"{s.name}: {s.licence}" for s in sets if s.licence),
        notes=tuple(notes),
        partition=(
            None
            if test is None
            else np.repeat(np.array([TRAIN, TEST], np.int8), [len(names) - len(sets[-1]), len(sets[-1])])
        ),
        prepare=_prepare(sets, owner) if any(s.prepare for s in sets) else None,
    )


def onto(
    test: Samples,
    expression_names: tuple[str, ...],
    pose_names: tuple[str, ...],
    pose_yaw: tuple[float, ...],
    angles_names: tuple[str, ...] = (),
) -> Samples:
    """A set whose labels are classes and angles that a network has learnt, by common names and yaws.

    Of a set with an official split, its test side is taken. An image whose expression has no counterpart is
    left out and listed, a pose without one becomes unknown; its notes tell of both.

    Args:
      test: the set.
      expression_names, pose_names, pose_yaw: of the classes, as of `Samples`.
      angles_names: the angles that were learnt; others become unknown.

    Raises:
      UserError: none of the expressions has a counterpart.
    """
    expressions = tuple(map(labels.expression, expression_names))
    poses = [(labels.pose(name, yaw), yaw) for name, yaw in zip(pose_names, pose_yaw)]
    test = _own_side(test, TEST)
    said: list[str] = []
    if expressions:
        test, said = _with_counterparts(test, _common(test), expressions, poses)
    own, own_poses = _common(test)
    return test.replace(
        expression=_look(labels.mapping(own, expressions), test.expression),
        pose=_look(labels.mapping(own_poses, tuple(name for name, _ in poses)), test.pose),
        expression_names=expression_names,
        pose_names=pose_names,
        pose_yaw=pose_yaw,
        pose_mirror=_mirror([test], poses),
        notes=(*test.notes, *said),
        angles=_learnt_angles(test, angles_names),
    )


def references_of(name: str, references) -> list[str]:
    """Of references of joined sets those of the sets of one name, as that set has them."""
    parts = (reference.partition(_BETWEEN) for reference in references)
    return [own for key, _, own in parts if key.partition("#")[0] == name]


def _keys(sets: list[Samples]) -> list[str]:
    """What references and people of each set begin with: its name, and a number where people of that name in
    another place are other people.
    """
    places: dict[str, list[str]] = {}
    for s in sets:
        if s.place not in (known := places.setdefault(s.name, [])):
            known.append(s.place)
    number = lambda s: f"#{places[s.name].index(s.place) + 1}" if len(places[s.name]) > 1 else ""
    return [s.name + number(s) for s in sets]


def _own_side(samples: Samples, side: int) -> Samples:
    return samples if samples.partition is None else samples.take(np.flatnonzero(samples.partition == side))


def _common(samples: Samples) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Common names of the set's expressions and poses, in its own order."""
    return tuple(map(labels.expression, samples.expression_names)), tuple(
        map(labels.pose, samples.pose_names, samples.pose_yaw)
    )


def _poses(sets: list[Samples]) -> list[tuple[str, float]]:
    """(common name, yaw) of all poses, by yaw; what is no yaw comes last."""
    found = {labels.pose(name, yaw): yaw for s in sets for name, yaw in zip(s.pose_names, s.pose_yaw)}
    return sorted(
        found.items(), key=lambda pose: (pose[1] != pose[1], pose[1] if pose[1] == pose[1] else 0.0, pose[0])
    )


def _mirror(sets: list[Samples], poses: list[tuple[str, float]]) -> tuple[int, ...]:
    """By yaw; of a pose that is no yaw, what its own set says."""
    names = [name for name, _ in poses]
    own: dict[str, str] = {}
    for s in sets:
        common = _common(s)[1]
        own |= {common[k]: common[m] for k, m in enumerate(s.pose_mirror) if m != MISSING}
    by_yaw = {yaw: name for name, yaw in poses if yaw == yaw}
    other = [by_yaw.get(-yaw) if yaw == yaw else own.get(name) for name, yaw in poses]
    return tuple(MISSING if name is None else names.index(name) for name in other)


def _with_counterparts(test: Samples, common, expressions, poses) -> tuple[Samples, list[str]]:
    """The test set without images whose expression nothing was learnt about, and what to tell."""
    names, own_poses = common
    lost = {name for name in names if name not in expressions}
    lost_poses = {name for name in own_poses if name not in dict(poses)}
    unlearnt = [test.expression_names[k] for k, name in enumerate(names) if name in lost]
    known = np.array([name in expressions for name in names] + [True])[test.expression]
    if not known.any():
        have, want = ", ".join(test.expression_names), ", ".join(expressions)
        raise UserError(f"{test.name}: none of its expressions ({have}) is among the learnt ones ({want})")
    lacking = lambda k: f"no counterpart of '{test.expression_names[test.expression[k]]}' in training"
    away = tuple(Skipped(test.references[k], lacking(k)) for k in np.flatnonzero(~known))
    notes = []
    if unlearnt:
        notes.append(
            f"{test.name}: no counterpart in training of {', '.join(unlearnt)}; {len(away)} images are not"
            " tested"
        )
    if absent := [name for name in expressions if name not in names]:
        notes.append(f"{test.name}: has no {', '.join(absent)}, which training has")
    if lost_poses:
        notes.append(
            f"{test.name}: no counterpart in training of the pose {', '.join(sorted(lost_poses))}; pose"
            " counts as unknown there"
        )
    return test.take(np.flatnonzero(known), away), notes


def _angles(sets: list[Samples]) -> np.ndarray | None:
    """Of all sets; nan of one that knows none."""
    if all(s.angles is None for s in sets):
        return None
    unknown = lambda s: np.full((len(s), len(ANGLE_NAMES)), np.nan, np.float32)
    return np.concatenate([unknown(s) if s.angles is None else s.angles for s in sets])


def _learnt_angles(samples: Samples, learnt: tuple[str, ...]) -> np.ndarray | None:
    if samples.angles is None or not learnt:
        return None
    return np.where([name in learnt for name in ANGLE_NAMES], samples.angles, np.float32(np.nan))


def _look(table: list[int], values: np.ndarray) -> np.ndarray:
    return np.array(table, np.int32)[values]


def _read(readers: dict[str, Callable[[str], bytes | np.ndarray]], name: str) -> bytes | np.ndarray:
    key, _, reference = name.partition(_BETWEEN)
    return readers[key](reference)


def _prepare(sets: list[Samples], owner: dict[str, int]):
    """Makes the pictures of every rendered set among them."""

    def prepare(wanted, **how):
        folders = []
        for k, s in enumerate(sets):
            own = [name.partition(_BETWEEN)[2] for name in wanted if owner[name] == k]
            if s.prepare is not None and own:
                folders.append(str(s.prepare(own, **how)))
        return ", ".join(folders)

    return prepare
