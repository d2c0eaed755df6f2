"""The files of a prepared set that hold its images: one shard in every format, and what an example holds."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from dmljax import extras, writing
from dmljax.types import ANGLE_NAMES, ANGLES, EXPRESSION, IDENTITY, IMAGE, LABELS, POSE, Samples

FORMATS = ("array_record", "tfrecord", "array")
SPLIT = "samples"
_PNG = {"format": "PNG", "compress_level": 3}


def write_shard(
    folder: Path,
    samples: Samples,
    images: Iterator[tuple[int, np.ndarray]],
    formats,
    size: int,
    shard: int,
    shards: int,
) -> None:
    """One shard in every format. `images` gives the row in `samples` and the pixels, uint8 [size, size,
    3].
    """
    paths = [path_of(folder, samples.name, name, shard, shards) for name in formats]
    serialise = _examples(samples, size) if set(formats) & set(_RECORDS) else None
    with ExitStack() as whole:
        parts = [whole.enter_context(writing.whole(path)) for path in paths]
        with ExitStack() as stack:
            records = [_RECORDS[name](part, stack) for name, part in zip(formats, parts) if name in _RECORDS]
            arrays = [
                _array(part, len(samples), size, stack)
                for name, part in zip(formats, parts)
                if name == "array"
            ]
            for row, pixels in images:
                example = serialise(row, pixels) if records else None
                for write in records:
                    write(example)
                for write in arrays:
                    write(pixels)


def path_of(folder: Path, name: str, kind: str, shard: int, shards: int) -> Path:
    """Where a shard of the set `name` lies in the format `kind`."""
    return folder / f"{name}-{SPLIT}.{kind}-{shard:05d}-of-{shards:05d}"


def check_formats(formats) -> None:
    """Raises a UserError where a format needs packages that are not installed."""
    if set(formats) & set(_RECORDS):
        tensorflow_datasets()


def tensorflow_datasets():
    """The package, or a UserError that names what is missing and a format that needs none."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    extras.require(
        "tensorflow",
        "tensorflow",
        "tensorflow_datasets",
        purpose="the formats array_record and tfrecord",
        instead="choose the format array",
        parameter="formats",
    )
    import tensorflow_datasets as tfds

    return tfds


def features_of(samples: Samples, size: int):
    """What an example holds, in TFDS's words; a label of -1 is not known."""
    tfds = tensorflow_datasets()
    label = lambda names: tfds.features.ClassLabel(names=list(names) or ["unknown"])
    angles = {ANGLES: tfds.features.Tensor(shape=(len(ANGLE_NAMES),), dtype=np.float32)}
    return tfds.features.FeaturesDict(
        {
            IMAGE: tfds.features.Image(shape=(size, size, 3), encoding_format="png"),
            "reference": tfds.features.Text(),
            EXPRESSION: label(samples.expression_names),
            POSE: label(samples.pose_names),
            IDENTITY: label(samples.identity_names),
            **(angles if samples.angles is not None else {}),
        }
    )


def _examples(samples: Samples, size: int):
    """(row, pixels) -> a serialised example."""
    features = features_of(samples, size)
    import tensorflow as tf

    def serialise(row: int, pixels: np.ndarray) -> bytes:
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, **_PNG)
        png.seek(0)
        example = features.serialize_example(
            features.encode_example(
                {
                    IMAGE: png,
                    "reference": samples.references[row],
                    **{name: int(getattr(samples, name)[row]) for name in LABELS},
                    **({ANGLES: samples.angles[row]} if samples.angles is not None else {}),
                }
            )
        )
        # a protobuf map has no order of its own
        return tf.train.Example.FromString(example).SerializeToString(deterministic=True)

    return serialise


def _array_record(path: Path, stack: ExitStack):
    from array_record.python import array_record_module

    writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
    stack.callback(writer.close)
    return writer.write


def _tfrecord(path: Path, stack: ExitStack):
    import tensorflow as tf

    return stack.enter_context(tf.io.TFRecordWriter(str(path))).write


def _array(path: Path, most: int, size: int, stack: ExitStack):
    """A .npy file of at most `most` images. How many there are is known last, so its header is written twice,
    in the same room.
    """
    file = stack.enter_context(open(path, "wb"))
    count = 0

    def header(images: int) -> int:
        file.seek(0)
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (images, size, size, 3)}
        )
        return file.tell()

    start = header(most)

    def write(pixels: np.ndarray) -> None:
        nonlocal count
        file.write(np.ascontiguousarray(pixels).tobytes())
        count += 1

    def close() -> None:
        if header(count) != start:
            raise OSError(0, f"the header of '{path.name}' does not fit", str(path))

    stack.callback(close)
    return write


_RECORDS = {"array_record": _array_record, "tfrecord": _tfrecord}
