"""Words that every part of the package uses: labels, samples, batches, outputs, the device axis.

This file imports nothing of the package, so that any part may import it.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

AXIS = "devices"  # the one name of the pmapped axis

GREY = (0.299, 0.587, 0.114)  # share of red, green and blue in a grey level (ITU-R BT.601)

MISSING = -1  # a label that is not known; also a row of a batch that is only padding

# Columns of a five-tuple, in the order of Algorithm 1 of the paper.
ROLES = ("anchor", "pose+", "pose-", "id+", "id-")
TUPLE_SIZE = len(ROLES)

# Keys of a batch. Every batch carries INDEX; the others come with it or are looked up in the set's table.
INDEX, IMAGE, EXPRESSION, POSE, IDENTITY = "index", "image", "expression", "pose", "identity"
LABELS = (EXPRESSION, POSE, IDENTITY)

CHECKPOINTS = ("last", "best")  # what a run keeps: the latest, and that of the smallest loss

TOTAL = "loss/total"  # the fixed combination of the losses, in a step's scalars and lines of a log

# Names of the losses that are weighted against each other (eq. 7 of the paper).
TASKS = ("expression", "pose", "triplet")


LONGEST = 4000  # characters of an error's line


def one_line(text: str) -> str:
    """A text in one line that can be printed: what a file or a field holds may stand in it.

    Line ends and characters that no terminal shows are written as escapes; of a very long text the middle is
    left out.
    """
    if len(text) > LONGEST:
        half = LONGEST // 2 - 10
        text = f"{text[:half]} ... {text[-half:]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)[:LONGEST]


class UserError(ValueError):
    """A mistake of the user, told in one line: what was expected, what came, which field or file to change.

    A ValueError, so that whoever calls the library from Python needs no class of ours. The line can be
    printed, whatever a file or a field that it quotes may hold.

    Attributes:
      message: the line without the parameter.
      parameter: the parameter of the function that was called which has to change; '': the message says it.
        The line begins with it; the command line writes the flag in its place.
    """

    def __init__(self, message: str, *, parameter: str = ""):
        self.message, self.parameter = one_line(message), parameter
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.parameter}: {self.message}" if self.parameter else self.message


def nearest(name: str, known: Iterable) -> str:
    """' Did you mean ...?' for a misspelt name, or nothing: the end of an error's message."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


class Unreadable(ValueError):
    """An image that cannot be used.

    Attributes:
      kind: what is wrong without what is particular to this image, such as 'is black'.
    """

    def __init__(self, text: str, kind: str):
        super().__init__(one_line(text))
        self.kind = kind


class Skipped(NamedTuple):
    """A file that a dataset found and left out.

    Attributes:
      reference: by which a person finds the file again.
      reason: why, in words.
      kind: the same text for all files with this fault, by which they are counted; '': the reason is general
        enough.
      pose: name of the pose class, '' where it is not known or does not matter.
    """

    reference: str
    reason: str
    kind: str = ""
    pose: str = ""

    @classmethod
    def after(cls, reference: str, error: ValueError) -> Skipped:
        """A file that could not be read."""
        return cls(reference, str(error), error.kind if isinstance(error, Unreadable) else "cannot be read")


class Protocol(NamedTuple):
    """How the method's paper used a set: people and images on both sides of its split."""

    train_people: int
    test_people: int
    train_images: int
    test_images: int


@dataclasses.dataclass(frozen=True)
class Samples:
    """What a dataset is: a reference and three labels per image, and a way to read the image.

    Attributes:
      name: the dataset's name.
      references: one text per sample, unique, by which a person finds the image again.
      expression, pose, identity: integer class of each sample, int32 [S]; `MISSING` where not known.
      expression_names, pose_names, identity_names: the classes' names, in class order.
      pose_yaw: yaw in degrees per pose class, nan for a class that is no yaw. Positive: the person turned to
        their own left, so that the nose points to the right of the image.
      pose_mirror: the pose class after a horizontal flip, `MISSING` where the set has none.
      read: reference -> the file's bytes, or the image itself as uint8 [H, W, 3].
      prepare: where images have to be made first: called before they are read with their references,
        progress= (bool) and workers= (0: one for each core), it makes what is missing and returns the folder.
        Else None.
      boxes: (left, top, right, bottom) in pixels of each image, cut out before resizing, int32 [S, 4]; a box
        without area, or None for all, keeps the whole image.
      darkest: an image whose mean grey level (0..255) is below this is a placeholder and is skipped; one
        value, or float32 [S].
      skipped: files that were found and left out, with the reason.
      published: the counts that the set's authors state, in words; printed beside the actual ones.
      licence, obtain: on what terms the set may be used, and where it comes from.
      protocol: the sizes of the paper's split, where the paper used the set; else None.
      hashes: perceptual hash of each image, uint64 [S] (`data.duplicates`), of a set whose images were all
        read once; else None.
      notes: what the user should be told once, in words.
      partition: 0 (train) or 1 (test) per sample, int8 [S], where the set has an official split; else None.
      place: where the set lies, if the names of its people mean something there alone, so that a person of
        another place is another one; '' for a set that is the same everywhere.
    """

    name: str
    references: tuple[str, ...]
    expression: np.ndarray
    pose: np.ndarray
    identity: np.ndarray
    expression_names: tuple[str, ...]
    pose_names: tuple[str, ...]
    identity_names: tuple[str, ...]
    pose_yaw: tuple[float, ...]
    pose_mirror: tuple[int, ...]
    read: Callable[[str], bytes | np.ndarray]
    boxes: np.ndarray | None = None
    darkest: float | np.ndarray = 10.0
    skipped: tuple[Skipped, ...] = ()
    published: str = ""
    licence: str = ""
    obtain: str = ""
    protocol: Protocol | None = None
    hashes: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    partition: np.ndarray | None = None
    prepare: Callable[..., None] | None = None
    place: str = ""

    def __len__(self) -> int:
        return len(self.references)

    def replace(self, **changes) -> Samples:
        """The same with other attributes."""
        return dataclasses.replace(self, **changes)

    def take(self, indices: np.ndarray, skipped: tuple[Skipped, ...] = ()) -> Samples:
        """These samples only (integer indices [R]); `skipped` is added to what was skipped before."""
        indices = np.asarray(indices)
        return dataclasses.replace(
            self,
            references=tuple(self.references[i] for i in indices),
            expression=self.expression[indices],
            pose=self.pose[indices],
            identity=self.identity[indices],
            partition=None if self.partition is None else self.partition[indices],
            boxes=None if self.boxes is None else self.boxes[indices],
            hashes=None if self.hashes is None else self.hashes[indices],
            darkest=self.darkest[indices] if isinstance(self.darkest, np.ndarray) else self.darkest,
            skipped=self.skipped + tuple(skipped),
        )


class Outputs(NamedTuple):
    """What the network returns for N images.

    Attributes:
      embedding: float32 [N, E], the metric-learning embedding, not normalised.
      expression_logits: float32 [N, classes].
      pose_logits: float32 [N, classes], or None in a network without a pose head.
      fused: float32 [N, F], the fused feature f2 of Algorithm 2.
      centres: float32 [classes, E], a learnt centre for each expression, or None in a network without them.
    """

    embedding: Any
    expression_logits: Any
    pose_logits: Any
    fused: Any
    centres: Any = None
