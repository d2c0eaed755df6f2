"""The pictures of the synthetic set: who shows what, from where, and the angles of the head."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dmljax.faces import expressions, glasses, head, looks, studio
from dmljax.faces.mesh import join

_ANYBODY = expressions.draw_manner(np.random.default_rng(0), 0.0)


class Options(NamedTuple):
    """What a picture depends on beside its number: fields of `samples`; `poses`: (yaw, pitch) of each pose
    class, degrees.
    """

    images: int
    size: int
    window: str
    difficulty: float
    expressions: tuple[str, ...]
    poses: tuple[tuple[float, float], ...]
    glasses: float
    sunglasses: float
    beards: float
    film: str
    seed: int


def picture(number: int, *, options: Options) -> np.ndarray:
    """Picture `number` of the set, uint8 [size, size, 3]; a pure function of its arguments."""
    rest, which = divmod(number, options.images)
    rest, where = divmod(rest, len(options.poses))
    who, what = divmod(rest, len(options.expressions))
    person, difficulty = (
        _person(who, options.seed, options.difficulty, options.glasses, options.beards),
        options.difficulty,
    )
    expression, (yaw, pitch) = options.expressions[what], options.poses[where]
    cell = who, expressions.EXPRESSIONS.index(expression), where, which
    rng, worn = _acting(options.seed, cell), np.random.default_rng([options.seed, 4, *cell])
    action, gaze = _performance(rng, expression, person.manner, difficulty)
    mesh = head.act(person.bust, action, gaze=gaze)
    dark = worn.random() < options.sunglasses
    if dark or person.glasses is not None:
        mesh = join(
            mesh,
            glasses.put_on(
                glasses.draw_glasses(worn, dark=True) if dark else person.glasses, person.bust.eyes
            ),
        )
    conditions = studio.draw_conditions(
        rng, options.size, yaw=yaw, pitch=pitch, window=head.WINDOWS[options.window], difficulty=difficulty
    )
    if options.film == "grey":
        return studio.on_grey_film(
            studio.photograph(mesh, studio.by_flash(conditions, worn), rng, options.size), worn
        )
    return studio.photograph(mesh, conditions, rng, options.size)


def _performance(rng: np.random.Generator, expression: str, manner: expressions.Manner, difficulty: float):
    """(action, gaze) of one picture; the first that is drawn for it."""
    level = rng.uniform(1 - 0.8 * difficulty, 1)
    action = expressions.draw_action(rng, expression, manner, level=level, difficulty=difficulty)
    return action, (0.10 * rng.standard_normal(), -0.05 + 0.05 * rng.standard_normal())


def angles(
    who: int,
    expression: str,
    where: int,
    which: int,
    *,
    pose: tuple[float, float],
    difficulty: float,
    seed: int,
) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of the head in a picture, which is not drawn.

    Args:
      who, where, which: numbers of the identity, of the pose and of the picture among those of its cell.
      pose: (yaw, pitch) of the pose in degrees.
      difficulty, seed: of the options.
    """
    rng = _acting(seed, (who, expressions.EXPRESSIONS.index(expression), where, which))
    _performance(rng, expression, _ANYBODY, difficulty)  # as many draws as of any other
    return studio.draw_angles(rng, yaw=pose[0], pitch=pose[1], difficulty=difficulty)


def _acting(seed: int, cell: tuple[int, int, int, int]) -> np.random.Generator:
    return np.random.default_rng([seed, 2, *cell])


class _Person(NamedTuple):
    """Who is photographed: the head, how it shows expressions, and the glasses it wears if it does."""

    bust: head.Bust
    manner: expressions.Manner
    glasses: glasses.Glasses | None


@lru_cache(maxsize=4)
def _person(who: int, seed: int, difficulty: float, wearers: float, beards: float) -> _Person:
    rng, more = np.random.default_rng([seed, 1, who]), np.random.default_rng([seed, 3, who])
    person = head.draw_person(rng)
    if more.random() < beards:
        person = person._replace(look=looks.bearded(person.look, more))
    wears = more.random() < wearers
    return _Person(
        head.sculpt(person),
        expressions.draw_manner(rng, difficulty),
        glasses.draw_glasses(more, dark=False) if wears else None,
    )
