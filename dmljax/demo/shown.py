"""An answer as a part of a page: bars of probabilities, yaw, and the nearest training people."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np

from dmljax.demo import pictures
from dmljax.demo.answers import Answer
from dmljax.demo.neighbours import nearest
from dmljax.demo.training_side import TrainingSide

NEAREST = 5  # people that are shown


def head(title: str, lines: Sequence[str], warning: str = "") -> str:
    """HTML of what the page says of itself.

    Args:
      title: its heading.
      lines: a paragraph each.
      warning: stands out from them; '': none.
    """
    paragraphs = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    stands_out = f"<p><strong>{html.escape(warning)}</strong></p>" if warning else ""
    return f'<div class="head"><h1>{html.escape(title)}</h1>{paragraphs}{stands_out}</div>'


def answer(found: Answer, face: int, side: TrainingSide | None) -> str:
    """HTML of what is said of a face.

    Args:
      found: the answer.
      face: which of its faces, from 0.
      side: where neighbours are looked for, None: there are none.
    """
    parts = [_heads(found, face)]
    if side is not None:
        parts.append(_neighbours(found, face, side))
    return f'<div class="answer">{"".join(parts)}</div>'


def mistake(text: str) -> str:
    """HTML of what was wrong with a photograph."""
    return f'<div class="mistake" role="alert">{html.escape(text)}</div>'


def _heads(found: Answer, face: int) -> str:
    said = found.predictions
    parts = []
    if said.expression_probability is not None:
        parts.append(_bars("Expression", said.expression_names, said.expression_probability[face]))
    if said.pose_probability is not None:
        parts.append(_bars("Pose", said.pose_names, said.pose_probability[face], _yaw(found, face)))
    elif yaw := _yaw(found, face):
        parts.append(f"<section><h3>Pose</h3>{yaw}</section>")
    return f'<div class="heads">{"".join(parts)}</div>'


def _bars(title: str, names: Sequence[str], probability: np.ndarray, more: str = "") -> str:
    """A bar for each class, in the order of the classes."""
    likeliest = int(probability.argmax())
    lines = []
    for k, (name, share) in enumerate(zip(names, 100 * probability.astype(float))):
        lines.append(
            f'<div class="bar{" likeliest" if k == likeliest else ""}">'
            f'<span class="name">{html.escape(name)}</span>'
            f'<span class="track"><span class="length" style="width: {share:.2f}%"></span></span>'
            f'<span class="value">{share:.1f} %</span></div>'
        )
    kind = title.lower()
    return f'<section class="{kind}"><h3>{title}</h3>{"".join(lines)}{more}</section>'


def _yaw(found: Answer, face: int) -> str:
    """Angles in words: the yaw by the classes of the pose, and what a head for angles says."""
    said, lines = found.predictions, []
    if said.yaw is not None and math.isfinite(said.yaw[face]):
        lines.append(f"Yaw {said.yaw[face]:+.0f}°, positive to the person's own left.")
    if angles := said.known_angles():
        each = ", ".join(f"{name} {values[face]:+.0f}°" for name, values in angles.items())
        lines.append(f"By the head for angles: {each}.")
    return "".join(f'<p class="aside">{line}</p>' for line in lines)


def _neighbours(found: Answer, face: int, side: TrainingSide) -> str:
    chosen, distances = nearest(found.predictions.embedding[face], side.embedding, side.people, NEAREST)
    own = _figure(pictures.as_text(found.pixels[face]), ["This face, as the network sees it"], "asked")
    others = [
        _figure(
            side.shown[k],
            [side.names[k] or "person not known", side.expressions[k] or "expression not known"],
            "person",
            f"distance {distance:.2f}",
        )
        for k, distance in zip(chosen, distances)
    ]
    return (
        '<section><h3>Nearest training people</h3><p class="aside">By the distance of the embeddings; of each'
        f' person the nearest image.</p><div class="people">{own}{"".join(others)}</div></section>'
    )


def _figure(picture: str, lines: list[str], kind: str, aside: str = "") -> str:
    text = "<br>".join(map(html.escape, lines)) + (f'<br><span class="aside">{aside}</span>' if aside else "")
    alt = html.escape(", ".join(lines), quote=True)
    return f'<figure class="{kind}"><img src="{picture}" alt="{alt}"><figcaption>{text}</figcaption></figure>'
