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

# Mean and standard deviation of red, green and blue in ImageNet, as shares of 255.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

MISSING = -1  # a label that is not known; also a row of a batch that is only padding

# Columns of a five-tuple, in the order of Algorithm 1 of the paper.
ROLES = ("anchor", "pose+", "pose-", "id+", "id-")
TUPLE_SIZE = len(ROLES)

# Keys of a batch. Every batch carries INDEX; the others come with it or are looked up in the set's table.
INDEX, IMAGE, EXPRESSION, POSE, IDENTITY = "index", "image", "expression", "pose", "identity"
LABELS = (EXPRESSION, POSE, IDENTITY)
# Angles of the head in degrees, of samples that know them; nan where one is not known.
ANGLES = "angles"
ANGLE_NAMES = ("yaw", "pitch", "roll")  # the order of their columns
ANGLE_MIRROR = (-1.0, 1.0, -1.0)  # what a horizontal flip multiplies them by

CHECKPOINTS = ("last", "best")  # what a run keeps: the latest, and that of the smallest loss

TOTAL = "loss/total"  # the fixed combination of the losses, in a step's scalars and lines of a log

ROOT = "dataset.root"  # the field that says where a set lies, of which errors about that are

# Names of the losses that are weighted against each other: those of eq. 7 of the paper, and our own beside.
TASKS = ("expression", "pose", "triplet")
ALL_TASKS = (*TASKS, ANGLES)


MOST_COMPARED = 20_000  # names that are searched for one alike: a second
LONGEST = 4000  # characters of an error's line


def one_line(text: str) -> str:
    """A text as one line of at most `LONGEST` characters that can be printed, whatever it quotes.

    Of a longer text the middle is left out. Line ends and characters that no terminal shows are then written
    as escapes; what they make too long loses its end.
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


def counted(count: int, what: str) -> str:
    """'1 file', '2,000 files'."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def nearest(name: str, known: Iterable) -> str:
    """' Did you mean ...?' for a misspelt name, or nothing: the end of an error's message.

    First comes a name that differs in capitals or in the mark between folders alone.
    """
    plain, texts = (lambda text: text.replace("\\", "/").casefold()), [str(k) for k in known]
    close = [text for text in texts if plain(text) == plain(str(name))]
    if not close and len(texts) <= MOST_COMPARED:
        close = difflib.get_close_matches(str(name), texts, n=1)
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
      read: reference -> the file's bytes, or the image itself as uint8 [H, W, 3]. A function of a module, or
        such a one with its arguments (`functools.partial`), may be called in a fresh process.
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
      partition: 0 (train), 1 (test) or 2 (validation) per sample, int8 [S], where the set has an official
        split; else None.
      angles: yaw, pitch and roll of each head in degrees, float32 [S, 3], nan where not known; None: no angle
        is known. Yaw as in `pose_yaw`; pitch positive: chin up; roll positive: clockwise in the image.
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
    angles: np.ndarray | None = None
    place: str = ""

    def __len__(self) -> int:
        return len(self.references)

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """What is known of every sample, by the key that a batch has for it; 'angles' where any is known."""
        classes = {name: getattr(self, name) for name in LABELS}
        return classes if self.angles is None else classes | {ANGLES: self.angles}

    @property
    def angles_known(self) -> dict[str, int]:
        """Of how many samples yaw, pitch and roll are known, of those that are known of any."""
        if self.angles is None:
            return {}
        counts = (~np.isnan(self.angles)).sum(0).tolist()
        return {name: count for name, count in zip(ANGLE_NAMES, counts) if count}

    @property
    def angles_names(self) -> tuple[str, ...]:
        """Those of 'yaw', 'pitch' and 'roll' that are known of any sample."""
        return tuple(self.angles_known)

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
            angles=None if self.angles is None else self.angles[indices],
            darkest=self.darkest[indices] if isinstance(self.darkest, np.ndarray) else self.darkest,
            skipped=self.skipped + tuple(skipped),
        )


class Outputs(NamedTuple):
    """What the network returns for N images.

    Attributes:
      embedding: float32 [N, E], the metric-learning embedding, not normalised.
      expression_logits: float32 [N, classes], or None in a network without an expression head.
      pose_logits: float32 [N, classes], or None in a network without a pose head.
      fused: float32 [N, F], the fused feature f2 of Algorithm 2.
      angles: float32 [N, 3], yaw, pitch and roll in degrees, nan where the network does not tell one; or None
        in a network without a head for them.
      angle_logits: float32 [N, 3, bins], of whose softmax the angles are the mean, where that head has bins.
      centres: float32 [classes, E], a learnt centre for each expression, or None in a network without them.
    """

    embedding: Any
    expression_logits: Any
    pose_logits: Any
    fused: Any
    centres: Any = None
    angles: Any = None
    angle_logits: Any = None

    @property
    def heads(self) -> dict[str, Any]:
        """'expression' and 'pose' -> logits, 'angles' -> degrees, of the heads that the network has."""
        found = {EXPRESSION: self.expression_logits, POSE: self.pose_logits, ANGLES: self.angles}
        return {head: values for head, values in found.items() if values is not None}


class Published(NamedTuple):
    """What weights of another library are to a backbone that knows their names.

    Attributes:
      options: of the backbone's `build`, with which the network has these weights.
      paths: name of a tensor there -> its place in the backbone's variables, ('params', module, 'kernel').
        Kernels lie as PyTorch has them, [out, in, H, W]; they are turned to [H, W, in, out].
      pixels: (mean, deviation) of the channels, as shares of 255, by which their training normalised images;
        () where it is not known.
      folded: epsilon of the BatchNorms that were folded into the convolutions before them, so that the file
        has their offsets alone; 0: none were.
      blue_first: places of the kernels whose input channels are blue, green, red there.
      unseen: options that the weights need and no array's shape shows.
    """

    options: dict[str, Any]
    paths: dict[str, tuple[str, ...]]
    pixels: tuple[tuple[float, ...], ...] = ()
    folded: float = 0.0
    blue_first: tuple[tuple[str, ...], ...] = ()
    unseen: tuple[str, ...] = ()
